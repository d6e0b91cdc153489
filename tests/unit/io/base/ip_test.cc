#include "io/base/ip.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(IpAddress, ParsesBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->to_string(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8::1")->to_string(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->v4_value(), 0xC0000201U);
}

TEST(IpAddress, RefusesWhatIsNotAnAddress) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "::g", "fe80::1%eth0", "[::1]"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpAddress, UnmapsMappedAddressesOnly) {
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1")->unmap(), *IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(IpAddress::parse("::1")->unmap(), *IpAddress::parse("::1"));
}

TEST(IpAddress, KnowsPrivateRanges) {
  for (const char* text : {"10.0.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "169.254.1.1",
                           "127.0.0.1", "::1", "fd00::1", "fe80::1"}) {
    EXPECT_TRUE(IpAddress::parse(text)->is_private()) << text;
  }
  for (const char* text : {"11.0.0.1", "172.32.0.0", "192.0.2.1", "2001:db8::1", "fec0::1"}) {
    EXPECT_FALSE(IpAddress::parse(text)->is_private()) << text;
  }
}

TEST(Cidr, ContainsUpToTheEdge) {
  const Cidr block = *Cidr::parse("192.0.2.77/26");
  EXPECT_EQ(block.to_string(), "192.0.2.64/26");
  EXPECT_TRUE(block.contains(*IpAddress::parse("192.0.2.64")));
  EXPECT_TRUE(block.contains(*IpAddress::parse("192.0.2.127")));
  EXPECT_FALSE(block.contains(*IpAddress::parse("192.0.2.128")));
  EXPECT_FALSE(block.contains(*IpAddress::parse("192.0.2.63")));
  EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("255.1.2.3")));
  EXPECT_FALSE(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(Cidr::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:7fff::1")));
  EXPECT_FALSE(Cidr::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:8000::1")));
}

TEST(Cidr, RefusesBadLengths) {
  for (const char* text : {"1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/08", "::/129", "/8"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
}

TEST(Endpoint, RoundTrips) {
  for (const char* text : {"192.0.2.1:25", "[2001:db8::1]:2525", "0.0.0.0:0"}) {
    EXPECT_EQ(Endpoint::parse(text)->to_string(), text);
  }
  for (const char* text : {"192.0.2.1", "2001:db8::1:25", "[192.0.2.1]:25", "1.2.3.4:65536", "1.2.3.4:"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sluice

#include "dnscache/resolver/system_files.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::chrono_literals;

Endpoint server(std::string_view address) { return {IpAddress::parse(address).value(), 53}; }
DnsName name(std::string_view text) { return DnsName::from_text(text).value(); }

// Shows: ESE-09
TEST(ResolvConfFile, ReadsServersInOrder) {
  const ResolvConf conf = parse_resolv_conf(
      "# made by hand\n; so was this\n\nsearch example.com\nnameserver 192.0.2.53\r\n"
      "nameserver\t2001:db8::53  \nnameserver 192.0.2.53\n");
  EXPECT_EQ(conf.servers, (std::vector<Endpoint>{server("192.0.2.53"), server("2001:db8::53")}));
  EXPECT_EQ(conf.lines_ignored, 0U);
  EXPECT_FALSE(conf.timeout);
}

TEST(ResolvConfFile, ReadsOptionsWithinTheirBounds) {
  const ResolvConf conf = parse_resolv_conf("options rotate timeout:3 attempts:9 edns0 ndots:x\n");
  EXPECT_EQ(conf.timeout, 3s);
  EXPECT_EQ(conf.attempts, 5U);
  EXPECT_EQ(parse_resolv_conf("options timeout:0").timeout, 1s);
  EXPECT_EQ(parse_resolv_conf("options timeout:99").timeout, 30s);
  EXPECT_FALSE(parse_resolv_conf("options timeout:").timeout);
  EXPECT_FALSE(parse_resolv_conf("options timeout:4x").timeout);
}

TEST(ResolvConfFile, CountsWhatItCannotUse) {
  const ResolvConf conf = parse_resolv_conf(
      "nameserver fe80::1%eth0\nnameserver ns.example.com\nnameserver\nnonsense\nnameserver 192.0.2.1");
  EXPECT_EQ(conf.servers, (std::vector<Endpoint>{server("192.0.2.1")}));
  EXPECT_EQ(conf.lines_ignored, 4U);
}

TEST(ResolvConfFile, KeepsAsManyServersAsTheLimit) {
  std::string text;
  for (size_t i = 0; i <= limits::kDnsServers; ++i) text += "nameserver 192.0.2." + std::to_string(i) + "\n";
  const ResolvConf conf = parse_resolv_conf(text);
  EXPECT_EQ(conf.servers.size(), limits::kDnsServers);
  EXPECT_EQ(conf.lines_ignored, 1U);
}

// Shows: W-35
TEST(HostsFile, GivesAllAddressesOfAName) {
  const HostsTable hosts = parse_hosts(
      "127.0.0.1 localhost\n::1 localhost ip6-localhost # loopback\n192.0.2.1\tMail.Example.com mail\n"
      "192.0.2.2 mail\n192.0.2.1 mail\n# 192.0.2.3 mail\n");
  ASSERT_EQ(hosts.find(name("mail"), IpFamily::V4).size(), 2U);
  EXPECT_EQ(hosts.find(name("mail"), IpFamily::V4)[1], IpAddress::parse("192.0.2.2"));
  EXPECT_TRUE(hosts.find(name("mail"), IpFamily::V6).empty());
  EXPECT_EQ(hosts.find(name("mail.example.com"), IpFamily::V4).size(), 1U);
  EXPECT_EQ(hosts.find(name("localhost"), IpFamily::V6)[0], IpAddress::parse("::1"));
  EXPECT_TRUE(hosts.find(name("gone"), IpFamily::V4).empty());
  EXPECT_EQ(hosts.lines_ignored(), 0U);
  EXPECT_EQ(hosts.size(), 4U);
}

TEST(HostsFile, CountsWhatItCannotUse) {
  const HostsTable hosts = parse_hosts("nonsense mail\n192.0.2.1\n192.0.2.2 a..b\n192.0.2.3 a..b good");
  EXPECT_EQ(hosts.lines_ignored(), 3U);
  EXPECT_EQ(hosts.find(name("good"), IpFamily::V4).size(), 1U);
}

}  // namespace
}  // namespace sluice::dns

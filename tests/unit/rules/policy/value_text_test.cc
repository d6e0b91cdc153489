#include "rules/policy/value_text.h"

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

TEST(SizeText, ReadsUnits) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("512 B"), 512U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("50 MiB"), 52428800U);
  EXPECT_EQ(parse_size("1 GiB"), 1073741824U);
}

TEST(SizeText, RefusesOtherText) {
  for (const char* text : {"", "MiB", "-1", "+1", "1.5 MiB", "1 MB", "1 mib", "1 MiB x",
                           "18446744073709551616", "18014398509481984 KiB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
  EXPECT_TRUE(parse_size("18014398509481983 KiB").has_value());
}

struct HopCase {
  const char* text;
  const char* shown;  // null: refused
};

TEST(HopText, ReadsHostsAddressesAndPorts) {
  const HopCase cases[] = {{"192.0.2.1:2526", "192.0.2.1:2526"},
                           {"192.0.2.1", "192.0.2.1:25"},
                           {"[2001:db8::1]:2526", "[2001:db8::1]:2526"},
                           {"[2001:db8::1]", "[2001:db8::1]:25"},
                           {"2001:db8::1", "[2001:db8::1]:25"},
                           {"::ffff:192.0.2.1", "192.0.2.1:25"},
                           {"Mail.Example.COM:24", "mail.example.com:24"},
                           {"mail.example.com", "mail.example.com:25"},
                           {"bücher.example:25", "xn--bcher-kva.example:25"},
                           {"mail.example.com:0", nullptr},
                           {"mail.example.com:65536", nullptr},
                           {"mail.example.com:", nullptr},
                           {"mail.example.com:2x", nullptr},
                           {"192.0.2.300:25", nullptr},
                           {":25", nullptr},
                           {"", nullptr},
                           {"a b:25", nullptr}};
  for (const HopCase& one : cases) {
    const std::optional<NextHop> hop = parse_hop(one.text);
    EXPECT_EQ(hop.has_value(), one.shown != nullptr) << one.text;
    if (hop && one.shown != nullptr) {
      EXPECT_EQ(hop->to_string(), one.shown);
    }
  }
}

TEST(ServerText, TakesAnAddressWithOrWithoutPort) {
  EXPECT_EQ(parse_server("192.0.2.53", 53)->to_string(), "192.0.2.53:53");
  EXPECT_EQ(parse_server("2001:db8::53", 53)->to_string(), "[2001:db8::53]:53");
  EXPECT_EQ(parse_server("[2001:db8::53]:5353", 53)->to_string(), "[2001:db8::53]:5353");
  EXPECT_EQ(parse_server("127.0.0.1:5353", 53)->to_string(), "127.0.0.1:5353");
  EXPECT_EQ(parse_server("127.0.0.1:0", 53), std::nullopt);
  EXPECT_EQ(parse_server("dns.example", 53), std::nullopt);
}

TEST(StatusText, IsThreeNumbersOfRfc3463) {
  const std::optional<StatusCode> status = parse_status("5.7.23");
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->status_class, 5U);
  EXPECT_EQ(status->subject, 7U);
  EXPECT_EQ(status->detail, 23U);
  EXPECT_TRUE(parse_status("4.999.0").has_value());
  for (const char* text : {"", "5", "5.7", "5.7.", "5.7.1.1", "3.7.1", "6.0.0", "05.7.1", "5.07.1",
                           "5.7.1000", "5.7.x", "5..1", " 5.7.1", "5.7.1 ", "5.-7.1"}) {
    EXPECT_EQ(parse_status(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sluice::policy

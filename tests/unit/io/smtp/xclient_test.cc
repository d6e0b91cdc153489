#include "io/smtp/xclient.h"

#include "io/base/limits.h"
#include "io/base/random.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

// Shows: W-13
TEST(Xclient, ReadsEveryAttribute) {
  const auto read = parse_xclient(
      "NAME=spike.example ADDR=168.100.189.2 PORT=12345 PROTO=ESMTP HELO=he+2Blo LOGIN=user "
      "DESTADDR=IPV6:2001:db8::1 "
      "DESTPORT=25");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name.value, "spike.example");
  EXPECT_EQ(read->addr.value, *IpAddress::parse("168.100.189.2"));
  EXPECT_EQ(read->port.value, 12345);
  EXPECT_EQ(read->proto.value, XclientProtocol::Esmtp);
  EXPECT_EQ(read->helo.value, "he+lo");
  EXPECT_EQ(read->login.value, "user");
  EXPECT_EQ(read->destaddr.value, *IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(read->destport.value, 25);
  EXPECT_TRUE(read->name.given() && read->destport.given());
}

TEST(Xclient, KnowsWhatIsUnavailableFromWhatIsAbsent) {
  const auto read = parse_xclient("name=[unavailable] ADDR=[TEMPUNAVAIL] PROTO=smtp");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name.state, XclientState::Unavailable);
  EXPECT_EQ(read->addr.state, XclientState::TemporarilyUnavailable);
  EXPECT_EQ(read->helo.state, XclientState::Absent);
  EXPECT_EQ(read->proto.value, XclientProtocol::Smtp);
}

TEST(Xclient, UnmapsAddresses) {
  EXPECT_EQ(parse_xclient("ADDR=IPV6:::ffff:192.0.2.1")->addr.value, *IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(parse_xclient("ADDR=2001:db8::1")->addr.value, *IpAddress::parse("2001:db8::1"));
}

TEST(Xclient, RefusesWhatIsNotWellFormed) {
  for (const std::string_view bad : {"",
                                     "   ",
                                     "ADDR",
                                     "ADDR=",
                                     "ADDR=x",
                                     "ADDR=IPV6:192.0.2.1",
                                     "PORT=65536",
                                     "PORT=-1",
                                     "PORT=a",
                                     "PROTO=LMTP",
                                     "FOO=bar",
                                     "=x",
                                     "NAME=a NAME=b",
                                     "HELO=a+0D+0Ab",
                                     "HELO=a+20b",
                                     "HELO=a+00",
                                     "HELO=+",
                                     "HELO=+G0",
                                     "HELO=+FF",
                                     "NAME=a+2"}) {
    EXPECT_EQ(parse_xclient(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_xclient("HELO=" + std::string(256, 'a')), std::nullopt);
  EXPECT_TRUE(parse_xclient("HELO=" + std::string(255, 'a')));
  std::string many;
  for (size_t i = 0; i <= limits::kXclientAttributes; ++i) many += "NAME=[UNAVAILABLE] ";
  EXPECT_EQ(parse_xclient(many), std::nullopt);
}

TEST(Xclient, IsWrittenAsItIsRead) {
  XclientOverrides overrides;
  overrides.name = {XclientState::TemporarilyUnavailable, {}};
  overrides.addr = {XclientState::Given, *IpAddress::parse("2001:db8::7")};
  overrides.port = {XclientState::Given, 25};
  overrides.proto = {XclientState::Given, XclientProtocol::Smtp};
  overrides.helo = {XclientState::Given, "a=b+c"};
  overrides.login = {XclientState::Unavailable, {}};
  std::string out;
  append_xclient(out, overrides);
  EXPECT_EQ(
      out, " NAME=[TEMPUNAVAIL] ADDR=IPV6:2001:db8::7 PORT=25 PROTO=SMTP HELO=a+3Db+2Bc LOGIN=[UNAVAILABLE]");
  EXPECT_EQ(parse_xclient(out), overrides);
  out.clear();
  append_xclient(out, overrides, bit_of(XclientAttribute::Port));
  EXPECT_EQ(out, " PORT=25");
}

TEST(Xclient, NamesItsAttributes) {
  EXPECT_EQ(parse_xclient_attribute("destaddr"), XclientAttribute::DestAddr);
  EXPECT_EQ(parse_xclient_attribute("REVERSE_NAME"), std::nullopt);
  EXPECT_EQ(to_string(XclientAttribute::DestPort), "DESTPORT");
}

TEST(Xtext, ComesBackAsItWas) {
  Random random(1);
  for (int round = 0; round < 500; ++round) {
    std::string value;
    for (uint32_t i = random.below(20); i > 0; --i) value += static_cast<char>(random.below(256));
    std::string encoded;
    append_xtext(encoded, value);
    EXPECT_EQ(encoded.find_first_of("\r\n "), std::string::npos);
    EXPECT_EQ(decode_xtext(encoded), value);
  }
}

}  // namespace
}  // namespace sluice::smtp

#include "dnscache/wire/rdata.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

using namespace std::string_literals;

DnsName name(std::string_view text) { return DnsName::from_text(text).value(); }

std::optional<RecordData> decode(const std::string& rdata, RecordType type) {
  return decode_rdata(rdata, 0, rdata.size(), type);
}

TEST(RecordDataCodec, RoundTripsEachType) {
  const std::vector<std::pair<RecordType, RecordData>> values{
      {RecordType::A, IpAddress::parse("192.0.2.1").value()},
      {RecordType::Aaaa, IpAddress::parse("2001:db8::1").value()},
      {RecordType::Ns, name("ns.example")},
      {RecordType::Cname, name("a.example")},
      {RecordType::Ptr, DnsName()},
      {RecordType::Mx, MailExchange{65535, name("mx.example")}},
      {RecordType::Txt, ""s},
      {RecordType::Txt, std::string(255, 'x')},
      {RecordType::Txt, std::string(256, 'x')},
      {RecordType::Txt, "\0\xff"s},
      {static_cast<RecordType>(99), "v=spf1"s},
  };
  for (const auto& [type, data] : values)
    EXPECT_EQ(decode(encode_rdata(data), type), data) << to_string(type);
}

TEST(RecordDataCodec, WrongSizesAreRefused) {
  const std::vector<std::pair<RecordType, std::string>> values{
      {RecordType::A, "abc"},
      {RecordType::A, "abcde"},
      {RecordType::Aaaa, std::string(15, 'x')},
      {RecordType::Aaaa, std::string(17, 'x')},
      {RecordType::Ns, ""},
      {RecordType::Ns,
       "\x01"
       "a\0x"s},
      {RecordType::Mx, "\0"s},
      {RecordType::Mx, "\0\x01"s},
      {RecordType::Txt, ""},
      {RecordType::Txt,
       "\x02"
       "a"},
      {RecordType::Soa, "\0"s},
  };
  for (const auto& [type, rdata] : values) EXPECT_FALSE(decode(rdata, type)) << to_string(type);
}

TEST(RecordDataCodec, JoinsStringsWithoutAnythingBetween) {
  EXPECT_EQ(decode("\x07v=spf1 \x04-all\x00"s, RecordType::Txt), RecordData("v=spf1 -all"s));
}

TEST(RecordDataCodec, KeepsStringsApartOnTheWire) {
  EXPECT_EQ(encode_text({"ab", "", "c"}),
            "\x02"
            "ab\0\x01"
            "c"s);
  EXPECT_EQ(encode_text({}), "\0"s);
  EXPECT_EQ(encode_text({std::string(300, 'x')}).size(), 302U);
}

TEST(RecordDataCodec, PlacesOutsideTheMessageAreRefused) {
  EXPECT_FALSE(decode_rdata("abcd", 0, 5, RecordType::A));
  EXPECT_FALSE(decode_rdata("abcd", 5, 0, RecordType::Txt));
  EXPECT_FALSE(decode_rdata("abcd", 1, SIZE_MAX, RecordType::A));
  EXPECT_FALSE(decode_soa("abcd", 5, 0));
  EXPECT_FALSE(decode_soa("abcd", 1, SIZE_MAX));
}

TEST(RecordDataCodec, ReadsTheMinimumOfAnSoa) {
  const std::string soa = "\0\0"s + std::string(16, 'x') + "\0\0\x0E\x10"s;
  EXPECT_EQ(decode_soa(soa, 0, soa.size())->minimum, 3600U);
  EXPECT_FALSE(decode_soa(soa, 0, soa.size() - 1));
  EXPECT_FALSE(decode_soa(soa + "x", 0, soa.size() + 1));
}

}  // namespace
}  // namespace sluice::dns

#include "rules/dkim/header_hash.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dkim {
namespace {

std::string relaxed(std::string_view raw) {
  std::string out;
  append_canonical_field(out, Canonicalization::Relaxed, raw);
  return out;
}
std::string simple(std::string_view raw) {
  std::string out;
  append_canonical_field(out, Canonicalization::Simple, raw);
  return out;
}

TEST(CanonicalField, SimpleIsWhatStandsThere) {
  EXPECT_EQ(simple("SubJect  : x \t y \r\n\tz\r\n"), "SubJect  : x \t y \r\n\tz\r\n");
  EXPECT_EQ(simple("A: b"), "A: b\r\n");
}

TEST(CanonicalField, RelaxedIsUnfoldedAndReduced) {
  EXPECT_EQ(relaxed("A: X\r\n"), "a:X\r\n");
  EXPECT_EQ(relaxed("B : Y\t\r\n\tZ  \r\n"), "b:Y Z\r\n");  // RFC 6376 3.4.6
  EXPECT_EQ(relaxed("Subject \t:\t Kimi \t \r\n No \t\r\n Na Wa\r\n"), "subject:Kimi No Na Wa\r\n");
  EXPECT_EQ(relaxed("X:\r\n y\r\n"), "x:y\r\n");
  EXPECT_EQ(relaxed("X:\r\n"), "x:\r\n");
  EXPECT_EQ(relaxed("X: \r\n \r\n\t\r\n"), "x:\r\n");
  EXPECT_EQ(relaxed("X:a:b : c\r\n"), "x:a:b : c\r\n");
  EXPECT_EQ(relaxed("X: a"), "x:a\r\n");
}

TEST(CanonicalField, RelaxedNamesAreInLowerCaseWhateverTheirLength) {
  const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`@{|}~09";
  const std::string lower = "abcdefghijklmnopqrstuvwxyz[\\]^_`@{|}~09";
  for (size_t from = 0; from < upper.size(); ++from) {
    for (size_t size = 1; size <= upper.size() - from; ++size) {
      ASSERT_EQ(relaxed(upper.substr(from, size) + ":"), lower.substr(from, size) + ":\r\n");
      ASSERT_EQ(relaxed(upper.substr(from, size) + " : X\r\n"), lower.substr(from, size) + ":X\r\n");
    }
  }
}

TEST(CanonicalField, KeepsOctetsThatAreNoWhiteSpace) {
  EXPECT_EQ(relaxed(std::string_view("X: a\0b\x01 c\xff\r\n", 12)), std::string("x:a\0b\x01 c\xff\r\n", 11));
  EXPECT_EQ(relaxed("X: a \r b\r\n"), "x:a \r b\r\n");
  EXPECT_EQ(relaxed("X: a\n b\n"), "x:a b\r\n");  // bare LF folds too
}

// Octet by octet, as the RFC puts it in words; compared with what is done by blocks.
std::string relaxed_slowly(std::string_view value) {
  std::string unfolded;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value.substr(i).starts_with("\r\n")) {
      ++i;
    } else if (value[i] != '\n') {
      unfolded.push_back(value[i]);
    }
  }
  std::string out;
  for (const char c : unfolded) {
    const bool space = c == ' ' || c == '\t';
    if (space && (out.empty() || out.back() == ' ')) continue;
    out.push_back(space ? ' ' : c);
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

TEST(CanonicalField, IsTheSameByBlocksAndByOctets) {
  uint32_t dice = 3;
  for (size_t round = 0; round < 20000; ++round) {
    std::string value;
    dice = dice * 1664525 + 1013904223;
    const size_t size = (dice >> 16) % 90;
    while (value.size() < size) {
      dice = dice * 1664525 + 1013904223;
      constexpr std::string_view kParts[] = {"a",        " ",    "  ",          "\t",
                                             "\r\n ",    "word", "longer-word", "\xC3\xA9",
                                             "\r\n\t",   "!",    "\x7f",        "a-word-longer-than-a-block",
                                             "\x80\xff", "\x01", "\r"};
      value += kParts[(dice >> 16) % std::size(kParts)];
    }
    ASSERT_EQ(relaxed("X:" + value + "\r\n"), "x:" + relaxed_slowly(value) + "\r\n")
        << testing::PrintToString(value);
  }
}

TEST(SignatureField, HasItsValueEmptiedAndNoLineEnd) {
  const std::string raw = "DKIM-Signature: v=1; b =\r\n abc\r\n def ; d=x\r\n";
  const std::string_view text = raw;
  const size_t begin = raw.find('=', raw.find("b =")) + 1;
  const std::string_view whole = text.substr(begin, raw.find(';', begin) - begin);
  std::string out;
  append_signature_field(out, Canonicalization::Simple, raw, whole);
  EXPECT_EQ(out, "DKIM-Signature: v=1; b =; d=x");
  out.clear();
  append_signature_field(out, Canonicalization::Relaxed, raw, whole);
  EXPECT_EQ(out, "dkim-signature:v=1; b =; d=x");
}

TEST(SignatureField, MayEndWithItsValue) {
  for (const std::string raw : {"A: b= abc\r\n", "A: b= abc\n", "A: b= abc"}) {
    std::string out;
    append_signature_field(out, Canonicalization::Relaxed, raw, std::string_view(raw).substr(5, 4));
    EXPECT_EQ(out, "a:b=");
  }
  // TagList gives all up to the end of the value: the line end is not in it.
  const std::string raw = "A: b=abc \r\n";
  std::string out;
  append_signature_field(out, Canonicalization::Simple, raw, std::string_view(raw).substr(5, 4));
  EXPECT_EQ(out, "A: b=");
}

TEST(FieldIndex, TakesFromTheBottomAndEachFieldOnce) {
  const std::vector<std::string_view> fields = {"Received: 3\r\n", "FROM: a\r\n", "received : 2\r\n",
                                                "no colon\r\n", "RECEIVED: 1\r\n"};
  FieldIndex index;
  index.build(fields);
  for (int round = 0; round < 2; ++round) {
    index.begin();
    EXPECT_EQ(index.take("Received"), "RECEIVED: 1\r\n");
    EXPECT_EQ(index.take("rEceived"), "received : 2\r\n");
    EXPECT_EQ(index.take("from"), "FROM: a\r\n");
    EXPECT_EQ(index.take("received"), "Received: 3\r\n");
    EXPECT_EQ(index.take("received"), std::nullopt);
    EXPECT_EQ(index.take("from"), std::nullopt);
    EXPECT_EQ(index.take("to"), std::nullopt);
  }
  index.begin(fields[4]);
  EXPECT_EQ(index.take("received"), "received : 2\r\n");
}

TEST(FieldIndex, TellsNamesApart) {
  const std::vector<std::string_view> fields = {"List-Unsubscribe: a\r\n",
                                                "List-Unsubscribe-Post: b\r\n",
                                                "Content-Type: c\r\n",
                                                "Content-Xype: d\r\n",
                                                "a: e\r\n",
                                                "A!: f\r\n"};
  FieldIndex index;
  index.build(fields);
  index.begin();
  EXPECT_EQ(index.take("list-unsubscribe"), fields[0]);
  EXPECT_EQ(index.take("content-type"), fields[2]);
  EXPECT_EQ(index.take("A"), fields[4]);
  EXPECT_EQ(index.take("content-type"), std::nullopt);
}

// A few fields are not sorted; which one a name takes does not depend on that.
TEST(FieldIndex, TakesTheSameOfFewFieldsAsOfMany) {
  const std::vector<std::string> names = {
      "From", "X-a", "X-Long-Name-One", "X-Long-Name-Two", "FROM", "from", "x-A", "X-Long-Name-one", "F",
      "X-a@", "X-a`"};
  std::vector<std::string> texts;
  for (const std::string& name : names) texts.push_back(name + ": 1\r\n");
  std::vector<std::string_view> few(texts.begin(), texts.end());
  std::vector<std::string_view> many = few;
  many.insert(many.begin(), 100, "Y: 2\r\n");
  FieldIndex unsorted, sorted;
  unsorted.build(few);
  sorted.build(many);
  for (const size_t except : {size_t{0}, size_t{5}}) {
    unsorted.begin(few[except]);
    sorted.begin(few[except]);
    for (int round = 0; round < 4; ++round) {
      for (const std::string& name : names) EXPECT_EQ(unsorted.take(name), sorted.take(name)) << name;
    }
  }
  unsorted.begin(few[5]);
  EXPECT_EQ(unsorted.take("from"), few[4]);
  EXPECT_EQ(unsorted.take("from"), few[0]);
  EXPECT_EQ(unsorted.take("from"), std::nullopt);
}

// A message under 1 MiB with as many names as fit that begin and end alike, and signatures over the absence
// of one more such name: what was 25 million comparisons for each signature. Shows: W-38
TEST(FieldIndex, NoNamesMakeFindingOneSlow) {
  constexpr size_t kFields = 9900;
  constexpr size_t kNames = 255;
  const auto name = [](size_t i) {
    std::string digits = std::to_string(100'000 + i);
    return "aaaaaaaaaaaaaaaa" + digits + "aaaaaaaaaaaaaaaa";
  };
  std::vector<std::string> texts;
  for (size_t i = 1; i <= kFields; ++i) texts.push_back(name(i) + ":\r\n");
  const std::vector<std::string_view> fields(texts.begin(), texts.end());
  FieldIndex index;
  index.build(fields);
  EXPECT_LE(index.comparisons(), kFields * 14 * 3);
  const uint64_t built = index.comparisons();
  index.begin();
  for (size_t i = 0; i < kNames; ++i) ASSERT_EQ(index.take(name(0)), std::nullopt);
  EXPECT_LE(index.comparisons() - built, kNames * 14);
  EXPECT_EQ(index.take(name(kFields)), fields.back());
}

// As many fields of one name, each taken once.
TEST(FieldIndex, FieldsOfOneNameAreTakenWithoutGoingOverThemAgain) {
  const std::vector<std::string_view> fields(9900, "X: y\r\n");
  FieldIndex index;
  index.build(fields);
  for (int round = 0; round < 2; ++round) {
    const uint64_t before = index.comparisons();
    index.begin();
    for (size_t i = 0; i < fields.size(); ++i) ASSERT_TRUE(index.take("x"));
    EXPECT_EQ(index.take("x"), std::nullopt);
    EXPECT_EQ(index.comparisons() - before, fields.size() + 1);
  }
}

TEST(SignedHeader, IsTheFieldsInTheirOrderAndThenTheSignature) {
  const std::vector<std::string_view> fields = {"S: b=x\r\n", "A: 1\r\n", "B: 2\r\n", "A: 3\r\n"};
  FieldIndex index;
  index.build(fields);
  std::string out;
  append_signed_header(out, index,
                       {.names = "a : b:c:a:s:a",
                        .own_field = fields[0],
                        .b_whole = fields[0].substr(5, 1),
                        .canonicalization = Canonicalization::Relaxed});
  EXPECT_EQ(out, "a:3\r\nb:2\r\na:1\r\ns:b=");
}

}  // namespace
}  // namespace sluice::dkim

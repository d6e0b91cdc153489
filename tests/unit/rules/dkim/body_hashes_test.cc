#include "rules/dkim/body_hashes.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dkim {
namespace {

constexpr Canonicalization kSimple = Canonicalization::Simple;
constexpr Canonicalization kRelaxed = Canonicalization::Relaxed;

struct Hashed {
  Digest digest{};
  uint64_t octets = 0;
};

Hashed hash_of(Canonicalization canonicalization, const std::vector<std::string>& pieces,
               std::optional<uint64_t> length = {}) {
  BodyHashes body;
  const size_t id = *body.want(canonicalization, length);
  for (const std::string& piece : pieces) body.feed(piece);
  body.finish();
  Hashed hashed;
  std::ranges::copy(body.digest(id), hashed.digest.begin());
  hashed.octets = body.canonical_octets(id);
  return hashed;
}

struct Row {
  const char* body;
  const char* simple;
  const char* relaxed;
};

// What stands in RFC 6376 sections 3.4.3 to 3.4.5, and the corners between.
const Row kRows[] = {
    {"", "\r\n", ""},
    {"\r\n", "\r\n", ""},
    {"\r\n\r\n\r\n", "\r\n", ""},
    {" ", " \r\n", ""},
    {" \r\n\t \r\n", " \r\n\t \r\n", ""},
    {" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
    {"a", "a\r\n", "a\r\n"},
    {"a\r\n", "a\r\n", "a\r\n"},
    {"a\r\n\r\nb", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"},
    {"a\r\n \r\n\r\n", "a\r\n \r\n", "a\r\n"},
    {"a\r\n \r\nb", "a\r\n \r\nb\r\n", "a\r\n\r\nb\r\n"},
    {"a\t", "a\t\r\n", "a\r\n"},
    {"a\tb", "a\tb\r\n", "a b\r\n"},
    {"\ta", "\ta\r\n", " a\r\n"},
    {"\r\na", "\r\na\r\n", "\r\na\r\n"},
    // Not line ends: a CR or LF on its own.
    {"a\r", "a\r\r\n", "a\r\r\n"},
    {"a \r", "a \r\r\n", "a \r\r\n"},
    {"a\r\n\r", "a\r\n\r\r\n", "a\r\n\r\r\n"},
    {"a\r\r\n\r\n", "a\r\r\n", "a\r\r\n"},
    {"a  \rb", "a  \rb\r\n", "a \rb\r\n"},
    {"a  \nb\n\n", "a  \nb\n\n\r\n", "a \nb\n\n\r\n"},
    {"a \r \r\n", "a \r \r\n", "a \r\r\n"},
    {"\n", "\n\r\n", "\n\r\n"},
};

TEST(BodyHashes, AreOfTheCanonicalBody) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(testing::PrintToString(row.body));
    EXPECT_EQ(hash_of(kSimple, {row.body}).digest, sha256(row.simple));
    EXPECT_EQ(hash_of(kSimple, {row.body}).octets, std::string_view(row.simple).size());
    EXPECT_EQ(hash_of(kRelaxed, {row.body}).digest, sha256(row.relaxed));
    EXPECT_EQ(hash_of(kRelaxed, {row.body}).octets, std::string_view(row.relaxed).size());
  }
}

// Shows: P-07
TEST(BodyHashes, AreTheSameForEveryCut) {
  for (const Row& row : kRows) {
    const std::string body = row.body;
    // Bit i of `cuts`: a piece ends behind octet i.
    for (uint32_t cuts = 0; cuts < uint32_t{1} << body.size() && body.size() < 12; ++cuts) {
      std::vector<std::string> pieces(1);
      for (size_t i = 0; i < body.size(); ++i) {
        pieces.back().push_back(body[i]);
        if ((cuts >> i & 1) != 0) pieces.emplace_back();
      }
      ASSERT_EQ(hash_of(kSimple, pieces).digest, sha256(row.simple)) << testing::PrintToString(pieces);
      ASSERT_EQ(hash_of(kRelaxed, pieces).digest, sha256(row.relaxed)) << testing::PrintToString(pieces);
    }
  }
}

// A body of many pieces of every kind, cut everywhere.
TEST(BodyHashes, AreTheSameForEveryCutOfALongBody) {
  std::string body;
  uint32_t dice = 1;
  while (body.size() < 40000) {
    dice = dice * 1664525 + 1013904223;
    constexpr std::string_view kParts[] = {
        "word", " ",        "  ",    "\t",
        "\r\n", "\r\n\r\n", " \r\n", "a longer stretch of text without anything special in it at all",
        "\r",   "\n"};
    body += kParts[(dice >> 16) % std::size(kParts)];
  }
  const Digest simple = hash_of(kSimple, {body}).digest;
  const Digest relaxed = hash_of(kRelaxed, {body}).digest;
  for (const size_t size : {1U, 2U, 3U, 7U, 63U, 64U, 65U, 127U, 128U, 129U, 1000U, 8191U, 8192U, 8193U}) {
    std::vector<std::string> pieces;
    for (size_t at = 0; at < body.size(); at += size) pieces.push_back(body.substr(at, size));
    EXPECT_EQ(hash_of(kSimple, pieces).digest, simple) << size;
    EXPECT_EQ(hash_of(kRelaxed, pieces).digest, relaxed) << size;
  }
}

TEST(BodyHashes, EndWhereLengthSays) {
  for (const Row& row : kRows) {
    const std::string relaxed = row.relaxed;
    for (uint64_t length = 0; length <= relaxed.size(); ++length) {
      const Hashed hashed = hash_of(kRelaxed, {row.body}, length);
      EXPECT_EQ(hashed.digest, sha256(relaxed.substr(0, length)))
          << testing::PrintToString(row.body) << length;
      EXPECT_EQ(hashed.octets, relaxed.size());
    }
  }
}

TEST(BodyHashes, AreAllZeroForALengthBeyondTheBody) {
  EXPECT_EQ(hash_of(kSimple, {"abc"}, 6).digest, Digest{});
  EXPECT_EQ(hash_of(kSimple, {"abc"}, UINT64_MAX).digest, Digest{});
  EXPECT_EQ(hash_of(kSimple, {"abc"}, 6).octets, 5U);
}

TEST(BodyHashes, AreSharedByWhoWantsTheSame) {
  BodyHashes body;
  EXPECT_TRUE(body.empty());
  EXPECT_EQ(body.want(kSimple), 0U);
  EXPECT_EQ(body.want(kRelaxed), 1U);
  EXPECT_EQ(body.want(kSimple), 0U);
  EXPECT_EQ(body.want(kSimple, 3), 2U);
  EXPECT_EQ(body.want(kRelaxed), 1U);
  EXPECT_FALSE(body.empty());
  body.feed("a  b");
  body.finish();
  EXPECT_TRUE(body.finished());
  EXPECT_TRUE(std::ranges::equal(body.digest(0), sha256("a  b\r\n")));
  EXPECT_TRUE(std::ranges::equal(body.digest(1), sha256("a b\r\n")));
  EXPECT_TRUE(std::ranges::equal(body.digest(2), sha256("a  ")));
}

TEST(BodyHashes, AreBoundedInNumber) {
  BodyHashes body;
  for (size_t i = 0; i < limits::kDkimBodyHashes; ++i) EXPECT_EQ(body.want(kSimple, i), i);
  EXPECT_EQ(body.want(kSimple, 1000), std::nullopt);
  EXPECT_EQ(body.want(kRelaxed), std::nullopt);
  EXPECT_EQ(body.want(kSimple, 3), 3U);
}

TEST(BodyHashes, AreUsedAgainAfterReset) {
  BodyHashes body;
  (void)body.want(kRelaxed, 2);
  body.feed("x \r");
  body.reset();
  EXPECT_TRUE(body.empty());
  EXPECT_FALSE(body.finished());
  const size_t id = *body.want(kRelaxed);
  body.feed("\ny");
  body.finish();
  EXPECT_TRUE(std::ranges::equal(body.digest(id), sha256("\ny\r\n")));
}

// Empty lines are counted, not kept: as many as a message can hold.
TEST(BodyHashes, HoldBackEmptyLinesWithoutKeepingThem) {
  std::string lines;
  for (size_t i = 0; i < 1'000'000; ++i) lines += "\r\n";
  EXPECT_EQ(hash_of(kRelaxed, {"a", lines}).digest, sha256("a\r\n"));
  EXPECT_EQ(hash_of(kRelaxed, {"a", lines, "b"}).digest, sha256("a" + lines + "b\r\n"));
}

}  // namespace
}  // namespace sluice::dkim

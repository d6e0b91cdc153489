#include "dnscache/question/name.h"

#include "io/base/ascii.h"
#include "io/base/random.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::dns {
namespace {

TEST(DnsName, FoldsCaseAndDropsTheFinalDot) {
  EXPECT_EQ(*DnsName::from_text("Mail.Example.COM."), *DnsName::from_text("mail.example.com"));
  EXPECT_EQ(DnsName::from_text("Mail.Example")->wire(), std::string_view("\4mail\7example\0", 14));
  EXPECT_TRUE(DnsName::from_text("")->is_root());
  EXPECT_TRUE(DnsName::from_text(".")->is_root());
}

TEST(DnsName, KeepsTheLimitsFromBothSides) {
  const std::string label(63, 'a');
  EXPECT_TRUE(DnsName::from_text(label));
  EXPECT_FALSE(DnsName::from_text(label + "a"));
  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
  EXPECT_EQ(DnsName::from_text(longest)->wire_size(), 255U);
  EXPECT_FALSE(DnsName::from_text(longest + "b"));
  for (const char* text : {"a..b", ".a", "..", "a.."}) EXPECT_FALSE(DnsName::from_text(text)) << text;
}

TEST(DnsName, EscapesWhatIsNotPrintable) {
  EXPECT_EQ(DnsName::from_wire(std::string_view("\4a.\\\1\1b\0", 8))->to_text(), "a\\.\\\\\\001.b");
  EXPECT_EQ(DnsName().to_text(), ".");
}

TEST(DnsName, RefusesBrokenWireForm) {
  EXPECT_FALSE(DnsName::from_wire(std::string_view("\4abc\0", 5)));
  EXPECT_FALSE(DnsName::from_wire(std::string_view("\3abc", 4)));
  EXPECT_FALSE(DnsName::from_wire(std::string_view("\3abc\0x", 6)));
  EXPECT_FALSE(DnsName::from_wire(std::string_view("\xc0\x0c", 2)));
}

TEST(DnsName, KnowsItsAncestors) {
  const DnsName name = *DnsName::from_text("a.b.example");
  EXPECT_TRUE(name.is_at_or_below(*DnsName::from_text("b.example")));
  EXPECT_TRUE(name.is_at_or_below(name));
  EXPECT_TRUE(name.is_at_or_below(DnsName()));
  EXPECT_FALSE(name.is_at_or_below(*DnsName::from_text("xb.example")));
  EXPECT_FALSE(DnsName::from_text("example")->is_at_or_below(name));
  EXPECT_EQ(name.parent(), *DnsName::from_text("b.example"));
  EXPECT_EQ(name.label_count(), 3U);
}

TEST(DnsName, HashDependsOnSeedAndName) {
  const DnsName name = *DnsName::from_text("mail.example.com");
  EXPECT_EQ(name.hash(1), DnsName::from_text("MAIL.example.com")->hash(1));
  EXPECT_NE(name.hash(1), name.hash(2));
  EXPECT_NE(name.hash(1), DnsName::from_text("mail.example.con")->hash(1));
}

// One octet at a time, as RFC 1035 3.1 describes it.
std::optional<std::string> plain_wire(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string wire;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    text.remove_prefix(label.size());
    if (label.empty() || label.size() > 63 || text == ".") return std::nullopt;
    wire += static_cast<char>(label.size());
    for (const char c : label) wire += ascii_lower(c);
    if (!text.empty()) text.remove_prefix(1);
  }
  wire += '\0';
  if (wire.size() > 255) return std::nullopt;
  return wire;
}

TEST(DnsNameModel, ReadsTextAsOneOctetAtATimeWould) {
  constexpr std::string_view kOctets = "..aAzZ@[`{09\x80\xC1\xDA\xFF-\\ ~\x7f";
  Random random(3);
  for (int round = 0; round < 40000; ++round) {
    std::string text(random.below(round % 4 == 0 ? 260 : 40), '.');
    const uint32_t dots = random.below(3);
    for (char& c : text) c = kOctets[random.below(kOctets.size())];
    if (dots != 0) std::ranges::replace_if(text, [&](char c) { return c == '.' && !random.one_in(8); }, 'B');
    const auto expected = plain_wire(text);
    const auto name = DnsName::from_text(text);
    ASSERT_EQ(name.has_value(), expected.has_value()) << text;
    if (!name) continue;
    ASSERT_EQ(name->wire(), *expected) << text;
    std::string upper = *expected;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    ASSERT_EQ(*DnsName::from_wire(upper), *name);
    ASSERT_EQ(DnsName::from_wire(upper)->hash(7), name->hash(7));
    if (name->wire_size() <= DnsName::kPadded) {
      std::string padded = *expected;
      padded.resize(DnsName::kPadded);
      ASSERT_TRUE(name->has_padded_wire(padded.data(), name->wire_size()));
      padded[random.below(static_cast<uint32_t>(name->wire_size()))] ^= 1;
      ASSERT_FALSE(name->has_padded_wire(padded.data(), name->wire_size()));
    }
    std::string folded(random.below(50), '?');  // what stood there before, with room of any size
    if (DnsName::fold_text(text, folded)) {
      ASSERT_EQ(folded, name->to_text());
    } else {
      ASSERT_TRUE(name->is_root() || name->to_text().find('\\') != std::string::npos) << text;
    }
  }
}

TEST(DnsNameModel, WhatANameHeldBeforeDoesNotMatter) {
  Random random(4);
  DnsName reused;
  for (int round = 0; round < 5000; ++round) {
    const std::string text(1 + random.below(63), 'a');
    std::string longer = "b.";
    longer.append(text).append(1, '.').append(text);
    const DnsName fresh = *DnsName::from_text(round % 2 == 0 ? text : longer);
    reused = fresh;
    ASSERT_EQ(reused, fresh);
    ASSERT_EQ(reused.hash(5), fresh.hash(5));
    ASSERT_EQ(reused.parent().hash(5), DnsName::from_wire(reused.parent().wire())->hash(5));
  }
}

TEST(DnsNameModel, EveryOctetCountsInComparisonAndHash) {
  for (size_t size = 1; size <= 130; ++size) {
    std::string text(size, 'a');
    for (size_t dot = 40; dot + 1 < size; dot += 40) text[dot] = '.';
    const DnsName name = *DnsName::from_text(text);
    std::set<uint64_t> hashes{name.hash(1)};
    for (size_t at = 0; at < size; ++at) {
      if (text[at] == '.') continue;
      std::string other = text;
      other[at] = 'b';
      const DnsName changed = *DnsName::from_text(other);
      ASSERT_NE(changed, name) << other;
      ASSERT_TRUE(hashes.insert(changed.hash(1)).second) << other;
    }
  }
}

}  // namespace
}  // namespace sluice::dns

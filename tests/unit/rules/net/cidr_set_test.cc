#include "rules/net/cidr_set.h"

#include "io/base/random.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace sluice::cidr {
namespace {

CidrSet set_of(std::initializer_list<const char*> prefixes) {
  CidrSet set;
  for (const char* text : prefixes) set.add(*Cidr::parse(text));
  return set;
}
std::optional<uint32_t> find(const CidrSet& set, const char* address) {
  return set.first_match(*IpAddress::parse(address));
}

TEST(CidrSet, FindsNothingWhenEmpty) {
  const CidrSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.contains(*IpAddress::parse("192.0.2.1")));
  EXPECT_FALSE(set.contains(*IpAddress::parse("2001:db8::1")));
}

TEST(CidrSet, GivesTheFirstAddedAndNotTheLongest) {
  const CidrSet set = set_of({"10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "0.0.0.0/0"});
  EXPECT_EQ(find(set, "10.1.2.3"), 0U);
  EXPECT_EQ(find(set, "2001:db8::1"), 2U);
  EXPECT_EQ(find(set, "192.0.2.1"), 3U);
  EXPECT_EQ(find(set, "2001:db9::1"), std::nullopt);
}

TEST(CidrSet, KnowsBothSidesOfEveryEdge) {
  const CidrSet set = set_of({"192.0.2.64/26"});
  EXPECT_EQ(find(set, "192.0.2.63"), std::nullopt);
  EXPECT_EQ(find(set, "192.0.2.64"), 0U);
  EXPECT_EQ(find(set, "192.0.2.127"), 0U);
  EXPECT_EQ(find(set, "192.0.2.128"), std::nullopt);
}

TEST(CidrSet, MatchesPrefixesOnBothHalvesOfIpv6) {
  const CidrSet set = set_of({"2001:db8::1/128", "2001:db8:1::/64", "2001:db8:2::8000:0:0:0/65", "8000::/1"});
  EXPECT_EQ(find(set, "2001:db8::1"), 0U);
  EXPECT_EQ(find(set, "2001:db8::2"), std::nullopt);
  EXPECT_EQ(find(set, "2001:db8:1::ffff"), 1U);
  EXPECT_EQ(find(set, "2001:db8:2:0:8000::1"), 2U);
  EXPECT_EQ(find(set, "2001:db8:2:0:7fff::1"), std::nullopt);
  EXPECT_EQ(find(set, "ff02::1"), 3U);
}

TEST(CidrSet, NeverMatchesAcrossFamilies) {
  const CidrSet set = set_of({"::/0"});
  EXPECT_EQ(find(set, "0.0.0.0"), std::nullopt);
  EXPECT_EQ(find(set, "::ffff:192.0.2.1"), 0U);
}

TEST(CidrSet, GivesTheIndexThatTheCallerAttached) {
  CidrSet set;
  set.add(*Cidr::parse("192.0.2.0/24"), 700);
  set.add(*Cidr::parse("198.51.100.0/24"), 700);
  EXPECT_EQ(find(set, "198.51.100.9"), 700U);
}

TEST(CidrSet, IgnoresHostBits) {
  CidrSet set;
  set.add(Cidr{*IpAddress::parse("192.0.2.77"), 24}, 1);
  set.add(Cidr{*IpAddress::parse("2001:db8::77"), 32}, 2);
  EXPECT_EQ(find(set, "192.0.2.1"), 1U);
  EXPECT_EQ(find(set, "2001:db8:ffff::"), 2U);
}

TEST(CidrSet, TakesNoMemoryWhenEmptyAndOneLineOfRowsWhenSmall) {
  CidrSet set;
  set.seal();
  EXPECT_EQ(set.bytes(), 0U);
  EXPECT_FALSE(set.contains(*IpAddress::parse("192.0.2.1")));
  CidrSet small = set_of({"192.0.2.0/24", "198.51.100.0/24"});
  small.seal();
  EXPECT_EQ(small.bytes(), 8 * 8 + 9 * 4U);  // eight rows and their answers
}

TEST(CidrSet, GivesBackSpareRowsWhenSealed) {
  CidrSet set;
  for (uint32_t i = 0; i < 65; ++i) set.add(Cidr::of(IpAddress::v4(i << 8), 24));
  const size_t before = set.bytes();
  set.seal(Form::Rows);
  EXPECT_LE(set.bytes(), before);
  EXPECT_EQ(set.bytes(), 128 * 8 + 129 * 4U);
  EXPECT_EQ(find(set, "0.0.64.255"), 64U);
}

TEST(CidrSet, ChoosesIntervalsAboveTheCrossingPoint) {
  for (const uint32_t rows : {kV4RowsMost, kV4RowsMost + 1}) {
    CidrSet set;
    for (uint32_t i = 0; i < rows; ++i) set.add(Cidr::of(IpAddress::v4(i << 9), 24));
    set.add(*Cidr::parse("2001:db8::/32"));
    set.seal();
    EXPECT_EQ(set.form(IpFamily::V4), rows > kV4RowsMost ? Form::Intervals : Form::Rows);
    EXPECT_EQ(set.form(IpFamily::V6), Form::Rows);
    EXPECT_EQ(find(set, "0.0.62.7"), 31U);
    EXPECT_EQ(find(set, "0.0.63.7"), std::nullopt);
    EXPECT_EQ(find(set, "2001:db8::7"), rows);
  }
}

TEST(CidrSet, CanBeMoved) {
  CidrSet set = set_of({"192.0.2.0/24", "2001:db8::/32"});
  set.seal();
  const CidrSet moved = std::move(set);
  EXPECT_EQ(find(moved, "192.0.2.9"), 0U);
  EXPECT_EQ(find(moved, "2001:db8::9"), 1U);
}

TEST(Kernels, AreFoundByNameWithTheReferenceFirst) {
  EXPECT_EQ(kernels().front().name, "scalar");
  EXPECT_EQ(kernel_named("scalar"), &scalar_kernel());
  EXPECT_EQ(kernel_named("none"), nullptr);
}

// What Highway can run here is in the list, each once, and the last is the one that is used.
TEST(Kernels, AreOneForEachInstructionSet) {
  std::set<std::string_view> names;
  for (const Kernel& kernel : kernels()) EXPECT_TRUE(names.insert(kernel.name).second) << kernel.name;
  EXPECT_EQ(&best_kernel(), &kernels().back());
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    if ((target & (HWY_SCALAR | HWY_EMU128)) != 0) continue;
    EXPECT_NE(kernel_named(hwy::TargetName(target)), nullptr) << hwy::TargetName(target);
  }
}

TEST(Kernels, PaddingIsWholeGroups) {
  EXPECT_EQ(padded_rows(0, 64), 8U);
  EXPECT_EQ(padded_rows(8, 64), 8U);
  EXPECT_EQ(padded_rows(9, 64), 16U);
  EXPECT_EQ(padded_rows(64, 64), 64U);
  EXPECT_EQ(padded_rows(65, 64), 128U);
  EXPECT_EQ(padded_rows(129, 64), 192U);
}

// Both forms by every kernel, sealed and named.
struct Made {
  std::string name;
  CidrSet set;
};
std::vector<Made> in_every_form(const std::vector<Cidr>& prefixes) {
  std::vector<Made> made;
  const auto add = [&](std::string name) -> CidrSet& {
    made.push_back({std::move(name), {}});
    for (const Cidr& prefix : prefixes) made.back().set.add(prefix);
    return made.back().set;
  };
  add("not sealed");
  add("as chosen").seal();
  for (const Kernel& kernel : kernels()) {
    add(std::string(kernel.name) + " rows").seal(Form::Rows, kernel);
    add(std::string(kernel.name) + " intervals").seal(Form::Intervals, kernel);
  }
  return made;
}

std::optional<uint32_t> by_definition(const std::vector<Cidr>& prefixes, const IpAddress& address) {
  for (uint32_t i = 0; i < prefixes.size(); ++i) {
    if (prefixes[i].contains(address)) return i;
  }
  return std::nullopt;
}

// Octets of few values, so that prefixes nest and hits are common.
IpAddress random_address(Random& random, bool v4) {
  std::array<uint8_t, 16> octets{};
  for (uint8_t& octet : octets) {
    const uint32_t kind = random.below(8);
    octet = kind == 0 ? 0xff : static_cast<uint8_t>(kind < 4 ? 0 : random.below(4) << 6);
  }
  if (!v4) return IpAddress::v6(octets);
  return IpAddress::v4(uint32_t{octets[0]} << 24 | uint32_t{octets[1]} << 16 | uint32_t{octets[2]} << 8 |
                       octets[3]);
}

// The address one below or above; none at the end of the family.
std::optional<IpAddress> beside(const IpAddress& address, bool above) {
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(address.bytes(), octets.begin());
  for (size_t i = address.bytes().size(); i-- > 0;) {
    octets[i] = static_cast<uint8_t>(octets[i] + (above ? 1 : 0xff));
    if (octets[i] == (above ? 0 : 0xff)) continue;
    if (!address.is_v4()) return IpAddress::v6(octets);
    return IpAddress::v4(uint32_t{octets[0]} << 24 | uint32_t{octets[1]} << 16 | uint32_t{octets[2]} << 8 |
                         octets[3]);
  }
  return std::nullopt;
}

IpAddress last_of(const Cidr& prefix) {
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(prefix.network.bytes(), octets.begin());
  for (unsigned bit = prefix.length; bit < prefix.network.bits(); ++bit)
    octets[bit / 8] = static_cast<uint8_t>(octets[bit / 8] | 0x80 >> bit % 8);
  if (!prefix.network.is_v4()) return IpAddress::v6(octets);
  return IpAddress::v4(uint32_t{octets[0]} << 24 | uint32_t{octets[1]} << 16 | uint32_t{octets[2]} << 8 |
                       octets[3]);
}

void expect_all_agree(const std::vector<Cidr>& prefixes, const std::vector<IpAddress>& probes) {
  const std::vector<Made> made = in_every_form(prefixes);
  for (const IpAddress& probe : probes) {
    const std::optional<uint32_t> expected = by_definition(prefixes, probe);
    for (const Made& one : made) {
      ASSERT_EQ(one.set.first_match(probe), expected)
          << one.name << " " << probe.to_string() << " among " << prefixes.size();
    }
  }
}

// Goal: every kernel in every form agrees with the plain definition. Method: seeded random prefixes, nested,
// repeated and overlapping; probes are random and at both sides of both ends of every prefix.
TEST(Kernels, AgreeWithTheDefinitionOnRandomSets) {
  Random random(7);
  for (int round = 0; round < 150; ++round) {
    const uint32_t most = round % 3 == 0 ? 12 : (round % 3 == 1 ? 60 : 200);
    std::vector<Cidr> prefixes;
    std::vector<IpAddress> probes;
    for (uint32_t i = random.below(most); i > 0; --i) {
      const bool v4 = random.one_in(2);
      const Cidr prefix =
          Cidr::of(random_address(random, v4), static_cast<uint8_t>(random.below(v4 ? 33 : 129)));
      prefixes.push_back(prefix);
      if (!random.one_in(4)) continue;
      for (const IpAddress& end : {prefix.network, last_of(prefix)}) {
        probes.push_back(end);
        for (const bool above : {false, true}) {
          if (const auto next = beside(end, above)) probes.push_back(*next);
        }
      }
    }
    for (int i = 0; i < 40; ++i) probes.push_back(random_address(random, random.one_in(2)));
    expect_all_agree(prefixes, probes);
  }
}

TEST(Kernels, AgreeAtTheEndsOfTheFamilies) {
  const std::vector<IpAddress> probes = {IpAddress::v4(0),
                                         IpAddress::v4(1),
                                         IpAddress::v4(0x7fffffff),
                                         IpAddress::v4(0x80000000),
                                         IpAddress::v4(0xfffffffe),
                                         IpAddress::v4(0xffffffff),
                                         *IpAddress::parse("::"),
                                         *IpAddress::parse("::ffff:192.0.2.1"),
                                         *IpAddress::parse("7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                                         *IpAddress::parse("8000::"),
                                         *IpAddress::parse("2001:db8::ffff:ffff:ffff:ffff"),
                                         *IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")};
  const std::vector<std::vector<const char*>> sets = {
      {"0.0.0.0/0", "::/0"},
      {"0.0.0.0/32", "255.255.255.255/32", "::/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
      {"128.0.0.0/1", "0.0.0.0/1", "8000::/1", "::/1"},
      {"255.255.255.254/31", "0.0.0.0/0", "2001:db8::8000:0:0:0/65", "::/0"},
      {"::ffff:192.0.2.0/120", "192.0.2.0/24", "::ffff:0:0/96"},
      {"0.0.0.0/0", "10.0.0.0/8", "0.0.0.0/0"},
  };
  for (const auto& texts : sets) {
    std::vector<Cidr> prefixes;
    for (const char* text : texts) prefixes.push_back(*Cidr::parse(text));
    expect_all_agree(prefixes, probes);
  }
}

// Sizes at which the padding, the groups and the levels of nodes change; every address around every prefix.
TEST(Kernels, AgreeAtEverySizeOfATable) {
  for (const uint32_t rows :
       {1U, 7U, 8U, 9U, 16U, 17U, 32U, 33U, 63U, 64U, 65U, 127U, 128U, 129U, 136U, 137U, 300U}) {
    std::vector<Cidr> prefixes;
    std::vector<IpAddress> probes;
    for (uint32_t i = 0; i < rows; ++i) {
      const uint32_t place = rows - i;  // the order of the rows is not that of the addresses
      prefixes.push_back(Cidr::of(IpAddress::v4(place * 4), 31));
      std::array<uint8_t, 16> octets{0x20, 1, 0xd, 0xb8};
      octets[7] = static_cast<uint8_t>(place >> 4);
      octets[15] = static_cast<uint8_t>(place << 4);
      prefixes.push_back(Cidr::of(IpAddress::v6(octets), 126));
      for (uint32_t step = 0; step < 4; ++step) {
        probes.push_back(IpAddress::v4(place * 4 + step));
        octets[15] = static_cast<uint8_t>(place << 4 | step * 3);
        probes.push_back(IpAddress::v6(octets));
      }
    }
    expect_all_agree(prefixes, probes);
  }
}

}  // namespace
}  // namespace sluice::cidr

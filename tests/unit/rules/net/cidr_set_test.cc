#include "rules/net/cidr_set.h"

#include "io/base/random.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

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

TEST(Kernels, AreFoundByNameWithTheReferenceFirst) {
  EXPECT_EQ(kernels().front().name, "scalar");
  EXPECT_EQ(kernel_named("scalar"), &scalar_kernel());
  EXPECT_EQ(kernel_named("none"), nullptr);
}

// Goal: every kernel agrees with the plain definition. Method: seeded random prefixes of short networks, so
// that hits are common; the expected row is found by Cidr::contains.
TEST(Kernels, AgreeWithTheDefinitionOnRandomSets) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Cidr> prefixes;
    CidrSet set;
    for (uint32_t i = random.below(40); i > 0; --i) {
      std::array<uint8_t, 16> octets{};
      for (uint8_t& octet : octets) octet = static_cast<uint8_t>(random.below(4) << 6);
      const bool v4 = random.one_in(2);
      const IpAddress network = v4 ? IpAddress::v4(random.below(256) << 24) : IpAddress::v6(octets);
      prefixes.push_back(Cidr::of(network, static_cast<uint8_t>(random.below(v4 ? 33 : 129))));
      set.add(prefixes.back());
    }
    for (int probe = 0; probe < 50; ++probe) {
      std::array<uint8_t, 16> octets{};
      for (uint8_t& octet : octets) octet = static_cast<uint8_t>(random.below(4) << 6);
      const IpAddress address =
          random.one_in(2) ? IpAddress::v4(random.below(256) << 24) : IpAddress::v6(octets);
      std::optional<uint32_t> expected;
      for (uint32_t i = 0; i < prefixes.size() && !expected; ++i) {
        if (prefixes[i].contains(address)) expected = i;
      }
      for (const Kernel& kernel : kernels())
        EXPECT_EQ(set.first_match(address, kernel), expected) << kernel.name;
    }
  }
}

}  // namespace
}  // namespace sluice::cidr

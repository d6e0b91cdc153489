#include "rules/dmarc/suffixes.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dmarc {
namespace {

PublicSuffixes list(std::string_view text) {
  auto made = PublicSuffixes::from_octets(text);
  EXPECT_TRUE(made);
  return std::move(*made);
}

TEST(PublicSuffixes, GiveTheOrganization) {
  const PublicSuffixes suffixes = list("com\nuk\nco.uk\n*.ck\n!www.ck\n");
  const auto organization = [&](const std::string& domain) {
    return std::string(suffixes.organizational_domain(domain));
  };
  EXPECT_EQ(organization("a.b.example.com"), "example.com");
  EXPECT_EQ(organization("a.example.co.uk"), "example.co.uk");
  EXPECT_EQ(organization("a.b.c.ck"), "b.c.ck");
  EXPECT_EQ(organization("a.www.ck"), "www.ck");
  EXPECT_EQ(organization("a.b.unlisted"), "b.unlisted");
}

TEST(PublicSuffixes, AreTheirOwnOrganization) {
  const PublicSuffixes suffixes = list("com\nco.uk\n");
  EXPECT_EQ(suffixes.organizational_domain("co.uk"), "co.uk");
  EXPECT_EQ(suffixes.organizational_domain("com"), "com");
  EXPECT_TRUE(suffixes.is_public_suffix("com"));
  EXPECT_FALSE(suffixes.is_public_suffix("example.com"));
}

TEST(PublicSuffixes, RefuseWhatIsNoList) {
  for (const std::string& octets :
       {std::string(), std::string("// only a comment\n"), std::string(20, '\0')}) {
    EXPECT_FALSE(PublicSuffixes::from_octets(octets)) << octets.size();
  }
}

}  // namespace
}  // namespace sluice::dmarc

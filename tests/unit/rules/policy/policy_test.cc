#include "rules/policy/policy.h"

#include "tests/unit/rules/policy/policy_text.h"

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

const IpAddress kOutside = ip("203.0.113.1");
const IpAddress kTrusted = ip("198.18.0.1");

TEST(PolicyVersion, NamesTextAndSerial) {
  EXPECT_EQ((PolicyVersion{0x1fULL, 3}.to_string()), "000000000000001f-3");
  EXPECT_NE(hash_of_document("a"), hash_of_document("b"));
  EXPECT_EQ(hash_of_document(""), 0xcbf29ce484222325ULL);
  const Policy policy = policy_of(kBase);
  EXPECT_EQ(policy.version().hash, hash_of_document(kBase));
  EXPECT_EQ(policy.version().serial, 1U);
}

TEST(PolicyDomains, AreFoundExactlyInAnyFormOfTheName) {
  const Policy policy = policy_of(
      "[[listener]]\naddress = \"127.0.0.1:2525\"\n"
      "[[domain]]\nname = \"B\xc3\xbc"
      "cher.example\"\nnext_hops = [\"127.0.0.1:2526\"]\n"
      "[[domain]]\nname = \"example.com\"\nnext_hops = [\"127.0.0.1:2526\"]\n");
  ASSERT_NE(policy.find_domain("EXAMPLE.com"), nullptr);
  EXPECT_EQ(policy.find_domain("example.com.")->name, "example.com");
  ASSERT_NE(policy.find_domain("xn--bcher-kva.example"), nullptr);
  ASSERT_NE(policy.find_domain("b\xc3\xbc"
                               "cher.example"),
            nullptr);
  EXPECT_EQ(policy.find_domain("sub.example.com"), nullptr);
  EXPECT_EQ(policy.find_domain("com"), nullptr);
  EXPECT_EQ(policy.find_domain(""), nullptr);
  EXPECT_EQ(policy.find_domain("exa mple.com"), nullptr);
}

// Shows: RUL-03, RUL-04
TEST(PolicyRules, DefaultRuleAppliesWhereADomainHasNone) {
  const Policy policy = policy_of(rule_text(""));
  EXPECT_EQ(policy.rule_for(*policy.find_domain("example.com")).name, "r");
  EXPECT_TRUE(policy.rule_for(*policy.find_domain("other.example")).is_default);
  EXPECT_EQ(policy.default_rule().name, "default");
  EXPECT_EQ(policy.rule_set_domains().size(), 2U);
}

TEST(PolicyBind, ManagedDomainGoesToItsNextHopUnderItsRule) {
  const Policy policy = policy_of(rule_text(""));
  const RecipientBinding binding = policy.bind(kOutside, Direction::Inbound, {"joe", "Example.com"});
  EXPECT_EQ(binding.route, RouteKind::Relay);
  EXPECT_TRUE(binding.accepted());
  ASSERT_EQ(binding.next_hops.size(), 1U);
  EXPECT_EQ(binding.next_hops.front().to_string(), "127.0.0.1:2526");
  EXPECT_EQ(binding.rule->name, "r");
  EXPECT_EQ(binding.recipient_domain, "example.com");
  EXPECT_FALSE(binding.exempt);
}

// Shows: SPF-01
TEST(PolicyBind, OutboundListenerHasNoRule) {
  const Policy policy = policy_of(rule_text(""));
  const RecipientBinding binding = policy.bind(kOutside, Direction::Outbound, {"joe", "example.com"});
  EXPECT_EQ(binding.route, RouteKind::Relay);
  EXPECT_EQ(binding.rule, nullptr);
}

// Shows: W-12
TEST(PolicyBind, UnmanagedDomainIsForTrustedClientsOnly) {
  const Policy policy = policy_of(kBase);
  for (const Direction direction : {Direction::Inbound, Direction::Outbound}) {
    const RecipientBinding denied = policy.bind(kOutside, direction, {"joe", "elsewhere.example"});
    EXPECT_EQ(denied.route, RouteKind::RelayDenied);
    EXPECT_FALSE(denied.accepted());
    const RecipientBinding allowed = policy.bind(kTrusted, direction, {"joe", "elsewhere.example"});
    EXPECT_EQ(allowed.route, RouteKind::Outbound);
    EXPECT_EQ(allowed.next_hops.front().to_string(), "192.0.2.99:25");
    EXPECT_EQ(allowed.rule, nullptr);
  }
  EXPECT_EQ(policy.bind(ip("198.19.0.0"), Direction::Inbound, {"joe", "elsewhere.example"}).route,
            RouteKind::RelayDenied);
}

// Shows: W-12
TEST(PolicyBind, TrustedClientIsDeniedWithoutAnOutboundHop) {
  const Policy policy = policy_of(
      "trusted_networks = [\"198.18.0.0/16\"]\n[[listener]]\naddress = \"127.0.0.1:2525\"\n"
      "[[domain]]\nname = \"example.com\"\nnext_hops = [\"127.0.0.1:2526\"]\n");
  EXPECT_EQ(policy.bind(kTrusted, Direction::Inbound, {"joe", "elsewhere.example"}).route,
            RouteKind::RelayDenied);
}

TEST(PolicyBind, NobodyRelaysToWhatIsNoDomain) {
  const Policy policy = policy_of(kBase);
  for (const char* domain : {"", "[192.0.2.1]", "a@b.example", "exa mple.com", "192.0.2.1"}) {
    EXPECT_EQ(policy.bind(kTrusted, Direction::Inbound, {"joe", domain}).route, RouteKind::RelayDenied)
        << domain;
  }
}

// Shows: W-11
TEST(PolicyBind, BarePostmasterGoesToThePostmasterDomain) {
  const Policy first = policy_of(kBase);
  const RecipientBinding binding = first.bind(kOutside, Direction::Inbound, {"PostMaster", ""});
  EXPECT_EQ(binding.route, RouteKind::Relay);
  EXPECT_EQ(binding.recipient_domain, "example.com");
  EXPECT_TRUE(binding.exempt);
  const Policy named = policy_of("postmaster_domain = \"other.example\"\n" + std::string(kBase));
  EXPECT_EQ(named.bind(kOutside, Direction::Inbound, {"postmaster", ""}).recipient_domain, "other.example");
  const Policy none = policy_of("[[listener]]\naddress = \"127.0.0.1:2525\"\n");
  EXPECT_EQ(none.bind(kOutside, Direction::Inbound, {"postmaster", ""}).route, RouteKind::NoSuchDestination);
  EXPECT_EQ(first.bind(kOutside, Direction::Inbound, {"joe", ""}).route, RouteKind::RelayDenied);
}

// Shows: W-15
TEST(PolicyBind, PostmasterAndAbuseOfManagedDomainsAreExempt) {
  const Policy policy = policy_of(kBase);
  EXPECT_TRUE(policy.bind(kOutside, Direction::Inbound, {"Abuse", "example.com"}).exempt);
  EXPECT_TRUE(policy.bind(kOutside, Direction::Inbound, {"postmaster", "other.example"}).exempt);
  EXPECT_FALSE(policy.bind(kOutside, Direction::Inbound, {"abuse2", "example.com"}).exempt);
  EXPECT_FALSE(policy.bind(kTrusted, Direction::Inbound, {"abuse", "elsewhere.example"}).exempt);
  const Policy off = policy_of(with_base("[authentication]\nexempt_postmaster_and_abuse = false\n"));
  EXPECT_FALSE(off.bind(kOutside, Direction::Inbound, {"abuse", "example.com"}).exempt);
}

// Shows: W-4
TEST(PolicyBind, GroupsShareHopAndRuleAndExemption) {
  const Policy policy = policy_of(
      "[[listener]]\naddress = \"127.0.0.1:2525\"\n"
      "[[domain]]\nname = \"a.example\"\nnext_hops = [\"127.0.0.1:2526\"]\n"
      "[[domain]]\nname = \"b.example\"\nnext_hops = [\"127.0.0.1:2526\"]\n"
      "[[domain]]\nname = \"c.example\"\nnext_hops = [\"127.0.0.1:2527\"]\n"
      "[[domain]]\nname = \"d.example\"\nnext_hops = [\"127.0.0.1:2526\"]\n"
      "[[spf.rule]]\ndomains = [\"d.example\"]\nenabled = true\n");
  const auto bind = [&policy](const char* local, const char* domain) {
    return policy.bind(kOutside, Direction::Inbound, {local, domain});
  };
  const RecipientBinding first = bind("joe", "a.example");
  EXPECT_TRUE(bind("ann", "a.example").same_group_as(first));
  EXPECT_TRUE(bind("ann", "b.example").same_group_as(first));
  EXPECT_FALSE(bind("ann", "c.example").same_group_as(first));
  EXPECT_FALSE(bind("ann", "d.example").same_group_as(first));
  EXPECT_FALSE(bind("abuse", "a.example").same_group_as(first));
}

TEST(PolicyNetworks, MatchMappedAddressesAsIpv4) {
  const std::vector<Cidr> networks{*Cidr::parse("192.0.2.0/24"), *Cidr::parse("2001:db8::/32")};
  EXPECT_TRUE(contains(networks, ip("192.0.2.1")));
  EXPECT_TRUE(contains(networks, ip("::ffff:192.0.2.1")));
  EXPECT_TRUE(contains(networks, ip("2001:db8::1")));
  EXPECT_FALSE(contains(networks, ip("192.0.3.1")));
  EXPECT_FALSE(contains({}, ip("192.0.2.1")));
}

}  // namespace
}  // namespace sluice::policy

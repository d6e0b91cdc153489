#include "rules/policy/spf_rule.h"

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::Sender;

Client client_at(std::string_view address) {
  Client client;
  client.address = *IpAddress::parse(address);
  return client;
}

// Shows: RUL-08, D-1
TEST(Presets, TmemsDeletesFailAndNothingElse) {
  const PresetTable preset = preset_table(Preset::Tmems);
  EXPECT_EQ(preset.name, "tmems");
  EXPECT_EQ(preset.actions.at(SpfResult::Fail), Action::Delete);
  for (const SpfResult result : kActionableResults) {
    if (result != SpfResult::Fail) {
      EXPECT_EQ(preset.actions.at(result), Action::Pass);
    }
  }
  EXPECT_EQ(preset.enforce_at, EnforceAt::EndOfData);
}

// Shows: D-1
TEST(Presets, RejectRefusesFailAtRcpt) {
  const PresetTable preset = preset_table(Preset::Reject);
  EXPECT_EQ(preset.actions.at(SpfResult::Fail), Action::Reject);
  for (const SpfResult result : kActionableResults) {
    if (result != SpfResult::Fail) {
      EXPECT_EQ(preset.actions.at(result), Action::Pass);
    }
  }
  EXPECT_EQ(preset.enforce_at, EnforceAt::Rcpt);
}

// Shows: RUL-17, D-1
TEST(Presets, ObserveDoesNothingAndWritesTheHeader) {
  const PresetTable preset = preset_table(Preset::Observe);
  EXPECT_EQ(preset.actions, ActionTable{});
  EXPECT_TRUE(preset.insert_header);
}

// Shows: W-32
TEST(Presets, RejectAuthenticatedRefusesFailAtTheEndOfDataOnly) {
  const PresetTable preset = preset_table(Preset::RejectAuthenticated);
  EXPECT_EQ(preset.name, "reject-authenticated");
  for (const SpfResult result : kActionableResults) {
    EXPECT_EQ(preset.actions.at(result), result == SpfResult::Fail ? Action::Reject : Action::Pass);
  }
  EXPECT_EQ(preset.enforce_at, EnforceAt::EndOfData);
  EXPECT_TRUE(preset.unless_authenticated);
  EXPECT_FALSE(preset_table(Preset::Reject).unless_authenticated);
}

// Shows: D-1
TEST(Presets, ImsvaBlocksAndDefers) {
  const PresetTable preset = preset_table(Preset::Imsva);
  EXPECT_EQ(preset.actions.at(SpfResult::Fail), Action::Reject);
  EXPECT_EQ(preset.actions.at(SpfResult::TempError), Action::Defer);
  for (const SpfResult result :
       {SpfResult::SoftFail, SpfResult::Neutral, SpfResult::None, SpfResult::PermError}) {
    EXPECT_EQ(preset.actions.at(result), Action::Pass);
  }
  EXPECT_EQ(preset.enforce_at, EnforceAt::Rcpt);
}

TEST(ActionTable, SetsEachCellAlone) {
  for (const SpfResult result : kActionableResults) {
    ActionTable table;
    table.set(result, Action::Defer);
    for (const SpfResult other : kActionableResults) {
      EXPECT_EQ(table.at(other), other == result ? Action::Defer : Action::Pass);
    }
  }
}

// Shows: RUL-09
TEST(ActionTableDeathTest, HasNoCellForPass) {
  ActionTable table;
  EXPECT_EQ(table.at(SpfResult::Pass), Action::Pass);
  EXPECT_DEATH(table.set(SpfResult::Pass, Action::Reject), "");
}

TEST(ReplyTriple, PrintsOneLine) {
  EXPECT_EQ((ReplyTriple{550, "5.7.1", "SPF check failed"}.to_string()), "550 5.7.1 SPF check failed");
}

struct PeerCase {
  const char* entry;
  PeerKind kind;
};

// Shows: RUL-15
TEST(PeerEntry, TellsItsKinds) {
  const PeerCase cases[] = {{"user@example.com", PeerKind::Address},   {"example.com", PeerKind::Domain},
                            {".example.com", PeerKind::DomainTree},    {"192.0.2.0/24", PeerKind::Network},
                            {"192.0.2.7", PeerKind::Network},          {"2001:db8::/32", PeerKind::Network},
                            {"2001:db8::1", PeerKind::Network},        {"<>", PeerKind::NullSender},
                            {"\"a@b\"@example.com", PeerKind::Address}};
  for (const PeerCase& one : cases) {
    const std::optional<PeerEntry> entry = PeerEntry::parse(one.entry);
    ASSERT_TRUE(entry.has_value()) << one.entry;
    EXPECT_EQ(entry->kind, one.kind) << one.entry;
    EXPECT_EQ(entry->text, one.entry);
  }
  for (const char* text : {"", "@example.com", "user@", "user@192.0.2.1", "192.0.2.0/33", "192.0.2.300",
                           "2001:db8::/129", "a b.example", ".", "*.example.com", "<", "user@exa mple.com"}) {
    EXPECT_EQ(PeerEntry::parse(text), std::nullopt) << text;
  }
}

struct MatchCase {
  const char* entry;
  const char* ip;
  Sender sender;
  bool matches;
};

// Shows: RUL-15
TEST(PeerEntry, MatchesSenderOrClient) {
  const MatchCase cases[] = {
      {"user@example.com", "192.0.2.1", {"User", "EXAMPLE.com"}, true},
      {"user@example.com", "192.0.2.1", {"other", "example.com"}, false},
      {"user@example.com", "192.0.2.1", {"user", "sub.example.com"}, false},
      {"example.com", "192.0.2.1", {"x", "example.COM"}, true},
      {"example.com", "192.0.2.1", {"x", "sub.example.com"}, false},
      {".example.com", "192.0.2.1", {"x", "sub.example.com"}, true},
      {".example.com", "192.0.2.1", {"x", "example.com"}, true},
      {".example.com", "192.0.2.1", {"x", "badexample.com"}, false},
      {"bücher.example", "192.0.2.1", {"x", "xn--bcher-kva.example"}, true},
      {"192.0.2.0/24", "192.0.2.255", {"x", "a.example"}, true},
      {"192.0.2.0/24", "192.0.3.0", {"x", "a.example"}, false},
      {"192.0.2.0/24", "::ffff:192.0.2.9", {"x", "a.example"}, true},
      {"2001:db8::/32", "2001:db8:ffff::1", {"x", "a.example"}, true},
      {"2001:db8::/32", "2001:db9::1", {"x", "a.example"}, false},
      {"<>", "192.0.2.1", {}, true},
      {"<>", "192.0.2.1", {"x", "a.example"}, false},
      {"example.com", "192.0.2.1", {}, false},
      {".example.com", "192.0.2.1", {}, false},
      {"example.com", "192.0.2.1", {"x", "exa mple.com"}, false},
  };
  for (const MatchCase& one : cases) {
    const std::optional<PeerEntry> entry = PeerEntry::parse(one.entry);
    ASSERT_TRUE(entry.has_value());
    EXPECT_EQ(entry->matches(client_at(one.ip), one.sender), one.matches)
        << one.entry << " " << one.ip << " " << one.sender.text();
  }
}

TEST(PeerEntry, FirstMatchOfAListIsNamed) {
  const std::vector<PeerEntry> entries{*PeerEntry::parse("203.0.113.0/24"), *PeerEntry::parse("192.0.2.0/24"),
                                       *PeerEntry::parse("192.0.2.1")};
  const PeerEntry* match = find_match(entries, client_at("192.0.2.1"), {});
  ASSERT_NE(match, nullptr);
  EXPECT_EQ(match->text, "192.0.2.0/24");
  EXPECT_EQ(find_match(entries, client_at("198.51.100.1"), {}), nullptr);
  EXPECT_EQ(find_match({}, client_at("198.51.100.1"), {}), nullptr);
}

}  // namespace
}  // namespace sluice::policy

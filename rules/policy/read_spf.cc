#include "io/base/ascii.h"
#include "rules/policy/draft.h"
#include "rules/policy/rule_reader.h"
#include "rules/policy/section_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr size_t kFieldName = 64;

// In the order of kActionableResults.
constexpr std::array<std::string_view, kActionableResults.size()> kResultKeys{
    "fail", "softfail", "neutral", "none", "permerror", "temperror"};

bool is_field_name(std::string_view name) {
  return starts_with_ignore_case(name, "X-") && name.size() > 2 && name.size() <= kFieldName &&
         std::ranges::all_of(name, [](char c) { return is_ascii_alnum(c) || c == '-' || c == '_'; });
}

void read_result_header(const DocumentNode* table, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("result_header"), table, "result_header", diagnostics);
  ResultHeaderSettings& header = draft.sections.result_header;
  header.name = reader.text("name");
  if (!is_field_name(header.name)) {
    reader.error(
        "name",
        fmt::format("\"{}\" cannot be the name of a result header; write \"X-\" and then letters, digits and "
                    "hyphens, {} in all at most",
                    shown(header.name), kFieldName));
  }
  header.received_spf = reader.boolean("received_spf");
  header.authentication_results = reader.boolean("authentication_results");
  header.tm_forms = reader.boolean("tm_forms");
  header.authserv_id = reader.domain("authserv_id");
  if (header.authserv_id.empty()) header.authserv_id = draft.sections.node.hostname;
}

void read_small_sections(SectionReader& top, Draft& draft, Diagnostics& diagnostics) {
  SectionReader events(find_section("events"), top.table("events"), "events", diagnostics);
  draft.sections.spf.events = static_cast<SpfEvents>(events.choice("spf").value_or(0));
  SectionReader authentication(find_section("authentication"), top.table("authentication"), "authentication",
                               diagnostics);
  draft.sections.spf.exempt_postmaster = authentication.boolean("exempt_postmaster_and_abuse");
}

// Nothing where none is given, or not one that this preset allows.
std::optional<Action> read_result_action(SectionReader& reader, std::string_view key, const SpfRule& rule) {
  const std::optional<Action> action = read_action(reader, key);
  if (action && rule.preset == Preset::Observe && *action != Action::Pass) {
    reader.error(
        key, fmt::format("the preset \"observe\" never changes delivery; write \"pass\", or choose another "
                         "preset to {}",
                         to_word(*action)));
    return std::nullopt;
  }
  return action;
}

void read_actions(const DocumentNode* table, const std::string& rule_path, SpfRule& rule,
                  Diagnostics& diagnostics) {
  static constexpr std::array<std::string_view, 1> kHandled{"pass"};
  SectionReader reader(find_section("spf.rule.actions"), table, rule_path + ".actions", diagnostics,
                       kHandled);
  if (reader.given("pass")) {
    reader.error("pass", "Pass is never intercepted and takes no action; remove this line");
  }
  for (size_t i = 0; i < kResultKeys.size(); ++i) {
    const std::optional<Action> action = read_result_action(reader, kResultKeys[i], rule);
    if (action) rule.actions.set(kActionableResults[i], *action);
  }
  rule.broad_pass = read_result_action(reader, "broad_pass", rule).value_or(Action::Pass);
}

// What a rule and the default rule have in common.
void read_rule_body(SectionReader& reader, SpfRule& rule, Diagnostics& diagnostics) {
  rule.enabled = reader.boolean("enabled");
  rule.preset = static_cast<Preset>(reader.choice("preset").value_or(0));
  const PresetTable preset = preset_table(rule.preset);
  rule.actions = preset.actions;
  rule.enforce_at = preset.enforce_at;
  rule.insert_header = preset.insert_header;
  rule.unless_authenticated = preset.unless_authenticated;
  if (const std::optional<size_t> place = reader.choice("enforce_at")) {
    rule.enforce_at = static_cast<EnforceAt>(*place);
  }
  if (rule.unless_authenticated && rule.enforce_at == EnforceAt::Rcpt) {
    reader.error(
        "enforce_at",
        "the preset \"reject-authenticated\" waits for DMARC, which is known at the end of data; remove this "
        "line, or choose the preset \"reject\"");
  }
  if (reader.given("insert_header")) rule.insert_header = reader.boolean("insert_header");
  rule.excluded_peers = reader.peers("excluded_peers");
  rule.sender_scope = reader.peers("sender_scope");
  if (std::ranges::find(rule.sender_scope, PeerKind::Network, &PeerEntry::kind) != rule.sender_scope.end()) {
    reader.error("sender_scope",
                 "a scope is made of senders; write addresses and domains, and IP addresses in "
                 "excluded_peers");
  }
  rule.tag = read_tag(reader);
  const std::string& path = reader.path();
  read_actions(reader.table("actions"), path, rule, diagnostics);
  rule.reject_reply =
      read_reply("spf.rule.reject_reply", reader.table("reject_reply"), path + ".reject_reply", diagnostics);
  rule.defer_reply =
      read_reply("spf.rule.defer_reply", reader.table("defer_reply"), path + ".defer_reply", diagnostics);
}

void read_default_rule(SectionReader& spf, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("spf.default_rule"), default_rule_table(spf), "spf.default_rule",
                       diagnostics);
  SpfRule rule;
  rule.name = kDefaultRuleName;
  rule.is_default = true;
  read_rule_body(reader, rule, diagnostics);
  draft.rules.push_back({spf.position("default_rule"), "spf.default_rule"});
  draft.sections.rules.push_back(std::move(rule));
}

void read_rule(const DocumentNode& table, Draft& draft, Diagnostics& diagnostics, RuleBinder& binder) {
  const auto number = static_cast<unsigned>(draft.sections.rules.size());
  const std::string path = fmt::format("spf.rule[{}]", number);
  SectionReader reader(find_section("spf.rule"), &table, path, diagnostics);
  binder.read(reader, diagnostics, number);
  SpfRule rule;
  rule.name = std::move(binder.name);
  rule.domains = std::move(binder.domains);
  read_rule_body(reader, rule, diagnostics);
  draft.rules.push_back({table.position, path});
  draft.sections.rules.push_back(std::move(rule));
}

}  // namespace

void read_spf_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  // The keys of the top level were checked with the SMTP sections; here it only finds tables.
  Diagnostics unused;
  SectionReader top(find_section(""), &root, "", unused);
  for (const std::string_view name : {"result_header", "events", "authentication", "spf"}) {
    const DocumentNode* value = top.value(name);
    if (value == nullptr || value->kind == NodeKind::Table) continue;
    diagnostics.error(value->position, std::string(name), fmt::format("expected a table: write [{}]", name));
  }
  read_result_header(top.table("result_header"), draft, diagnostics);
  read_small_sections(top, draft, diagnostics);

  SectionReader spf(find_section("spf"), top.table("spf"), "spf", diagnostics);
  SpfSettings& settings = draft.sections.spf;
  settings.private_peers = spf.networks("private_peers");
  settings.broad_addresses = static_cast<uint64_t>(spf.integer("broad_addresses"));
  settings.broad_networks = static_cast<uint64_t>(spf.integer("broad_networks"));
  settings.check_helo = spf.boolean("check_helo");
  settings.from_header_if_null_sender = spf.boolean("from_header_if_null_sender");
  settings.prefetch = spf.boolean("prefetch");
  read_default_rule(spf, draft, diagnostics);
  RuleBinder binder(draft, "SPF", &ManagedDomain::rule_index);
  for (const DocumentNode* table : spf.tables("rule")) read_rule(*table, draft, diagnostics, binder);
  settings.measure_breadth = std::ranges::any_of(
      draft.sections.rules, [](const SpfRule& rule) { return rule.broad_pass != Action::Pass; });
}

}  // namespace sluice::policy

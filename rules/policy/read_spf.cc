#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/policy/catalogue.h"
#include "rules/policy/draft.h"
#include "rules/policy/section_reader.h"
#include "rules/policy/value_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr size_t kFieldName = 64;
constexpr std::string_view kDefaultRuleName = "default";

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

// Words of other products for what this version cannot do; each says what to use instead.
std::string_view advice_for(std::string_view word) {
  if (word == "quarantine") {
    return "\"quarantine\" is not available before the store exists; use \"reject\", or \"pass\" to deliver "
           "with the "
           "result header";
  }
  if (word == "tag") {
    return "\"tag\" is not available in this version; use \"pass\": the message is delivered with the result "
           "header";
  }
  if (word == "block") return "\"block\" is called \"reject\" here";
  if (word == "tempblock") return "\"tempblock\" is called \"defer\" here";
  if (word == "bypass" || word == "accept") return "the word for delivering as usual is \"pass\"";
  return {};
}

void read_action(SectionReader& reader, std::string_view key, SpfResult result, SpfRule& rule) {
  const DocumentNode* value = reader.value(key);
  if (value == nullptr) return;
  const std::string_view advice =
      value->kind == NodeKind::Text ? advice_for(value->text) : std::string_view();
  if (!advice.empty()) {
    reader.error(key, std::string(advice));
    return;
  }
  const std::optional<size_t> index = reader.choice(key);
  if (!index) return;
  const auto action = static_cast<Action>(*index);
  if (rule.preset == Preset::Observe && action != Action::Pass) {
    reader.error(
        key, fmt::format("the preset \"observe\" never changes delivery; write \"pass\", or choose another "
                         "preset to {}",
                         to_word(action)));
    return;
  }
  rule.actions.set(result, action);
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
    read_action(reader, kResultKeys[i], kActionableResults[i], rule);
  }
}

void check_reply_status(SectionReader& reader, const ReplyTriple& reply) {
  const std::optional<StatusCode> status = parse_status(reply.status);
  if (!status) {
    reader.error("status",
                 fmt::format("\"{}\" is no enhanced status code; write three numbers with dots, for instance "
                             "\"{}.7.1\" (RFC 3463)",
                             shown(reply.status), reply.code / 100));
    return;
  }
  if (status->status_class != reply.code / 100U) {
    reader.error(reader.given("status") ? "status" : "code",
                 fmt::format("code {} and status {} contradict each other: both must begin with {}",
                             reply.code, reply.status, reply.code / 100));
  }
}

void check_reply_message(SectionReader& reader, const ReplyTriple& reply) {
  if (reply.message.empty()) {
    reader.error("message", "an empty reply text; say in a few words why the message is not taken");
    return;
  }
  if (reply.message.size() > limits::kReplyText) {
    reader.error("message", fmt::format("the reply text has {} octets; at most {} may be sent",
                                        reply.message.size(), limits::kReplyText));
  }
  const auto bad = std::ranges::find_if_not(reply.message, is_ascii_printable);
  if (bad != reply.message.end()) {
    reader.error("message",
                 fmt::format("octet {} of the reply text is not printable ASCII, and SMTP replies hold "
                             "nothing else (RFC 5321 section 4.2); write it in English",
                             bad - reply.message.begin() + 1));
  }
}

ReplyTriple read_reply(std::string_view section, const DocumentNode* table, const std::string& path,
                       Diagnostics& diagnostics) {
  SectionReader reader(find_section(section), table, path, diagnostics);
  ReplyTriple reply;
  reply.code = static_cast<uint16_t>(reader.integer("code"));
  reply.status = reader.text("status");
  reply.message = reader.text("message");
  if (reply.code == 421 || reply.code == 521) {
    reader.error("code", fmt::format("{} would end the connection (RFC 5321 section 3.8, RFC 7504); write {}",
                                     reply.code, reply.code == 421 ? 451 : 550));
  }
  check_reply_status(reader, reply);
  check_reply_message(reader, reply);
  return reply;
}

// What a rule and the default rule have in common.
void read_rule_body(SectionReader& reader, SpfRule& rule, Diagnostics& diagnostics) {
  rule.enabled = reader.boolean("enabled");
  rule.preset = static_cast<Preset>(reader.choice("preset").value_or(0));
  const PresetTable preset = preset_table(rule.preset);
  rule.actions = preset.actions;
  rule.enforce_at = preset.enforce_at;
  rule.insert_header = preset.insert_header;
  if (const std::optional<size_t> place = reader.choice("enforce_at")) {
    rule.enforce_at = static_cast<EnforceAt>(*place);
  }
  if (reader.given("insert_header")) rule.insert_header = reader.boolean("insert_header");
  rule.excluded_peers = reader.peers("excluded_peers");
  rule.sender_scope = reader.peers("sender_scope");
  if (std::ranges::find(rule.sender_scope, PeerKind::Network, &PeerEntry::kind) != rule.sender_scope.end()) {
    reader.error("sender_scope",
                 "a scope is made of senders; write addresses and domains, and IP addresses in "
                 "excluded_peers");
  }
  const std::string& path = reader.path();
  read_actions(reader.table("actions"), path, rule, diagnostics);
  rule.reject_reply =
      read_reply("spf.rule.reject_reply", reader.table("reject_reply"), path + ".reject_reply", diagnostics);
  rule.defer_reply =
      read_reply("spf.rule.defer_reply", reader.table("defer_reply"), path + ".defer_reply", diagnostics);
}

void read_default_rule(SectionReader& spf, Draft& draft, Diagnostics& diagnostics) {
  const DocumentNode* value = spf.value("default_rule");
  const bool is_table = value == nullptr || value->kind == NodeKind::Table;
  if (!is_table) {
    spf.error("default_rule",
              "the default rule cannot be deleted or replaced; write [spf.default_rule], and enabled = "
              "false to switch it off");
  }
  SectionReader reader(find_section("spf.default_rule"), is_table ? value : nullptr, "spf.default_rule",
                       diagnostics);
  SpfRule rule;
  rule.name = kDefaultRuleName;
  rule.is_default = true;
  read_rule_body(reader, rule, diagnostics);
  draft.rules.push_back({spf.position("default_rule"), "spf.default_rule"});
  draft.sections.rules.push_back(std::move(rule));
}

// Binds the rule to its domains; every domain has at most one rule (RUL-04).
void bind_domains(SectionReader& reader, SpfRule& rule, Draft& draft, Diagnostics& diagnostics,
                  std::vector<Place>& bound) {
  const auto index = static_cast<unsigned>(draft.sections.rules.size());
  const std::string path = reader.path_of("domains");
  for (SectionReader::PlacedDomain& placed : reader.domain_list("domains")) {
    const auto domain = std::ranges::find(draft.sections.domains, placed.name, &ManagedDomain::name);
    if (domain == draft.sections.domains.end()) {
      std::vector<std::string_view> names;
      for (const ManagedDomain& managed : draft.sections.domains) names.emplace_back(managed.name);
      const std::string_view meant = nearest(placed.name, names);
      diagnostics.error(placed.position, path,
                        fmt::format("\"{}\" is not a managed domain; {}", shown(placed.name),
                                    meant.empty() ? "add a [[domain]] with this name"
                                                  : fmt::format("did you mean \"{}\"?", meant)));
      continue;
    }
    Place& place = bound[static_cast<size_t>(domain - draft.sections.domains.begin())];
    if (place.position.line != 0) {
      diagnostics.error(
          placed.position, path,
          fmt::format("\"{}\" has a rule already: {} in line {}, column {}; a domain has one SPF rule",
                      placed.name, place.path, place.position.line, place.position.column));
      continue;
    }
    place = {placed.position, reader.path()};
    domain->rule_index = index;
    rule.domains.push_back(std::move(placed.name));
  }
}

void read_rule(const DocumentNode& table, Draft& draft, Diagnostics& diagnostics, std::vector<Place>& bound) {
  const std::string path = fmt::format("spf.rule[{}]", draft.sections.rules.size());
  SectionReader reader(find_section("spf.rule"), &table, path, diagnostics);
  SpfRule rule;
  rule.name = reader.text("name");
  bind_domains(reader, rule, draft, diagnostics, bound);
  const DocumentNode* domains = reader.value("domains");
  if (domains != nullptr && domains->kind == NodeKind::Array && domains->items.empty()) {
    reader.error("domains",
                 "a rule without domains; for domains without a rule of their own write [spf.default_rule]");
  }
  if (!reader.given("name")) rule.name = rule.domains.empty() ? path : rule.domains.front();
  const auto same = std::ranges::find(draft.sections.rules, rule.name, &SpfRule::name);
  if (rule.name.empty()) {
    reader.error("name", "an empty name; leave the line out to take the first domain's");
  } else if (rule.name == kDefaultRuleName ||
             rule.name == message_text(MessageId::DefaultRuleName, Language::English) ||
             rule.name == message_text(MessageId::DefaultRuleName, Language::Japanese)) {
    reader.error("name", "this is the name of the default rule; choose another, or write [spf.default_rule]");
  } else if (same != draft.sections.rules.end()) {
    const Place& first = draft.rules[static_cast<size_t>(same - draft.sections.rules.begin())];
    reader.error("name",
                 fmt::format("\"{}\" is the name of {} in line {}, column {} already; choose another",
                             shown(rule.name), first.path, first.position.line, first.position.column));
  }
  if (!reader.given("enabled")) {
    reader.warning("enabled",
                   "the rule is off, as every rule is unless it says otherwise; write enabled = true, or "
                   "enabled = false to be plain");
  }
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
  settings.check_helo = spf.boolean("check_helo");
  settings.from_header_if_null_sender = spf.boolean("from_header_if_null_sender");
  settings.prefetch = spf.boolean("prefetch");
  read_default_rule(spf, draft, diagnostics);
  std::vector<Place> bound(draft.sections.domains.size());
  for (const DocumentNode* table : spf.tables("rule")) read_rule(*table, draft, diagnostics, bound);
}

}  // namespace sluice::policy

#include "io/base/ascii.h"
#include "rules/policy/domain_name.h"
#include "rules/policy/draft.h"
#include "rules/policy/rule_reader.h"
#include "rules/policy/section_reader.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

// A selector is one or more labels (RFC 6376 section 3.1).
bool is_selector(std::string_view text) {
  return to_domain_name(text).has_value() && std::ranges::all_of(text, is_ascii);
}

void check_selector(SectionReader& reader, std::string_view selector) {
  if (!reader.given("selector") || is_selector(selector)) return;
  reader.error("selector",
               fmt::format("\"{}\" is no selector; write letters, digits and hyphens, for instance \"s2026\"",
                           shown(selector)));
}

void check_file(SectionReader& reader, std::string_view file) {
  if (reader.given("file") && !file.starts_with('/')) {
    reader.error("file", "expected a path from the root, for instance \"/etc/sluice/s2026.pem\"");
  }
}

std::vector<SigningKeyFile> read_keys(SectionReader& sign, Diagnostics& diagnostics) {
  std::vector<SigningKeyFile> keys;
  const DocumentNode* list = sign.value("keys");
  if (list == nullptr) return keys;
  if (list->kind != NodeKind::Array) {
    sign.error("keys",
               "expected a list, for instance [{ selector = \"s2026\", file = \"/etc/sluice/s2026.pem\" }]");
    return keys;
  }
  for (size_t i = 0; i < list->items.size(); ++i) {
    const DocumentNode& item = list->items[i];
    const std::string path = fmt::format("{}[{}]", sign.path_of("keys"), i + 1);
    if (item.kind != NodeKind::Table) {
      diagnostics.error(
          item.position, path,
          "expected a table, for instance { selector = \"s2026\", file = \"/etc/sluice/s2026.pem\" }");
      continue;
    }
    SectionReader reader(find_section("dkim.sign.keys"), &item, path, diagnostics);
    SigningKeyFile key{to_ascii_lower(reader.text("selector")), reader.text("file")};
    check_selector(reader, key.selector);
    check_file(reader, key.file);
    if (std::ranges::find(keys, key.selector, &SigningKeyFile::selector) != keys.end()) {
      reader.error("selector", fmt::format("\"{}\" stands here twice; each key has a selector of its own",
                                           shown(key.selector)));
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

// "example.com", "*.example.com", "*" in the form of the signing table; empty where it is none.
std::string author_pattern(std::string_view text) {
  if (text == "*") return "*";
  const bool below = text.starts_with("*.");
  const std::optional<std::string> domain = to_domain_name(text.substr(below ? 2 : 0));
  if (!domain) return {};
  return below ? "*." + *domain : *domain;
}

void read_signing_domain(SectionReader& reader, DkimSigning& sign) {
  sign.signing_domain = reader.domain("signing_domain");
  if (!sign.signing_domain.empty() || sign.domain.empty() || reader.given("signing_domain")) return;
  if (sign.domain == "*") {
    if (!sign.keys.empty()) {
      reader.error("signing_domain",
                   "with domain = \"*\" say in whose name to sign: signing_domain = \"example.com\"");
    }
    return;
  }
  sign.signing_domain = sign.domain.substr(sign.domain.starts_with("*.") ? 2 : 0);
}

void read_sign(const DocumentNode& table, Draft& draft, Diagnostics& diagnostics,
               std::vector<Place>& places) {
  const std::string path = fmt::format("dkim.sign[{}]", places.size() + 1);
  SectionReader reader(find_section("dkim.sign"), &table, path, diagnostics);
  std::vector<DkimSigning>& all = draft.sections.dkim.sign;
  DkimSigning sign;
  const std::string written = reader.text("domain");
  sign.domain = author_pattern(written);
  if (sign.domain.empty() && reader.given("domain")) {
    reader.error("domain",
                 fmt::format("\"{}\" is no domain; write \"example.com\", \"*.example.com\" or \"*\"",
                             shown(written)));
  }
  const auto same = std::ranges::find(all, sign.domain, &DkimSigning::domain);
  if (!sign.domain.empty() && same != all.end()) {
    const Place& first = places[static_cast<size_t>(same - all.begin())];
    reader.error("domain",
                 fmt::format("\"{}\" is signed by {} in line {}, column {} already; put its keys there",
                             shown(written), first.path, first.position.line, first.position.column));
  }
  sign.keys = read_keys(reader, diagnostics);
  read_signing_domain(reader, sign);
  sign.headers = reader.fields("headers");
  sign.oversign = reader.fields("oversign");
  sign.oversign_given = reader.given("oversign");
  const size_t form = reader.choice("canonicalization").value_or(0);
  sign.relaxed_header = form < 2;
  sign.relaxed_body = form % 2 == 0;
  const int64_t expire = reader.integer("expire_seconds");
  if (expire > 0) sign.expire = std::chrono::seconds(expire);
  places.push_back({table.position, path});
  all.push_back(std::move(sign));
}

void check_enforced(SectionReader& reader, const DkimRule& rule) {
  const bool other = std::ranges::any_of(rule.enforced_peers, [](const PeerEntry& entry) {
    return entry.kind == PeerKind::Network || entry.kind == PeerKind::NullSender;
  });
  if (other) {
    reader.error("enforced_peers", "a signature can be asked of senders only; write addresses and domains");
  }
}

void read_rule_body(SectionReader& reader, DkimRule& rule, const Draft& draft, Diagnostics& diagnostics) {
  rule.enabled = reader.boolean("enabled");
  rule.on_fail = read_action(reader, "on_fail").value_or(Action::Pass);
  rule.on_temperror = read_action(reader, "on_temperror").value_or(Action::Pass);
  rule.skip_null_sender = reader.boolean("skip_null_sender");
  rule.insert_header =
      reader.given("insert_header") ? reader.boolean("insert_header") : draft.sections.result_header.tm_forms;
  rule.excluded_peers = reader.peers("excluded_peers");
  rule.enforced_peers = reader.peers("enforced_peers");
  check_enforced(reader, rule);
  rule.tag = read_tag(reader);
  const std::string& path = reader.path();
  rule.reject_reply =
      read_reply("dkim.rule.reject_reply", reader.table("reject_reply"), path + ".reject_reply", diagnostics);
  rule.defer_reply =
      read_reply("dkim.rule.defer_reply", reader.table("defer_reply"), path + ".defer_reply", diagnostics);
}

void read_rules(SectionReader& dkim, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("dkim.default_rule"), default_rule_table(dkim), "dkim.default_rule",
                       diagnostics);
  DkimRule standard;
  standard.name = kDefaultRuleName;
  standard.is_default = true;
  read_rule_body(reader, standard, draft, diagnostics);
  draft.dkim_rules.push_back({dkim.position("default_rule"), "dkim.default_rule"});
  draft.sections.dkim_rules.push_back(std::move(standard));

  RuleBinder binder(draft, "DKIM", &ManagedDomain::dkim_rule_index);
  for (const DocumentNode* table : dkim.tables("rule")) {
    const auto number = static_cast<unsigned>(draft.sections.dkim_rules.size());
    const std::string path = fmt::format("dkim.rule[{}]", number);
    SectionReader one(find_section("dkim.rule"), table, path, diagnostics);
    binder.read(one, diagnostics, number);
    DkimRule rule;
    rule.name = std::move(binder.name);
    rule.domains = std::move(binder.domains);
    read_rule_body(one, rule, draft, diagnostics);
    draft.dkim_rules.push_back({table->position, path});
    draft.sections.dkim_rules.push_back(std::move(rule));
  }
}

void read_seal(SectionReader& arc, Draft& draft, Diagnostics& diagnostics) {
  const DocumentNode* table = arc.table("seal");
  if (table == nullptr) return;
  SectionReader reader(find_section("arc.seal"), table, "arc.seal", diagnostics);
  ArcSealing seal;
  seal.domain = reader.domain("domain");
  seal.selector = to_ascii_lower(reader.text("selector"));
  seal.file = reader.text("file");
  check_selector(reader, seal.selector);
  check_file(reader, seal.file);
  seal.headers = reader.fields("headers");
  for (const std::string& name : seal.headers) {
    if (name != "authentication-results" && !name.starts_with("arc-")) continue;
    reader.error("headers", fmt::format("{} may not be covered by an ARC-Message-Signature (RFC 8617 section "
                                        "4.1.2); remove it",
                                        shown(name)));
  }
  seal.when = static_cast<SealWhen>(reader.choice("when").value_or(0));
  draft.arc_seal = {table->position, "arc.seal"};
  draft.sections.arc.seal = std::move(seal);
}

void read_arc(SectionReader& arc, Draft& draft, Diagnostics& diagnostics) {
  ArcSettings& settings = draft.sections.arc;
  settings.verify = arc.boolean("verify");
  settings.trusted_sealers = arc.sealers("trusted_sealers");
  read_seal(arc, draft, diagnostics);
  if (settings.seal && !settings.verify) {
    arc.error("verify", "a seal says what was found of the chain below it: sealing needs verify = true");
  }
}

}  // namespace

void read_dkim_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  // The keys of the top level were checked with the SMTP sections; here it only finds tables.
  Diagnostics unused;
  SectionReader top(find_section(""), &root, "", unused);
  for (const std::string_view name : {"dkim", "arc", "dmarc"}) {
    const DocumentNode* value = top.value(name);
    if (value == nullptr || value->kind == NodeKind::Table) continue;
    diagnostics.error(value->position, std::string(name), fmt::format("expected a table: write [{}]", name));
  }
  SectionReader dkim(find_section("dkim"), top.table("dkim"), "dkim", diagnostics);
  DkimSettings& settings = draft.sections.dkim;
  settings.verify = dkim.boolean("verify");
  draft.dkim_verify = {dkim.position("verify"), "dkim.verify"};
  settings.max_signatures = static_cast<unsigned>(dkim.integer("max_signatures"));
  settings.partial_body = dkim.boolean("partial_body");
  settings.clock_skew = std::chrono::seconds(dkim.integer("clock_skew_seconds"));
  std::vector<Place> places;
  for (const DocumentNode* table : dkim.tables("sign")) read_sign(*table, draft, diagnostics, places);
  if (!places.empty()) draft.dkim_sign = places.front();
  read_rules(dkim, draft, diagnostics);
  SectionReader arc(find_section("arc"), top.table("arc"), "arc", diagnostics);
  read_arc(arc, draft, diagnostics);
}

}  // namespace sluice::policy

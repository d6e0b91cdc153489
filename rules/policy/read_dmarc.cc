#include "io/mail/address.h"
#include "rules/policy/draft.h"
#include "rules/policy/rule_reader.h"
#include "rules/policy/section_reader.h"

#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

void read_rule_body(SectionReader& reader, DmarcRule& rule, const Draft& draft, Diagnostics& diagnostics) {
  rule.enabled = reader.boolean("enabled");
  rule.on_quarantine = read_action(reader, "on_quarantine").value_or(Action::Tag);
  rule.on_reject = read_action(reader, "on_reject").value_or(rule.on_quarantine);
  rule.on_permerror = read_action(reader, "on_permerror").value_or(rule.on_quarantine);
  rule.on_temperror = read_action(reader, "on_temperror").value_or(Action::Pass);
  rule.skip_null_sender = reader.boolean("skip_null_sender");
  rule.insert_header =
      reader.given("insert_header") ? reader.boolean("insert_header") : draft.sections.result_header.tm_forms;
  rule.excluded_peers = reader.peers("excluded_peers");
  rule.tag = read_tag(reader);
  const std::string& path = reader.path();
  rule.reject_reply = read_reply("dmarc.rule.reject_reply", reader.table("reject_reply"),
                                 path + ".reject_reply", diagnostics);
  rule.defer_reply =
      read_reply("dmarc.rule.defer_reply", reader.table("defer_reply"), path + ".defer_reply", diagnostics);
}

void read_rules(SectionReader& dmarc, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("dmarc.default_rule"), default_rule_table(dmarc), "dmarc.default_rule",
                       diagnostics);
  DmarcRule standard;
  standard.name = kDefaultRuleName;
  standard.is_default = true;
  read_rule_body(reader, standard, draft, diagnostics);
  draft.dmarc_rules.push_back({dmarc.position("default_rule"), "dmarc.default_rule"});
  draft.sections.dmarc_rules.push_back(std::move(standard));

  RuleBinder binder(draft, "DMARC", &ManagedDomain::dmarc_rule_index);
  for (const DocumentNode* table : dmarc.tables("rule")) {
    const auto number = static_cast<unsigned>(draft.sections.dmarc_rules.size());
    const std::string path = fmt::format("dmarc.rule[{}]", number);
    SectionReader one(find_section("dmarc.rule"), table, path, diagnostics);
    binder.read(one, diagnostics, number);
    DmarcRule rule;
    rule.name = std::move(binder.name);
    rule.domains = std::move(binder.domains);
    read_rule_body(one, rule, draft, diagnostics);
    draft.dmarc_rules.push_back({table->position, path});
    draft.sections.dmarc_rules.push_back(std::move(rule));
  }
}

void check_given(SectionReader& reader, std::string_view name, std::string_view value,
                 std::string_view example) {
  if (!value.empty()) return;
  reader.error(name, fmt::format("reports are enabled and need it, for instance {} = \"{}\"", name, example));
}

void read_reports(SectionReader& dmarc, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("dmarc.reports"), dmarc.table("reports"), "dmarc.reports", diagnostics);
  DmarcReportSettings& reports = draft.sections.dmarc.reports;
  reports.enabled = reader.boolean("enabled");
  reports.directory = reader.text("directory");
  reports.organization = reader.text("organization");
  reports.contact = reader.text("contact");
  reports.extra_contact = reader.text("extra_contact");
  reports.submitter = reader.domain("submitter");
  if (reports.submitter.empty()) reports.submitter = draft.sections.node.hostname;
  reports.interval = std::chrono::seconds(reader.integer("interval_seconds"));
  for (const std::string_view name : {"organization", "extra_contact"}) {
    if (!mail::is_clean_utf8(name == "organization" ? reports.organization : reports.extra_contact)) {
      reader.error(name, "holds control characters; write plain text");
    }
  }
  if (!reports.directory.empty() && !reports.directory.starts_with('/')) {
    reader.error("directory", "expected a path from the root, for instance \"/var/lib/sluice/reports\"");
  }
  if (!reports.contact.empty() && !mail::parse_mailbox(reports.contact)) {
    reader.error("contact", fmt::format("\"{}\" is no address; write it as \"dmarc@example.com\"",
                                        shown(reports.contact)));
  }
  if (!reports.enabled) return;
  check_given(reader, "directory", reports.directory, "/var/lib/sluice/reports");
  check_given(reader, "organization", reports.organization, "Example Corporation");
  check_given(reader, "contact", reports.contact, "dmarc@example.com");
}

}  // namespace

void read_dmarc_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  Diagnostics unused;
  SectionReader top(find_section(""), &root, "", unused);
  SectionReader dmarc(find_section("dmarc"), top.table("dmarc"), "dmarc", diagnostics);
  DmarcSettings& settings = draft.sections.dmarc;
  settings.mode = static_cast<dmarc::Mode>(dmarc.choice("mode").value_or(0));
  settings.author_forms = static_cast<mail::AuthorForms>(dmarc.choice("author_forms").value_or(0));
  settings.public_suffix_list = dmarc.text("public_suffix_list");
  if (settings.mode != dmarc::Mode::Rfc9989 && settings.public_suffix_list.empty()) {
    dmarc.error("public_suffix_list", "RFC 7489 needs the list of public suffixes; name its file");
  }
  read_rules(dmarc, draft, diagnostics);
  read_reports(dmarc, draft, diagnostics);
}

}  // namespace sluice::policy

// The policy document: any octets are read, and either compiled or refused with findings that can be shown.
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/policy/policy_check.h"
#include "rules/policy/reader.h"
#include "rules/policy/verdict.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace sluice;

bool is_one_clean_line(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_findings(std::string_view document, const policy::ReadPolicy& read) {
  SLUICE_CHECK(read.policy.has_value() != read.diagnostics.has_errors());
  const auto lines = static_cast<size_t>(std::ranges::count(document, '\n')) + 1;
  const auto findings = read.diagnostics.sorted();
  SLUICE_CHECK(findings.size() <= 2 * limits::kPolicyErrors);
  for (const policy::Diagnostic& finding : findings) {
    SLUICE_CHECK(!finding.message.empty());
    SLUICE_CHECK(is_one_clean_line(finding.path) && is_one_clean_line(finding.message));
    SLUICE_CHECK(finding.position.line <= lines + 1);
  }
}

template <class Rule>
void check_rule(const Rule& rule) {
  SLUICE_CHECK(rule.reject_reply.code / 100 == 5 && rule.reject_reply.status.starts_with("5."));
  SLUICE_CHECK(rule.defer_reply.code / 100 == 4 && rule.defer_reply.status.starts_with("4."));
  SLUICE_CHECK(rule.reject_reply.message.size() <= limits::kReplyText);
  SLUICE_CHECK(is_one_clean_line(rule.reject_reply.message));
  SLUICE_CHECK(!rule.tag.text.empty() && rule.tag.text.size() <= limits::kSubjectTag);
  SLUICE_CHECK(is_one_clean_line(rule.tag.text));
}

void check_authentication(const policy::Policy& compiled) {
  SLUICE_CHECK(compiled.dkim_rules().front().is_default && compiled.dmarc_rules().front().is_default);
  for (const policy::DkimRule& rule : compiled.dkim_rules()) {
    check_rule(rule);
    SLUICE_CHECK(!policy::intercepts(rule.on_temperror) || rule.on_temperror == policy::Action::Defer);
    SLUICE_CHECK(!rule.enabled || compiled.dkim().verify);
  }
  for (const policy::DmarcRule& rule : compiled.dmarc_rules()) {
    check_rule(rule);
    SLUICE_CHECK(rule.on_reject != policy::Action::Delete && rule.on_quarantine != policy::Action::Delete);
    SLUICE_CHECK(!rule.enabled || compiled.dkim().verify);
  }
  for (const policy::DkimSigning& sign : compiled.dkim().sign) {
    SLUICE_CHECK(!sign.domain.empty() && (sign.keys.empty() || !sign.signing_domain.empty()));
    for (const policy::SigningKeyFile& key : sign.keys)
      SLUICE_CHECK(key.file.starts_with('/') && !key.selector.empty());
  }
  SLUICE_CHECK(!compiled.arc().seal || compiled.arc().verify);
  SLUICE_CHECK(compiled.dmarc().mode == dmarc::Mode::Rfc9989 || !compiled.dmarc().public_suffix_list.empty());
}

// What every compiled policy promises to those who use it.
void check_policy(const policy::Policy& compiled) {
  SLUICE_CHECK(!compiled.listeners().empty());
  SLUICE_CHECK(compiled.default_rule().is_default);
  check_authentication(compiled);
  for (const policy::SpfRule& rule : compiled.rules()) {
    check_rule(rule);
    SLUICE_CHECK(rule.actions.at(policy::SpfResult::Pass) == policy::Action::Pass);
    SLUICE_CHECK(!rule.unless_authenticated || rule.enforce_at == policy::EnforceAt::EndOfData);
  }
  evidence::Evidence evidence;
  evidence.client.address = *IpAddress::parse("203.0.113.1");
  evidence.client.helo = "mail.sender.example";
  evidence.sender = {"ann", "sender.example"};
  evidence.spf.mail_from = evidence::SpfOutcome{};
  for (const policy::ManagedDomain& domain : compiled.domains()) {
    SLUICE_CHECK(compiled.find_domain(domain.name) == &domain);
    const auto recipient =
        compiled.bind(evidence.client.address, evidence::Direction::Inbound, {"joe", domain.name});
    SLUICE_CHECK(recipient.accepted() && !recipient.next_hops.empty() && recipient.rule != nullptr);
    const policy::AuthenticationNeeds needs = policy::needs_authentication(
        compiled, recipient, evidence.client, evidence.sender, evidence::Direction::Inbound);
    for (const auto result : {dmarc::Result::Pass, dmarc::Result::Fail, dmarc::Result::PermError}) {
      evidence.dmarc.emplace();
      evidence.dmarc->result = result;
      evidence.dmarc->disposition = dmarc::Policy::Reject;
      evidence.spf.mail_from->result = policy::SpfResult::Fail;
      const auto verdict = policy::decide(compiled, recipient, evidence, policy::Stage::EndOfData);
      const bool refuses =
          verdict.action == policy::Action::Reject || verdict.action == policy::Action::Defer;
      SLUICE_CHECK(verdict.reply.has_value() == refuses);
      SLUICE_CHECK(verdict.policy_event == !verdict.events.empty());
      SLUICE_CHECK(verdict.action != policy::Action::Tag || !verdict.tags.empty());
      if (needs.spf == policy::SpfNeed::Never) SLUICE_CHECK(!verdict.insert_header);
      if (needs.dmarc == policy::DmarcNeed::Never) SLUICE_CHECK(!verdict.insert_dmarc_form);
    }
  }
  for (const char* nobody : {"", "[192.0.2.1]"}) {
    const auto recipient =
        compiled.bind(evidence.client.address, evidence::Direction::Inbound, {"joe", nobody});
    SLUICE_CHECK(!recipient.accepted());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view document(reinterpret_cast<const char*>(data), size);
  const policy::ReadPolicy read = policy::read_policy(document, 1);
  check_findings(document, read);
  if (read.policy) check_policy(*read.policy);
  SLUICE_CHECK(policy::check_policy(document, "document").usable == read.policy.has_value());
  return 0;
}

#include "rules/dmarc/aggregate_report.h"

#include "io/base/ascii.h"
#include "rules/dmarc/report_document.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::dmarc {
namespace {

constexpr std::array<std::string_view, 4> kDispositionWords = {"none", "pass", "quarantine", "reject"};
constexpr std::array<std::string_view, 5> kOverrideWords = {"local_policy", "mailing_list", "other",
                                                            "policy_test_mode", "trusted_forwarder"};

// What a row or a domain costs beside its text: nodes of maps. An estimate.
constexpr size_t kNodeOctets = 96;

bool is_reported(const ReportedMessage& message) {
  const Outcome& outcome = message.outcome;
  const bool evaluated = outcome.result == Result::Pass || outcome.result == Result::Fail;
  const auto by_mail = [](const ReportUri& uri) { return !uri.address.empty(); };
  return evaluated && !outcome.policy_domain.empty() && std::ranges::any_of(message.record.rua, by_mail);
}

// The organization of a public suffix that lends its policy is itself.
std::string_view organization_of_policy(const Outcome& outcome) {
  const bool above = outcome.policy_domain.size() < outcome.org_domain.size();
  return above ? outcome.policy_domain : outcome.org_domain;
}

PublishedPolicy published_of(const ReportedMessage& message) {
  const Record& record = message.record;
  PublishedPolicy published;
  published.mode = message.mode;
  const auto& policies = message.mode == Mode::Rfc7489 ? record.policies_7489 : record.policies;
  published.policies = policies.value_or(Policies{});
  published.adkim = record.adkim;
  published.aspf = record.aspf;
  published.testing = record.testing;
  published.fo = record.fo;
  std::ranges::copy_if(record.rua, std::back_inserter(published.rua),
                       [](const ReportUri& uri) { return !uri.address.empty(); });
  published.problems = record.problems;
  return published;
}

// "Report Domain: ... Submitter: ..." however it is folded.
bool is_report_subject(std::string_view value) {
  const auto contains = [&](std::string_view word) {
    const auto found =
        std::ranges::search(value, word, [](char a, char b) { return ascii_lower(a) == ascii_lower(b); });
    return !found.empty();
  };
  while (!value.empty() &&
         (is_space_or_tab(value.front()) || value.front() == '\r' || value.front() == '\n')) {
    value.remove_prefix(1);
  }
  return starts_with_ignore_case(value, "report") && contains("domain:") && contains("submitter:");
}

bool is_report_type(std::string_view value) {
  const auto contains = [&](std::string_view word) {
    return !std::ranges::search(value, word, [](char a, char b) { return ascii_lower(a) == b; }).empty();
  };
  return contains("multipart/report") && contains("feedback-report");
}

}  // namespace

std::string_view rfc_word(Disposition disposition) {
  return kDispositionWords[static_cast<size_t>(disposition)];
}
std::string_view rfc_word(OverrideType type) { return kOverrideWords[static_cast<size_t>(type)]; }

bool is_report_mail(const mail::HeaderBlock& block) {
  for (auto at = block.find("subject"); at; at = block.find("subject", *at + 1)) {
    if (is_report_subject(block[*at].value)) return true;
  }
  for (auto at = block.find("content-type"); at; at = block.find("content-type", *at + 1)) {
    if (is_report_type(block[*at].value)) return true;
  }
  return false;
}

bool ReportCollection::add(const ReportedMessage& message, WallTime now) {
  if (!is_reported(message)) return false;
  DomainReport* report = domain(message.outcome.policy_domain, since_);
  if (report == nullptr) {
    ++unlisted_;
    return true;
  }
  PublishedPolicy published = published_of(message);
  if (report->published != published) report->published = std::move(published);
  report->organization = organization_of_policy(message.outcome);
  report->seen = now;
  (void)count(*report, report_row(message), 1);
  return true;
}

// Null: there is no room for another.
DomainReport* ReportCollection::domain(std::string_view name, WallTime since) {
  const auto found = domains_.find(name);
  if (found != domains_.end()) return &found->second;
  if (domains_.size() >= bounds_.domains || octets_ >= bounds_.octets) return nullptr;
  DomainReport& made = domains_[std::string(name)];
  made.since = since;
  octets_ += name.size() + sizeof(DomainReport) + kNodeOctets;
  return &made;
}

bool ReportCollection::count(DomainReport& report, std::string&& row, uint64_t messages) {
  const auto found = report.rows.find(row);
  if (found != report.rows.end()) {
    found->second += messages;
    report.messages += messages;
    return true;
  }
  if (report.rows.size() >= bounds_.rows || octets_ + row.size() + kNodeOctets > bounds_.octets) {
    report.unlisted += messages;
    unlisted_ += messages;
    return false;
  }
  octets_ += row.size() + kNodeOctets;
  report.messages += messages;
  report.rows.emplace(std::move(row), messages);
  return true;
}

void ReportCollection::merge(ReportCollection&& other) {
  unlisted_ += other.unlisted_;
  for (auto& [name, report] : other.domains_) {
    unlisted_ -= std::min(unlisted_, report.unlisted);  // counted again with the report
    merge(name, std::move(report));
  }
  (void)other.release();
}

void ReportCollection::merge(const std::string& name, DomainReport&& report) {
  DomainReport* into = domain(name, report.since);
  if (into == nullptr) {
    unlisted_ += report.messages + report.unlisted;
    return;
  }
  into->since = std::min(into->since, report.since);
  if (into->seen <= report.seen) {
    into->seen = report.seen;
    into->published = std::move(report.published);
    into->organization = std::move(report.organization);
  }
  into->unlisted += report.unlisted;
  unlisted_ += report.unlisted;
  while (!report.rows.empty()) {
    auto node = report.rows.extract(report.rows.begin());
    (void)count(*into, std::move(node.key()), node.mapped());
  }
}

ReportCollection ReportCollection::take(WallTime now) {
  ReportCollection taken = std::move(*this);
  *this = ReportCollection(now, taken.bounds_);
  return taken;
}

ReportCollection::Domains ReportCollection::release() {
  octets_ = 0;
  unlisted_ = 0;
  return std::exchange(domains_, {});
}

size_t ReportCollection::octets_of(std::string_view name, const DomainReport& report) {
  size_t octets = name.size() + sizeof(DomainReport) + kNodeOctets;
  for (const auto& [row, count] : report.rows) octets += row.size() + kNodeOctets;
  return octets;
}

ReportCollection::Domains::node_type ReportCollection::release_one() {
  if (domains_.empty()) return {};
  Domains::node_type first = domains_.extract(domains_.begin());
  octets_ -= std::min(octets_, octets_of(first.key(), first.mapped()));
  unlisted_ -= std::min(unlisted_, first.mapped().unlisted);
  return first;
}

}  // namespace sluice::dmarc

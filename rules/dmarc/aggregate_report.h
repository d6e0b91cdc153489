// Aggregate reports (RFC 9990): what is collected, message by message, for each policy domain whose record
// asks for reports, until a period ends; report_document.h writes it, report_destinations.h says to whom.
//
// Not collected: messages to which no policy applied (none, temperror, permerror), domains without a mailto
// in rua, and reports themselves (is_report_mail): two reporters would report about each other's reports for
// ever. Only domains, addresses of clients and results are kept, never an address of a person.
//
// Bounded: domains, rows of a domain, and octets of all (limits.h). What has no room is counted, not kept,
// and the report says so. Rows with the same content are one row with a count. A change of the record during
// the period shows the newest (RFC 9990 section 2.3).
//
// A value: filled on one shard, merged on another. Pure; nothing fails.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/limits.h"
#include "io/mail/header_block.h"
#include "rules/auth/result.h"
#include "rules/dmarc/outcome.h"
#include "rules/dmarc/record.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dmarc {

// RFC 9990 section 2.1.6. `Pass`: passed, and the policy was one to enforce.
enum class Disposition : uint8_t { None, Pass, Quarantine, Reject };
std::string_view rfc_word(Disposition disposition);

// Why the disposition is not what the record asked for.
enum class OverrideType : uint8_t { LocalPolicy, MailingList, Other, PolicyTestMode, TrustedForwarder };
std::string_view rfc_word(OverrideType type);  // "local_policy", ...

struct OverrideReason {
  OverrideType type = OverrideType::LocalPolicy;
  std::string comment;
};

// The results of a message, as the report has them. Views live during the call.
struct ReportedSignature {
  std::string_view domain;    // d=
  std::string_view selector;  // s=
  std::string_view result;    // of RFC 8601 section 2.7.1
  std::string_view detail{};  // for people; empty: none
};
struct ReportedSpf {
  std::string_view domain;
  auth::SpfResult result = auth::SpfResult::None;
  auth::Identity identity = auth::Identity::MailFrom;
  std::string_view detail{};
};
struct ReportedMessage {
  IpAddress client;
  const Outcome& outcome;
  const Record& record;  // the one that was applied
  Mode mode = Mode::Rfc9989;
  std::string_view envelope_from{};  // domain of MAIL FROM; empty: the null sender
  std::optional<ReportedSpf> spf{};
  std::span<const ReportedSignature> signatures{};
  Disposition disposition = Disposition::None;
  std::span<const OverrideReason> reasons{};
};

// A message that is itself a report: by the Subject that RFC 9990 section 2.6.2 prescribes, or by a
// Content-Type of multipart/report with a feedback-report in it (RFC 6591).
bool is_report_mail(const mail::HeaderBlock& block);

// What was published, as policy_published has it.
struct PublishedPolicy {
  Mode mode = Mode::Rfc9989;
  Policies policies;
  AlignmentMode adkim = AlignmentMode::Relaxed;
  AlignmentMode aspf = AlignmentMode::Relaxed;
  bool testing = false;
  std::string fo;
  std::vector<ReportUri> rua;  // mailto only
  uint16_t problems = 0;
  friend bool operator==(const PublishedPolicy&, const PublishedPolicy&) = default;
};

struct DomainReport {
  std::string organization;  // of the policy domain
  PublishedPolicy published;
  WallTime since{};  // when the period of the oldest row began
  WallTime seen{};   // of the last message
  // Rows as they stand in the document, without their counts (report_document.h).
  std::map<std::string, uint64_t, std::less<>> rows;
  uint64_t messages = 0;  // that rows count
  uint64_t unlisted = 0;  // for which there was no room
};

struct CollectionLimits {
  size_t domains = limits::kDmarcReportDomains;
  size_t rows = limits::kDmarcReportRows;  // of one domain
  size_t octets = limits::kDmarcReportOctets;
};

class ReportCollection {
 public:
  explicit ReportCollection(WallTime since, CollectionLimits bounds = {}) : since_(since), bounds_(bounds) {}

  // False where the message is none to report.
  bool add(const ReportedMessage& message, WallTime now);
  // What `other` has, as far as there is room.
  void merge(ReportCollection&& other);
  void merge(const std::string& domain, DomainReport&& report);
  // Starts the next period with nothing in it.
  ReportCollection take(WallTime now);

  using Domains = std::map<std::string, DomainReport, std::less<>>;
  const Domains& domains() const { return domains_; }  // by policy domain
  Domains release();                                   // leaves nothing
  Domains::node_type release_one();                    // the first domain; empty where there is none
  // What one domain takes of octets(), about.
  static size_t octets_of(std::string_view name, const DomainReport& report);
  WallTime since() const { return since_; }
  size_t octets() const { return octets_; }
  uint64_t unlisted() const {
    return unlisted_;
  }  // messages without a place, of domains without one included
  bool empty() const { return domains_.empty(); }

 private:
  DomainReport* domain(std::string_view name, WallTime since);
  bool count(DomainReport& report, std::string&& row, uint64_t messages);

  WallTime since_;
  CollectionLimits bounds_;
  Domains domains_;
  size_t octets_ = 0;
  uint64_t unlisted_ = 0;
};

}  // namespace sluice::dmarc

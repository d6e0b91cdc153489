// DMARC policy records (RFC 9989 sections 4.7 and 4.8) as values, and what all TXT records at one name
// "_dmarc.X" mean together (section 4.10, steps 2 and 6).
//
// Read leniently as the RFC asks: what does not start with exactly "v=DMARC1" is no record; behind that, tags
// that are unknown, malformed or there a second time are ignored, and values that are not valid are as if
// absent, but for p, sp and np, whose faults decide whether the record can be applied (Policies). Names of
// tags and their values are compared in any case (RFC 5234 section 2.3). pct, rf and ri are unknown tags.
//
// Immutable once made, so one SelectedRecord may hang on a cached answer and be shared by all evaluations of
// its shard (LocalRef). Pure. Nothing fails; the status of the answer is the caller's to look at first.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/local_ref.h"
#include "rules/dmarc/outcome.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dmarc {

// psd=
enum class Psd : uint8_t { Unknown, Yes, No };

// One URI of rua= or ruf=. Only mailto: has an address.
struct ReportUri {
  std::string uri;      // as written, without the size
  std::string address;  // of mailto:, decoded, without its query: a mailbox; empty: other schemes
  std::optional<uint64_t> octets_max;  // "!10m" (RFC 7489 section 6.4; RFC 9990 section 2.6 still honours it)
  friend bool operator==(const ReportUri&, const ReportUri&) = default;
};

// What a record asks for, with all that was absent filled in.
struct Policies {
  Policy p = Policy::None;
  Policy sp = Policy::None;
  Policy np = Policy::None;
  friend bool operator==(const Policies&, const Policies&) = default;
};

// What was wrong with a record, for reports: bits of Record::problems.
enum class RecordProblem : uint16_t {
  NoP = 1,
  BadP = 2,
  BadSp = 4,
  BadNp = 8,
  BadValue = 16,  // of another tag
  BadTag = 32,    // not a tag at all
  DoubledTag = 64,
  BadUri = 128,
  TooManyUris = 256,
};
std::string_view to_text(RecordProblem problem);  // a sentence for people

struct Record {
  // By RFC 9989 (p, sp, np) and by RFC 7489 (no np). Null: the record cannot be applied, since p is missing
  // or one of them is not valid and no valid URI in rua says that somebody watches; with one it is p=none.
  std::optional<Policies> policies;
  std::optional<Policies> policies_7489;
  bool has_sp = false;  // valid, as published
  bool has_np = false;
  AlignmentMode adkim = AlignmentMode::Relaxed;
  AlignmentMode aspf = AlignmentMode::Relaxed;
  Psd psd = Psd::Unknown;
  bool testing = false;        // t=y
  std::string fo;              // as written where it is valid; empty: the default, "0"
  std::vector<ReportUri> rua;  // at most limits::kDmarcReportUris
  std::vector<ReportUri> ruf;
  uint16_t problems = 0;

  bool has(RecordProblem problem) const { return (problems & static_cast<uint16_t>(problem)) != 0; }
  friend bool operator==(const Record&, const Record&) = default;
};

// Does `text` start with the tag v=DMARC1?
bool is_record(std::string_view text);
// Null where it does not.
std::optional<Record> parse_record(std::string_view text);
// The URIs of rua= or ruf=: those that are valid. `problems` gets the bits of those that are not.
std::vector<ReportUri> parse_uris(std::string_view value, uint16_t& problems);

class SelectedRecord;
using RecordRef = LocalRef<SelectedRecord>;

class SelectedRecord {
 public:
  enum class Kind : uint8_t {
    None,  // no record
    One,
    Several,  // all of them are dropped
    TooLong,  // over limits::kDmarcRecord: as none
  };
  explicit SelectedRecord(const dns::Answer& answer);
  static RecordRef select(const dns::Answer& answer) { return RecordRef::make(answer); }

  Kind kind() const { return kind_; }
  const Record& record() const { return *record_; }  // One only
  size_t bytes() const { return bytes_; }            // memory, estimated

 private:
  Kind kind_ = Kind::None;
  std::optional<Record> record_;
  size_t bytes_ = sizeof(SelectedRecord);
};

}  // namespace sluice::dmarc

// SelectedRecord: what the TXT records of one name mean to SPF (RFC 7208 section 4.5): no SPF record, one,
// several, or one that is not well-formed; and beside the record what evaluating it needs again and again:
// what each domain-spec takes, the names of those without macros, and runs of ip4 and ip6 as sets.
//
// Immutable once made, so one may hang on a cached answer and be shared by all evaluations of its shard. A
// SelectedRecordRef counts without an atomic: the object and all that refer to it stay on one shard. Pure.
// Nothing fails; the status of the answer is the caller's to look at first.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/local_ref.h"
#include "rules/net/cidr_set.h"
#include "rules/spf/record.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::spf {

class SelectedRecord;
using SelectedRecordRef = LocalRef<SelectedRecord>;

class SelectedRecord {
 public:
  enum class Kind : uint8_t { None, One, Several, Malformed };

  explicit SelectedRecord(const dns::Answer& answer);
  static SelectedRecordRef select(const dns::Answer& answer) { return SelectedRecordRef::make(answer); }
  SelectedRecord(const SelectedRecord&) = delete;
  SelectedRecord& operator=(const SelectedRecord&) = delete;

  Kind kind() const { return kind_; }
  const Record& record() const { return *record_; }     // One only
  const RecordError& error() const { return *error_; }  // Malformed only
  size_t bytes() const { return bytes_; }               // memory, estimated

  // Where a term's domain comes from.
  enum class Target : uint8_t {
    None,      // the term asks nothing
    Current,   // no domain-spec: the current domain
    Fixed,     // a domain-spec without macros that can be asked for: name()
    Unusable,  // one without macros of which no question can be made
    Expand,    // macros
  };
  struct Term {
    Target target = Target::None;
    bool takes_validated = false;   // %{p}: the client's names are needed first
    bool takes_local_part = false;  // %{s} or %{l}
    uint16_t name = 0;
    uint16_t run = 0;  // 1 + the run that starts here; 0: none
  };
  // Of record().directives(), and behind them that of redirect= (None where there is none).
  const Term& term(size_t directive) const { return terms_[directive]; }
  // Of a Fixed target; as written it is text_of(its domain-spec), less a final dot. Names stand here only as
  // far as any evaluation can come (limits::kSpfTerms); terms behind that are given as Expand.
  const dns::DnsName& name(const Term& term) const { return names_[term.name]; }

  // ip4 and ip6 terms one after the other, where they are many: no other term stands between.
  struct Run {
    size_t end = 0;        // the directive behind the last
    cidr::CidrSet blocks;  // their networks; first_match() gives the directive
  };
  // Null unless a run starts at the directive.
  const Run* run_at(size_t directive) const {
    const uint16_t run = terms_[directive].run;
    return run == 0 ? nullptr : &runs_[run - 1U];
  }

 private:
  void prepare();
  void find_runs();
  Term term_of(Span domain, size_t asking_before);
  size_t count_bytes() const;

  Kind kind_ = Kind::None;
  std::optional<Record> record_;
  std::optional<RecordError> error_;
  std::vector<Term> terms_;
  std::vector<dns::DnsName> names_;
  std::vector<Run> runs_;
  size_t bytes_ = 0;
};

}  // namespace sluice::spf

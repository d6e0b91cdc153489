// What DMARC says of a message (RFC 9989, or RFC 7489 where so set), as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::dmarc {

// None: no policy applies. RFC 8601 and RFC 9989 section 9.
enum class Result : uint8_t { None, Pass, Fail, TempError, PermError };
std::string_view rfc_word(Result result);

enum class Policy : uint8_t { None, Quarantine, Reject };
std::string_view rfc_word(Policy policy);

enum class Mode : uint8_t { Rfc9989, Rfc7489, Both };
enum class AlignmentMode : uint8_t { Relaxed, Strict };

// Which tag of the record the policy came from.
enum class PolicySource : uint8_t { None, P, Sp, Np };

// Why there is no usable author, or what was wrong with the record: a closed list (docs/formats.md).
enum class Reason : uint8_t {
  Evaluated,
  NoAuthor,         // no From field: permerror
  SeveralAuthors,   // more than one author, or more than one From field: permerror
  MalformedAuthor,  // group, encoded word, not an address: permerror
  NoRecord,
  LookupFailed,      // of a policy record, or of whether the author's domain exists: temperror
  UnusableRecord,    // neither a valid policy nor a valid rua: none
  IdentifierFailed,  // nothing is aligned; SPF or DKIM of a domain that might be, or the walk of one, could
                     // not be looked up: temperror
};
std::string_view to_word(Reason reason);

struct Outcome {
  Result result = Result::None;
  Reason reason = Reason::NoRecord;
  std::string author_domain;     // A-labels, lower case
  std::string org_domain;        // of the author
  std::string policy_domain;     // where the record was found; empty: nowhere
  Policy policy = Policy::None;  // the one that applies (p, sp or np, after t=y)
  PolicySource policy_source = PolicySource::None;
  Policy published = Policy::None;    // as the tag says, before t=y
  Policy disposition = Policy::None;  // what follows: None on pass
  bool testing = false;               // t=y
  bool spf_aligned = false;           // SPF passed and is aligned
  bool dkim_aligned = false;          // a DKIM signature passed and is aligned
  AlignmentMode spf_mode = AlignmentMode::Relaxed;
  AlignmentMode dkim_mode = AlignmentMode::Relaxed;
  bool stale = false;      // an answer used was served after its time (RFC 8767)
  unsigned questions = 0;  // names of the tree walks, for the bound of 8 each
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

}  // namespace sluice::dmarc

// What validating the ARC sets of a message found (RFC 8617 section 5.2), as plain values.
#pragma once

#include "rules/dkim/outcome.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::arc {

enum class Result : uint8_t { None, Pass, Fail, TempError };
std::string_view rfc_word(Result result);  // "none", "pass", "fail"; TempError is "temperror" in our rows

// cv= of an ARC-Seal, and what it is where it cannot be read.
enum class ChainValue : uint8_t { Absent, None, Pass, Fail };
std::string_view rfc_word(ChainValue value);  // "none", "pass", "fail"; Absent: ""

// Why the chain is what it is: a closed list, described in docs/formats.md.
enum class Reason : uint8_t {
  Intact,
  NoSets,
  TooManySets,      // over 50, or an instance outside 1 to 50
  MalformedSet,     // a field of a set that cannot be read
  IncompleteSet,    // a gap, a field missing
  DoubledSet,       // a field of an instance twice
  ChainValueWrong,  // cv= other than none at 1, other than pass above
  MarkedFailed,     // the newest seal says cv=fail
  MessageMismatch,  // the newest ARC-Message-Signature does not verify
  SealMismatch,     // a seal does not verify
  KeyLookupFailed,  // temperror
};
std::string_view to_word(Reason reason);

struct SetOutcome {
  unsigned instance = 0;
  std::string domain;    // of the seal: d=
  std::string selector;  // of the seal: s=
  ChainValue cv = ChainValue::Absent;
  dkim::Result seal = dkim::Result::None;     // None: not looked at
  dkim::Result message = dkim::Result::None;  // of the ARC-Message-Signature
  dkim::Reason seal_reason = dkim::Reason::OutOfTime;
  dkim::Reason message_reason = dkim::Reason::OutOfTime;
  std::string results;  // the value of its ARC-Authentication-Results, as received
  friend bool operator==(const SetOutcome&, const SetOutcome&) = default;
};

struct Outcome {
  Result result = Result::None;
  Reason reason = Reason::NoSets;
  unsigned failed_instance = 0;  // the set that `reason` is about; 0: none
  unsigned oldest_pass = 0;  // RFC 8617 5.2: the lowest instance whose message signature verifies with all
                             // above it; 0: none
  std::vector<SetOutcome> sets;  // oldest first; as far as they could be told apart
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Whether the chain changed what DMARC said (W-33), and why or why not: for rows and people.
struct Override {
  bool applied = false;
  std::string sealer;  // of the newest set; empty without one
  std::string reason;  // printable, one sentence
  friend bool operator==(const Override&, const Override&) = default;
};

}  // namespace sluice::arc

// Reading one signature field: DKIM-Signature (RFC 6376 section 3.5, with RFC 8301, 8463 and 8616),
// ARC-Message-Signature and ARC-Seal (RFC 8617 section 4.1), whose tags are the same where both have them.
// What cannot be read is named by its reason, and what could be read beside it stands there all the same.
// Time (t=, x=), the key and the hashes are looked at by others: problem_of_time() below, key_record.h,
// verifier.h. Pure.
#pragma once

#include "dnscache/question/name.h"
#include "io/base/clock.h"
#include "rules/dkim/body_hashes.h"
#include "rules/dkim/outcome.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::dkim {

enum class SignatureKind : uint8_t {
  Dkim,
  ArcMessage,  // v= is ignored; i= is the instance
  ArcSeal,     // likewise; h= makes it MalformedTag; bh=, c= and l= are ignored
};

struct MessageSignature {
  // The first thing that is wrong, in the order of RFC 6376 section 6.1.1; none: all below was read.
  std::optional<Reason> problem;

  Algorithm algorithm = Algorithm::Unknown;
  Canonicalization header = Canonicalization::Simple;
  Canonicalization body = Canonicalization::Simple;
  std::string domain;                   // A-labels, lower case; as written where it is no domain
  std::string selector;                 // likewise
  std::string identity;                 // i= or its default "@d" (Dkim only)
  unsigned instance = 0;                // i= (ARC only); 0: none, or not a number of at most 50
  std::string signature;                // b=, decoded
  Digest body_hash{};                   // bh=
  std::optional<uint64_t> body_length;  // l=
  std::optional<std::chrono::sys_seconds> signed_at;   // t=
  std::optional<std::chrono::sys_seconds> expires_at;  // x=
  // Views into the value that was read.
  std::string_view names;    // h=
  std::string_view b_whole;  // of b=, for append_signature_field()
};

// `value`: what stands behind the field's colon, folding included; it outlives what is returned.
MessageSignature read_signature(std::string_view value, SignatureKind kind);

// Expired, from the second behind x= on; SignedInTheFuture, where t= is ahead by more than `skew`.
std::optional<Reason> problem_of_time(const MessageSignature& signature, WallTime now,
                                      std::chrono::seconds skew);

// Where the key is: selector._domainkey.domain; null where that is no name that can be asked for.
std::optional<dns::DnsName> key_name(const MessageSignature& signature);

}  // namespace sluice::dkim

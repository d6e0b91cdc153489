// What verifying one DKIM-Signature field found, as plain values: the result of RFC 8601 section 2.7.1, why,
// and what the signature said of itself. Evidence, rows, Authentication-Results, ARC and DMARC read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::dkim {

enum class Result : uint8_t { None, Pass, Fail, Policy, Neutral, TempError, PermError };
std::string_view rfc_word(Result result);  // "none", "pass", "fail", "policy", "neutral", ...

enum class Algorithm : uint8_t { Unknown, RsaSha1, RsaSha256, Ed25519Sha256 };
std::string_view to_word(Algorithm algorithm);  // "rsa-sha256", ...; "unknown"

// Why: a closed list, described word by word in docs/formats.md.
enum class Reason : uint8_t {
  Verified,
  // of the signature field: permerror
  MalformedTags,
  UnknownVersion,
  MissingTag,
  MalformedTag,
  UnknownAlgorithm,
  UnknownCanonicalization,
  UnknownQueryMethod,
  IdentityOutsideDomain,
  FromNotSigned,
  TooManyHeaderNames,
  ExpiresBeforeSigned,
  // ... and of its time
  Expired,
  SignedInTheFuture,
  // of the key
  KeyNotFound,
  KeyLookupFailed,  // temperror
  KeySeveral,
  KeyMalformed,
  KeyRevoked,
  KeyAlgorithmMismatch,
  KeyHashNotAllowed,
  KeyServiceNotAllowed,
  KeySubdomainNotAllowed,  // t=s
  KeyTooShort,
  KeyTooLong,
  // of the message
  BodyLengthBeyondBody,  // l= is more than there is
  BodyNotCovered,        // l= leaves some of the body unsigned: policy
  BodyHashMismatch,
  SignatureMismatch,
  // ours
  WeakAlgorithm,      // rsa-sha1 (RFC 8301)
  TooManySignatures,  // beyond the limit: not verified
  OutOfTime,          // the verdict was due: temperror
};
std::string_view to_word(Reason reason);  // "verified", "body-hash-mismatch", ...
// What each reason makes of a signature (RFC 8601 section 2.7.1, RFC 6376 section 3.9).
Result result_of(Reason reason);
// Whether the field alone, or its place among the others, decided: no key was asked for.
bool is_of_field(Reason reason);

struct SignatureOutcome {
  Result result = Result::None;
  Reason reason = Reason::OutOfTime;
  std::string domain;    // d=, A-labels and lower case; as written where it is not a domain, "" without one
  std::string selector;  // s=, likewise
  std::string identity;  // i=, or its default "@d"
  std::string signed_headers;  // h= without white space, lower case: "from:to:subject"
  std::string signature_head;  // the first octets of b=, for header.b (RFC 6008)
  Algorithm algorithm = Algorithm::Unknown;
  uint32_t key_bits = 0;                // 0: no key
  bool testing = false;                 // t=y of the key
  bool stale_key = false;               // the key was served after its time (RFC 8767)
  std::optional<uint64_t> body_length;  // l=
  uint64_t octets_not_covered = 0;      // of the canonical body, by l=
  uint64_t header_octets = 0;  // canonical, that were hashed: what the signature cost beside its body hash
  friend bool operator==(const SignatureOutcome&, const SignatureOutcome&) = default;
};

}  // namespace sluice::dkim

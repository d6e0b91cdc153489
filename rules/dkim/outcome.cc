#include "rules/dkim/outcome.h"

#include <array>
#include <cstddef>

namespace sluice::dkim {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 7> kResultWords = {"none",    "pass",      "fail",     "policy",
                                                          "neutral", "temperror", "permerror"};
constexpr std::array<std::string_view, 4> kAlgorithmWords = {"unknown", "rsa-sha1", "rsa-sha256",
                                                             "ed25519-sha256"};
constexpr std::array<std::string_view, 32> kReasonWords = {"verified",
                                                           "malformed-tags",
                                                           "unknown-version",
                                                           "missing-tag",
                                                           "malformed-tag",
                                                           "unknown-algorithm",
                                                           "unknown-canonicalization",
                                                           "unknown-query-method",
                                                           "identity-outside-domain",
                                                           "from-not-signed",
                                                           "too-many-header-names",
                                                           "expires-before-signed",
                                                           "expired",
                                                           "signed-in-the-future",
                                                           "key-not-found",
                                                           "key-lookup-failed",
                                                           "key-several",
                                                           "key-malformed",
                                                           "key-revoked",
                                                           "key-algorithm-mismatch",
                                                           "key-hash-not-allowed",
                                                           "key-service-not-allowed",
                                                           "key-subdomain-not-allowed",
                                                           "key-too-short",
                                                           "key-too-long",
                                                           "body-length-beyond-body",
                                                           "body-not-covered",
                                                           "body-hash-mismatch",
                                                           "signature-mismatch",
                                                           "weak-algorithm",
                                                           "too-many-signatures",
                                                           "out-of-time"};

}  // namespace

std::string_view rfc_word(Result result) { return kResultWords[static_cast<size_t>(result)]; }
std::string_view to_word(Algorithm algorithm) { return kAlgorithmWords[static_cast<size_t>(algorithm)]; }
std::string_view to_word(Reason reason) { return kReasonWords[static_cast<size_t>(reason)]; }

Result result_of(Reason reason) {
  switch (reason) {
    case Reason::Verified:
      return Result::Pass;
    case Reason::BodyLengthBeyondBody:
    case Reason::BodyHashMismatch:
    case Reason::SignatureMismatch:
      return Result::Fail;
    case Reason::KeyLookupFailed:
    case Reason::OutOfTime:
      return Result::TempError;
    case Reason::SignedInTheFuture:
    case Reason::KeyTooLong:
    case Reason::BodyNotCovered:
    case Reason::TooManySignatures:
      return Result::Policy;
    default:
      return Result::PermError;
  }
}

bool is_of_field(Reason reason) {
  const bool of_field = reason >= Reason::MalformedTags && reason <= Reason::SignedInTheFuture;
  return of_field || reason == Reason::WeakAlgorithm || reason == Reason::TooManySignatures;
}

}  // namespace sluice::dkim

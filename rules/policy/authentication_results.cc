#include "rules/policy/authentication_results.h"

#include <algorithm>

namespace sluice::policy {
namespace {

using evidence::DkimEvidence;

}  // namespace

bool is_pass(DkimStanding standing) {
  return standing != DkimStanding::EnforcedNotProcessed && standing != DkimStanding::NotVerified;
}

DkimStanding dkim_standing(const DkimEvidence& dkim, bool enforced) {
  if (evidence::has_passing_signature(dkim)) return DkimStanding::Verified;
  // Only a signature that was computed and is wrong counts against an unenforced message: any other is as if
  // it were not there (RFC 6376 section 6.1).
  const bool wrong = std::ranges::any_of(dkim.signatures, [](const dkim::SignatureOutcome& signature) {
    return signature.result == dkim::Result::Fail;
  });
  if (wrong) return DkimStanding::NotVerified;
  if (enforced) return DkimStanding::EnforcedNotProcessed;
  return dkim.signatures.empty() ? DkimStanding::NoSignatures : DkimStanding::NoneProcessed;
}

}  // namespace sluice::policy

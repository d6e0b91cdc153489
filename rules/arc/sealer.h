// Makes the ARC set that follows an intact chain, or begins one (RFC 8617 section 5.1). A chain that did not
// verify is not continued: sealing it cv=fail (section 5.1.2) would only tell later readers what they see
// themselves (W-33).
//
// Sealing is the last change to a message (section 5.1): `fields` are those that will be sent, DKIM-Signature
// of ours included. The message signature covers the fields of `headers` that are present, never ARC fields
// or Authentication-Results (section 4.1.2); relaxed/relaxed. Pure.
#pragma once

#include "io/base/clock.h"
#include "io/base/result.h"
#include "rules/arc/outcome.h"
#include "rules/dkim/signing_key.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::arc {

// What an ARC-Message-Signature covers by default: the default of DKIM signatures, and DKIM-Signature.
const std::vector<std::string>& default_sealed_headers();

struct SealSpec {
  std::string domain;
  std::string selector;
  std::vector<std::string> headers = default_sealed_headers();
};
[[nodiscard]] sluice::Result<void> check(const SealSpec& spec);

// Why a set may not be added; empty where it may: the chain failed or could not be judged, or has 50 sets.
std::string_view why_not_sealed(const Outcome& chain);

struct SealRequest {
  std::string_view authserv_id;  // ours
  std::string_view results;  // of ARC-Authentication-Results, behind the id: "; spf=pass ...". May hold folds
  WallTime now{};
};

// The three fields, ARC-Seal first, each with its line end; they go above `fields` (raw, topmost first, as
// the message will be sent). `body_digest`: SHA-256 of the relaxed body as it will be sent. `chain`: what the
// validator found in these fields. Refused where why_not_sealed() says so.
[[nodiscard]] sluice::Result<std::string> seal(std::span<const std::string_view> fields,
                                               std::span<const uint8_t, 32> body_digest, const Outcome& chain,
                                               const SealRequest& request, const SealSpec& spec,
                                               const dkim::SigningKey& key);

}  // namespace sluice::arc

// Makes DKIM-Signature fields (RFC 6376 section 5): rsa-sha256 or ed25519-sha256, simple or relaxed for
// header and body each, t= always and x= where a lifetime is set. No l=, no z=, no copy of anything else.
//
// What is signed (section 5.4): every field present whose name is in `headers` or `oversigned`, bottom up,
// and each oversigned name once more than it is present, so that adding one breaks the signature. From is
// always signed. The field is folded so that no line has more than 78 columns, where the selector and the
// domain let it be. Pure; the body digest comes from BodyHashes, the time from the caller.
//
// Fails where the key cannot sign or a value of the SignSpec cannot stand in a tag (check() says so before
// any message is there).
#pragma once

#include "io/base/clock.h"
#include "io/base/result.h"
#include "rules/dkim/body_hashes.h"
#include "rules/dkim/signing_key.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dkim {

// Fields of RFC 6376 section 5.4.1 and what later standards tell receivers to read (List-*, MIME).
const std::vector<std::string>& default_signed_headers();
// Fields that a person sees or that say how a body is read: a second one of these is an attack.
const std::vector<std::string>& default_oversigned_headers();

struct SignSpec {
  std::string domain;    // d=: A-labels
  std::string selector;  // s=
  std::string identity;  // i=, in the domain or below it; empty: left out
  Canonicalization header = Canonicalization::Relaxed;
  Canonicalization body = Canonicalization::Relaxed;
  std::vector<std::string> headers = default_signed_headers();  // signed where present
  std::vector<std::string> oversigned = default_oversigned_headers();
  std::optional<std::chrono::seconds> lifetime;  // x= is t= and this
};

// Whether signatures can be made by it: domain and selector are names, the identity is below the domain, the
// header names are names. Says what is wrong.
[[nodiscard]] sluice::Result<void> check(const SignSpec& spec);

// `fields`: raw fields of the message as it will be sent, topmost first, each with its line end;
// `body_digest` is of the body in the canonicalization of the spec. Returns "DKIM-Signature: ...\r\n".
[[nodiscard]] sluice::Result<std::string> sign(std::span<const std::string_view> fields,
                                               std::span<const uint8_t, 32> body_digest, const SignSpec& spec,
                                               const SigningKey& key, WallTime now);

}  // namespace sluice::dkim

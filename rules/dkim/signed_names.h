// Which fields of a message a signature of ours covers, and the hash over them (RFC 6376 sections 5.4
// and 3.7): for DKIM-Signature and ARC-Message-Signature. Pure; nothing fails.
#pragma once

#include "rules/dkim/body_hashes.h"
#include "rules/dkim/sha256.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dkim {

// The list for h=: each name of `signed_names` as often as a field of it is there, each of `oversigned` once
// more. From is always listed. Names are compared without case and written as first given; of one name not
// more than limits::kSignedFieldInstances. `fields`: raw, topmost first.
std::vector<std::string> names_to_sign(std::span<const std::string_view> fields,
                                       std::span<const std::string> signed_names,
                                       std::span<const std::string> oversigned);

// SHA-256 over the fields that `names` select and `own_field`: the signature field that is being made, up to
// and with its empty "b=", without a line end.
Digest hash_of_signed(std::span<const std::string_view> fields, std::span<const std::string> names,
                      std::string_view own_field, Canonicalization canonicalization);

// The name of a raw field, white space before the colon left out; empty without a colon.
std::string_view name_of(std::string_view raw_field);

}  // namespace sluice::dkim

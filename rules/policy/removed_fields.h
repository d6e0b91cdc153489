// Which header fields of an untrusted peer are removed (W-20): those that we write ourselves, so that nobody
// behind us can be fooled by a forged copy. Never Received, ARC-*, DKIM-Signature or Return-Path, whatever
// the settings say.
//
// Pure. Compares tolerantly, as a lenient reader behind us would: case, folding, comments, space before the
// colon.
#pragma once

#include "rules/policy/settings.h"

#include <string>
#include <string_view>

namespace sluice::policy {

inline constexpr std::string_view kDefaultResultField = "X-TM-Received-SPF";
// The field that names the policy version in a message.
inline constexpr std::string_view kVersionStampField = "X-Sluice-Policy-Version";
inline constexpr std::string_view kAuthenticationResultsXField = "X-TM-Authentication-Results";
inline constexpr std::string_view kReceivedSpfField = "Received-SPF";
inline constexpr std::string_view kAuthenticationResultsField = "Authentication-Results";

// One for each policy version; shared immutable.
class RemovedFields {
 public:
  explicit RemovedFields(const ResultHeaderSettings& settings);
  // `name`: octets before the colon; `raw_value`: octets behind it, folding included.
  bool matches(std::string_view name, std::string_view raw_value) const;

 private:
  ResultHeaderSettings settings_;
};

// True when the value of an Authentication-Results field names this authserv-id (RFC 8601 section 5), or
// cannot be read and contains it.
bool names_authserv_id(std::string_view raw_value, std::string_view authserv_id);

}  // namespace sluice::policy

// Results and identities of sender authentication with their exact spellings. Two spellings exist: the header
// form
// (`SoftFail`, used in X-headers and logs) and the RFC form (`softfail`, RFC 7208 2.6 and RFC 8601 2.7.2,
// used in Authentication-Results and the check contract).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::auth {

enum class SpfResult : uint8_t { None, Neutral, Pass, Fail, SoftFail, TempError, PermError };

std::string_view header_word(SpfResult result);                 // "Pass", "Fail", "SoftFail", ...
std::string_view rfc_word(SpfResult result);                    // "pass", "fail", "softfail", ...
std::optional<SpfResult> spf_result_of(std::string_view word);  // either spelling, any case

// Whose domain was checked. From (ESE-16) never feeds DMARC.
enum class Identity : uint8_t { MailFrom, Helo, From };
std::string_view identity_word(Identity identity);  // "mailfrom", "helo", "from"

}  // namespace sluice::auth

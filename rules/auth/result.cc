#include "rules/auth/result.h"

#include "io/base/ascii.h"

#include <array>
#include <cstddef>

namespace sluice::auth {
namespace {

struct Words {
  std::string_view header, rfc;
};
// In the order of SpfResult.
constexpr std::array<Words, 7> kWords{{{"None", "none"},
                                       {"Neutral", "neutral"},
                                       {"Pass", "pass"},
                                       {"Fail", "fail"},
                                       {"SoftFail", "softfail"},
                                       {"TempError", "temperror"},
                                       {"PermError", "permerror"}}};
constexpr std::array<std::string_view, 3> kIdentities{"mailfrom", "helo", "from"};

}  // namespace

std::string_view header_word(SpfResult result) { return kWords.at(static_cast<size_t>(result)).header; }
std::string_view rfc_word(SpfResult result) { return kWords.at(static_cast<size_t>(result)).rfc; }

std::optional<SpfResult> spf_result_of(std::string_view word) {
  for (size_t i = 0; i < kWords.size(); ++i) {
    if (equals_ignore_case(word, kWords[i].rfc)) return static_cast<SpfResult>(i);
  }
  return std::nullopt;
}

std::string_view identity_word(Identity identity) { return kIdentities.at(static_cast<size_t>(identity)); }

}  // namespace sluice::auth

#include "rules/dmarc/outcome.h"

#include <array>
#include <cstddef>

namespace sluice::dmarc {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 5> kResultWords = {"none", "pass", "fail", "temperror", "permerror"};
constexpr std::array<std::string_view, 3> kPolicyWords = {"none", "quarantine", "reject"};
constexpr std::array<std::string_view, 8> kReasonWords = {
    "evaluated", "no-author",     "several-authors", "malformed-author",
    "no-record", "lookup-failed", "unusable-record", "identifier-failed"};

}  // namespace

std::string_view rfc_word(Result result) { return kResultWords[static_cast<size_t>(result)]; }
std::string_view rfc_word(Policy policy) { return kPolicyWords[static_cast<size_t>(policy)]; }
std::string_view to_word(Reason reason) { return kReasonWords[static_cast<size_t>(reason)]; }

}  // namespace sluice::dmarc

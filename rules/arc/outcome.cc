#include "rules/arc/outcome.h"

#include <array>
#include <cstddef>

namespace sluice::arc {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 4> kResultWords = {"none", "pass", "fail", "temperror"};
constexpr std::array<std::string_view, 4> kChainValueWords = {"", "none", "pass", "fail"};
constexpr std::array<std::string_view, 11> kReasonWords = {
    "intact",           "no-sets",       "too-many-sets",     "malformed-set",
    "incomplete-set",   "doubled-set",   "chain-value-wrong", "marked-failed",
    "message-mismatch", "seal-mismatch", "key-lookup-failed"};

}  // namespace

std::string_view rfc_word(Result result) { return kResultWords[static_cast<size_t>(result)]; }
std::string_view rfc_word(ChainValue value) { return kChainValueWords[static_cast<size_t>(value)]; }
std::string_view to_word(Reason reason) { return kReasonWords[static_cast<size_t>(reason)]; }

}  // namespace sluice::arc

// Domain names as mail sees them: U-labels to A-labels (RFC 5891, through libidn2), so that everything behind
// looks up, compares and logs one form. Keep what was written for display. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::mail {

// Lower case with A-labels only: "Bücher.Example" is "xn--bcher-kva.example". ASCII names are only folded to
// lower case, whatever they hold; one trailing dot is dropped. Null when a U-label is not valid or the result
// is too long for the DNS.
std::optional<std::string> to_a_labels(std::string_view domain);

}  // namespace sluice::mail

// The fixed parts of the HTML report: its head with the styles, and the script that draws from the JSON in
// the page.
#pragma once

#include <string_view>

namespace sluice::load {

extern const std::string_view kHtmlHead;
extern const std::string_view kHtmlScript;

}  // namespace sluice::load

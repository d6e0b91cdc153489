// One HTML file that shows one run or compares several: percentiles of latency, rate and latency over time,
// errors, and the figures as a table. The file is whole: its own small script draws SVG from the summaries
// inside, and nothing is fetched.
#pragma once

#include "io/base/result.h"

#include <string>
#include <vector>

namespace sluice::load {

// From summaries as `send` prints them (docs/formats.md), each with its name where it has one.
[[nodiscard]] Result<std::string> html_report(const std::vector<std::string>& summaries);
[[nodiscard]] Result<void> write_html_report(const std::string& file,
                                             const std::vector<std::string>& summaries);

}  // namespace sluice::load

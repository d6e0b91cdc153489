// `sluicectl policy check` without the file: what it prints and whether the document may be used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::policy {

struct PolicyReport {
  bool usable = false;
  std::string text;  // one line for each finding, then one line of summary
};

// `file` is the name shown before each position.
PolicyReport check_policy(std::string_view text, std::string_view file);

}  // namespace sluice::policy

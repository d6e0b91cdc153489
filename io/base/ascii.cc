#include "io/base/ascii.h"

#include <algorithm>

namespace sluice {

std::string to_ascii_lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(), ascii_lower);
  return lowered;
}

}  // namespace sluice

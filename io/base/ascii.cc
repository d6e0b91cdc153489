#include "io/base/ascii.h"

#include <algorithm>

namespace sluice {

std::string to_ascii_lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(), ascii_lower);
  return lowered;
}

void append_printable(std::string& out, std::string_view text) {
  const size_t before = out.size();
  out.append(text);
  for (size_t i = before; i < out.size(); ++i) {
    if (!is_ascii_printable(out[i])) out[i] = '?';
  }
}

}  // namespace sluice

// Compiled once for each instruction set that Highway knows, as body_scan.cc is.
#include "io/smtp/dotted_line.h"

#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "io/smtp/dotted_line.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice::smtp::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The place, or how far it is sure that there is none: the rest is shorter than a vector and the octet behind
// it.
size_t find_blocks(const char* text, size_t size, bool& found) {
  const hn::ScalableTag<uint8_t> d;
  const size_t lanes = hn::Lanes(d);
  const auto lf = hn::Set(d, '\n');
  const auto dot = hn::Set(d, '.');
  const auto* octets = reinterpret_cast<const uint8_t*>(text);
  const auto here = [&](size_t at) HWY_ATTR {
    return hn::And(hn::Eq(hn::LoadU(d, octets + at), lf), hn::Eq(hn::LoadU(d, octets + at + 1), dot));
  };
  size_t at = 0;
  for (; size - at > 2 * lanes; at += 2 * lanes) {
    if (!hn::AllFalse(d, hn::Or(here(at), here(at + lanes)))) break;
  }
  for (; size - at > lanes; at += lanes) {
    const intptr_t first = hn::FindFirstTrue(d, here(at));
    if (first < 0) continue;
    found = true;
    return at + static_cast<size_t>(first);
  }
  return at;
}

}  // namespace sluice::smtp::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::smtp {

HWY_EXPORT(find_blocks);

size_t find_dotted_line_scalar(std::string_view octets) {
  for (size_t at = 0; at + 1 < octets.size(); ++at) {
    if (octets[at] == '\n' && octets[at + 1] == '.') return at;
  }
  return std::string_view::npos;
}

size_t find_dotted_line(std::string_view octets) {
  bool found = false;
  const size_t at = HWY_DYNAMIC_DISPATCH(find_blocks)(octets.data(), octets.size(), found);
  if (found) return at;
  const size_t rest = find_dotted_line_scalar(octets.substr(at));
  return rest == std::string_view::npos ? rest : at + rest;
}

}  // namespace sluice::smtp
#endif  // HWY_ONCE

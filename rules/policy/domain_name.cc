#include "rules/policy/domain_name.h"

#include "io/base/ascii.h"

#include <algorithm>
#include <cstddef>

#include <idn2.h>

namespace sluice::policy {
namespace {

constexpr size_t kNameText = 253;  // RFC 1035 2.3.4: 255 octets on the wire
constexpr size_t kLabelText = 63;

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelText) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::ranges::all_of(label, [](char c) { return is_ascii_alnum(c) || c == '-' || c == '_'; });
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameText) return false;
  std::string_view rest = name;
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) {
      // No top-level domain is a number (RFC 3696 section 2): this is an address, or a slip in one.
      return !std::ranges::all_of(label, is_ascii_digit);
    }
    rest.remove_prefix(dot + 1);
  }
}

std::optional<std::string> to_ascii_labels(std::string_view text) {
  // The library stops at a NUL octet, and quietly.
  if (text.contains('\0') || text.size() > 4 * kNameText) return std::nullopt;
  const std::string input(text);
  char* output = nullptr;
  if (idn2_to_ascii_8z(input.c_str(), &output, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
    return std::nullopt;
  }
  std::string labels(output);
  idn2_free(output);
  return labels;
}

}  // namespace

bool is_domain_name(std::string_view text) {
  return is_name(text) && std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::optional<std::string> to_domain_name(std::string_view text) {
  std::string name;
  if (std::ranges::all_of(text, is_ascii)) {
    name = to_ascii_lower(text);
  } else {
    std::optional<std::string> labels = to_ascii_labels(text);
    if (!labels) return std::nullopt;
    name = to_ascii_lower(*labels);
  }
  if (name.ends_with('.')) name.pop_back();
  if (!is_name(name)) return std::nullopt;
  return name;
}

bool is_at_or_below(std::string_view name, std::string_view ancestor) {
  if (!name.ends_with(ancestor)) return false;
  return name.size() == ancestor.size() || name[name.size() - ancestor.size() - 1] == '.';
}

}  // namespace sluice::policy

#include "rules/spf/domain.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include <idn2.h>

namespace sluice::spf {
namespace {

// Room for a name in UTF-8 that may still become an A-label name of 253 octets; longer text is not worth
// converting.
constexpr size_t kUnicodeNameMax = 1024;

bool labels_fit(std::string_view name) {
  if (name.empty() || name.size() > limits::kSpfMacroName) return false;
  size_t start = 0;
  while (start <= name.size()) {
    const size_t dot = std::min(name.find('.', start), name.size());
    if (dot == start || dot - start > limits::kDnsLabel) return false;
    start = dot + 1;
  }
  return true;
}

bool is_host_character(char c) { return is_ascii_alnum(c) || c == '-' || c == '_' || c == '.'; }

std::optional<std::string> to_a_labels(const std::string& name) {
  if (name.size() > kUnicodeNameMax || name.find('\0') != std::string::npos) return std::nullopt;
  char* output = nullptr;
  const int status = idn2_to_ascii_8z(name.c_str(), &output, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  if (status != IDN2_OK) return std::nullopt;
  const std::unique_ptr<char, void (*)(void*)> owner(output, idn2_free);
  return std::string(output);
}

}  // namespace

bool checked_domain(std::string_view text, std::string& domain) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (std::ranges::all_of(text, is_ascii)) {
    domain = text;
  } else {
    std::optional<std::string> converted = to_a_labels(std::string(text));
    if (!converted) return false;
    domain = std::move(*converted);
  }
  return std::ranges::all_of(domain, is_host_character) && domain.find('.') != std::string::npos &&
         labels_fit(domain);
}

std::optional<std::string> checked_domain(std::string_view text) {
  std::string domain;
  if (!checked_domain(text, domain)) return std::nullopt;
  return domain;
}

std::optional<std::string> target_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (!labels_fit(text)) return std::nullopt;
  return std::string(text);
}

}  // namespace sluice::spf

#include "io/mail/domain.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"

#include <algorithm>
#include <cstdint>
#include <memory>

#include <idn2.h>

namespace sluice::mail {

std::optional<std::string> to_a_labels(std::string_view domain) {
  if (!domain.empty() && domain.back() == '.') domain.remove_suffix(1);
  if (std::ranges::all_of(domain, is_ascii)) return to_ascii_lower(domain);
  // libidn2 reads up to the first NUL.
  if (domain.size() > limits::kSmtpDomain || domain.contains('\0')) return std::nullopt;

  const std::string input(domain);
  uint8_t* raw = nullptr;
  const int status = idn2_lookup_u8(reinterpret_cast<const uint8_t*>(input.c_str()), &raw,
                                    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<uint8_t, void (*)(void*)> converted(raw, idn2_free);
  if (status != IDN2_OK || raw == nullptr) return std::nullopt;
  const std::string_view ascii(reinterpret_cast<const char*>(raw));
  if (ascii.size() > limits::kSmtpDomain || !std::ranges::all_of(ascii, is_ascii)) return std::nullopt;
  return to_ascii_lower(ascii);
}

}  // namespace sluice::mail

// TagWriter: writes a signature field as tag=value pairs (RFC 6376 section 3.2), folded between pairs,
// between the names of a list and inside base64, so that no line has more than 78 octets (RFC 5322
// section 2.1.1). A value that cannot be folded may make its line longer. For DKIM-Signature,
// ARC-Message-Signature and ARC-Seal.
//
// Values are ours or were checked before: nothing is escaped here. The signature comes last: what is hashed
// is text() behind begin_signature(). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::dkim {

class TagWriter {
 public:
  explicit TagWriter(std::string_view field_name);  // begins "Name: "

  TagWriter& tag(std::string_view name, std::string_view value);
  TagWriter& number(std::string_view name, uint64_t value);
  TagWriter& list(std::string_view name, std::span<const std::string> values);  // between colons
  TagWriter& base64(std::string_view name, std::string_view octets);
  TagWriter& begin_signature();  // "b=", without a value

  // The field as it is now, without a line end. Valid until the next call.
  std::string_view text() const { return text_; }
  // The whole field with its line end. The writer is used up.
  std::string finish(std::string_view signature_octets);

 private:
  void begin(std::string_view name, size_t value_octets);
  void append_base64(std::string_view octets);
  void fold();

  std::string text_;
  size_t column_ = 0;
  bool first_ = true;
};

// Base64 of RFC 4648 section 4, with padding, on one line.
std::string to_base64(std::string_view octets);

}  // namespace sluice::dkim

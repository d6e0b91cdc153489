// Macros of RFC 7208 section 7: reading, checking and expanding. Text is checked once, when the record that
// holds it is parsed; expansion then cannot meet a syntax error.
//
// Any sizes are bounded: a digit transformer of any length reads as "all parts", a domain keeps only its last
// 253 octets (whole labels, 7.3), an explanation its first limits::kSpfExplanation. Pure; views that go in
// must live during the call.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::spf {

enum class MacroUse : uint8_t {
  Domain,       // %{c}, %{r} and %{t} are not allowed
  Explanation,  // they are, and spaces too (6.2)
};

// One piece of a macro string: either literal text or "%{letter digits r delimiters}".
struct MacroPiece {
  std::string_view literal;  // "%%", "%_" and "%-" are given as what they stand for
  char letter = 0;           // lower case; 0 for a literal
  bool url_escape = false;   // the letter was upper case
  bool reverse = false;
  uint32_t keep = 0;            // right-hand parts to keep; 0: all
  std::string_view delimiters;  // empty: "."
  bool splits = false;          // transformers or delimiters were written
};

struct MacroError {
  size_t offset = 0;  // into the text that was read
  std::string_view problem;
};

class MacroReader {
 public:
  MacroReader(std::string_view text, MacroUse use) : text_(text), use_(use) {}
  bool at_end() const { return position_ == text_.size(); }
  size_t position() const { return position_; }
  std::expected<MacroPiece, MacroError> next();  // only while not at_end()

 private:
  std::expected<MacroPiece, MacroError> expand_piece();

  std::string_view text_;
  MacroUse use_;
  size_t position_ = 0;
};

// macro-string (7.1); null when well-formed.
std::optional<MacroError> check_macro_string(std::string_view text, MacroUse use);
// domain-spec (7.1): a macro-string that ends in a macro or in a dot and a top label.
std::optional<MacroError> check_domain_spec(std::string_view text);

// Does a text that was checked hold this macro (lower case), in either case?
bool has_macro(std::string_view text, char letter);

struct MacroValues {
  std::string_view local_part;     // l
  std::string_view sender_domain;  // o
  std::string_view domain;         // d, the current domain
  std::string_view helo;           // h
  std::string_view receiver;       // r
  std::string_view validated;      // p, found beforehand; "unknown" where there is none
  IpAddress client;                // i, c, v
  WallTime now;                    // t
};

// The domain that a domain-spec stands for, at most 253 octets, without its final dot.
std::string expand_domain(std::string_view text, const MacroValues& values);
// An explanation, at most limits::kSpfExplanation octets; not yet checked for printability.
std::string expand_explanation(std::string_view text, const MacroValues& values);

}  // namespace sluice::spf

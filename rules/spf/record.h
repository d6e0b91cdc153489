// Record: one SPF record (RFC 7208 sections 3, 4.5, 4.6, 5, 6, 12) as terms with their positions in its text.
// A syntax error anywhere makes the whole record one (4.6), located by term and offset. Immutable and free of
// references to anything else, so it may be kept, shared and compiled further.
//
// Limits: limits::kSpfRecord octets, limits::kSpfRecordTerms terms. Nothing is expanded, asked or converted
// here.
#pragma once

#include "io/base/ip.h"
#include "rules/auth/result.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::spf {

enum class Mechanism : uint8_t { All, Include, A, Mx, Ptr, Ip4, Ip6, Exists };

// A stretch of the record's text.
struct Span {
  uint32_t offset = 0;
  uint32_t size = 0;
};

struct Directive {
  Mechanism mechanism = Mechanism::All;
  auth::SpfResult on_match = auth::SpfResult::Pass;  // of the qualifier; `+` where none is written
  Span term;                                         // as written, with its qualifier
  Span domain;                                       // the domain-spec; empty: the current domain
  Cidr network;                                      // Ip4, Ip6
  uint8_t v4_length = 32;                            // A, Mx: dual-cidr-length
  uint8_t v6_length = 128;

  // Does evaluating it ask the DNS, and so count against the ten of section 4.6.4?
  bool is_lookup() const {
    return mechanism != Mechanism::All && mechanism != Mechanism::Ip4 && mechanism != Mechanism::Ip6;
  }
};

struct Modifier {
  Span term;   // as written
  Span value;  // behind the "="
};

struct RecordError {
  size_t offset = 0;    // octets from the start of the record
  std::string term;     // the term that is wrong, as written, control characters and all; may be empty
  std::string problem;  // for a person: "an IPv4 prefix length is 0 to 32"
};

class Record {
 public:
  // Does the text start with "v=spf1", followed by a space or nothing (4.5)? Others are not SPF records.
  static bool is_record(std::string_view text);
  static std::expected<Record, RecordError> parse(std::string text);

  std::string_view text() const { return text_; }
  std::span<const Directive> directives() const { return directives_; }
  const std::optional<Modifier>& redirect() const { return redirect_; }
  const std::optional<Modifier>& explanation() const { return explanation_; }

  // Valid as long as this object is neither moved nor destroyed.
  std::string_view text_of(Span span) const { return std::string_view(text_).substr(span.offset, span.size); }
  // A directive as written, without its qualifier.
  std::string_view name_of(const Directive& directive) const;
  // What a client gets that no earlier term lists (SPF-10): the qualifier of `all`, or Neutral; null when
  // `redirect` decides.
  std::optional<auth::SpfResult> unlisted_result() const;

 private:
  friend class RecordParser;
  std::string text_;
  std::vector<Directive> directives_;
  std::optional<Modifier> redirect_;
  std::optional<Modifier> explanation_;
};

}  // namespace sluice::spf

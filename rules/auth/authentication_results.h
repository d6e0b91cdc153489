// Reads Authentication-Results (RFC 8601 section 2.2) and ARC-Authentication-Results (RFC 8617 section 4.1.1)
// values as other systems write them: comments anywhere, folded lines, quoted strings, properties without a
// type, addresses and base64 without quotes, results that no RFC knows.
//
// Tolerant of form, strict about meaning: a part that cannot be read is left out as a whole and marks the
// value incomplete, so that no text inside a comment or a quoted string is ever taken for a result. What is
// read is somebody's claim; whether to believe it is the caller's decision. Pure, linear in time, bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::auth {

// "smtp.mailfrom=user@example.com"
struct ResultProperty {
  std::string type;   // lower case; empty where the writer gave none ("action=none")
  std::string name;   // lower case
  std::string value;  // unquoted, without CR and LF
  friend bool operator==(const ResultProperty&, const ResultProperty&) = default;
};

// "dkim=pass reason="..." header.d=example.com"
struct MethodResult {
  std::string method;  // lower case
  std::string result;  // lower case; any word
  std::string reason;
  std::vector<ResultProperty> properties;

  // The first of that type and name (lower case); null: there is none.
  const std::string* find(std::string_view type, std::string_view name) const;
  friend bool operator==(const MethodResult&, const MethodResult&) = default;
};

struct AuthenticationResults {
  std::optional<unsigned> instance;  // i= before the authserv-id: of ARC-Authentication-Results
  std::string authserv_id;           // as written, unquoted; empty where it is missing or cannot be read
  unsigned version = 1;
  bool complete = true;               // nothing had to be left out
  std::vector<MethodResult> results;  // in their order; none with "; none"

  friend bool operator==(const AuthenticationResults&, const AuthenticationResults&) = default;
};

// `value`: behind the colon, folding included. Reads at most limits::kArcResults octets.
AuthenticationResults read_authentication_results(std::string_view value);

}  // namespace sluice::auth

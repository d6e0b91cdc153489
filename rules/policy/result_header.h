// The result header fields: X-TM-Received-SPF in the wording that administrators know, and Received-SPF (RFC
// 7208 section 9.1 with erratum 5436). Values are unfolded and shorter than 998 octets.
//
// Whatever the peer said is made harmless first (W-21): printable ASCII, A-labels, at most
// limits::kHeaderIdentity octets, nothing that ends a comment, a quoted string or the field. Pure.
#pragma once

#include "rules/evidence/evidence.h"

#include <string>
#include <string_view>

namespace sluice::policy {

struct HeaderField {
  std::string name;
  std::string value;            // no CR or LF, no leading space
  std::string to_line() const;  // "Name: value\r\n"
  friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

// Append the whole field, folded, with its line end: what spf_result_field() and received_spf_field() give as
// values.
void append_spf_result_line(std::string& out, std::string_view name, const evidence::SpfOutcome& outcome,
                            const evidence::Client& client, const evidence::Sender& sender);
void append_received_spf_line(std::string& out, std::string_view receiver,
                              const evidence::SpfOutcome& outcome, const evidence::Client& client,
                              const evidence::Sender& sender);

// "Fail (domain of a@b does not designates 192.0.2.1 as permitted sender) client-ip=...; envelope-from=...;
// helo=..."
HeaderField spf_result_field(std::string_view name, const evidence::SpfOutcome& outcome,
                             const evidence::Client& client, const evidence::Sender& sender);

// `receiver`: our host name.
HeaderField received_spf_field(std::string_view receiver, const evidence::SpfOutcome& outcome,
                               const evidence::Client& client, const evidence::Sender& sender);

// As they stand inside a comment, and as the value of a key: harmless, whatever they hold.
std::string comment_text(std::string_view identity);
std::string key_value_text(std::string_view identity);
// As a quoted string (RFC 5322 section 3.2.4), whatever it holds.
std::string quoted_text(std::string_view text);
void append_quoted_text(std::string& out, std::string_view text);

}  // namespace sluice::policy

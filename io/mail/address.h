// Addresses of the envelope: the paths of MAIL FROM and RCPT TO (RFC 5321 sections 4.1.2 and 4.1.3, RFC 6531
// section 3.3), checked in full and split. No policy: nothing is looked up, relayed or rewritten here.
//
// Read as the RFC says, but: a source route is checked and dropped (appendix C; RFC 5321 3.6.1); labels may
// hold underscores, and local parts may have dots at their end or in a row, because real senders do both
// (AddressRules can refuse the dots). Percent and bang are ordinary characters of a local part. Pure values,
// errors by AddressError; words and codes are the caller's.
#pragma once

#include "io/base/ip.h"
#include "io/base/limits.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::mail {

enum class AddressError : uint8_t {
  NoBrackets,     // does not start with '<', or the '>' is missing
  Empty,          // "<>" where an address is needed
  TooLong,        // the path is over limits::kSmtpPath or the domain over limits::kSmtpDomain
  BadRoute,       // "<@a:b@c>" is a route; "<@a,b:c@d>" is not
  BadLocalPart,   // an atom or quoted string that is not one
  MissingDomain,  // "<user>", other than <Postmaster>
  BadDomain,      // empty label, over 63 octets, hyphen at an edge, other characters
  BadLiteral,     // "[...]" that is no IP address
  BadOctet,       // a control character, or octets that are not UTF-8
};

enum class DomainKind : uint8_t {
  None,     // the null path, or <Postmaster>
  Name,     // a domain name; may hold U-labels
  Literal,  // [192.0.2.1], [IPv6:2001:db8::1]
};

// An address, or the null path. Holds the address as written, without brackets and route.
class Address {
 public:
  Address() = default;  // the null path

  bool is_null() const { return text_.empty(); }
  // <Postmaster> without a domain, in any case.
  bool is_bare_postmaster() const { return !text_.empty() && domain_kind_ == DomainKind::None; }

  // "user@example.com", `"a b"@example.com`, "Postmaster", "" for the null path. Views of this object.
  const std::string& text() const { return text_; }
  std::string take_text() && { return std::move(text_); }
  std::string_view local_part() const {
    return std::string_view(text_).substr(0, local_size_);
  }  // as written
  std::string_view domain() const {  // as written; a literal with its brackets
    return domain_kind_ == DomainKind::None ? std::string_view()
                                            : std::string_view(text_).substr(local_size_ + 1);
  }
  std::string local_part_value() const;  // without quotes and backslashes

  DomainKind domain_kind() const { return domain_kind_; }
  std::optional<IpAddress> literal() const { return literal_; }
  bool has_route() const { return has_route_; }
  bool needs_smtputf8() const { return non_ascii_; }

  friend bool operator==(const Address& a, const Address& b) { return a.text_ == b.text_; }

 private:
  friend class AddressParser;
  std::string text_;
  std::optional<IpAddress> literal_;
  uint32_t local_size_ = 0;
  DomainKind domain_kind_ = DomainKind::None;
  bool has_route_ = false;
  bool non_ascii_ = false;
};

enum class DotRule : uint8_t { Loose, Strict };

struct AddressRules {
  DotRule dots = DotRule::Loose;
};

// A path that starts at the front of `text`, and where it ends; what follows is the caller's (parameters).
struct ParsedPath {
  Address address;
  size_t size = 0;  // octets of `text` that the path takes, brackets included
};

// Reverse-path: "<...>" or "<>".
[[nodiscard]] std::expected<ParsedPath, AddressError> parse_reverse_path(std::string_view text,
                                                                         AddressRules rules = {});
// Forward-path: "<...>" or "<Postmaster>".
[[nodiscard]] std::expected<ParsedPath, AddressError> parse_forward_path(std::string_view text,
                                                                         AddressRules rules = {});
// A bare "user@domain" without brackets or route, nothing behind it.
[[nodiscard]] std::expected<Address, AddressError> parse_mailbox(std::string_view text,
                                                                 AddressRules rules = {});

// Why a domain of the envelope (name or, in brackets, literal) is wrong; nothing when it is right.
[[nodiscard]] std::optional<AddressError> check_domain(std::string_view domain);
// Whether `text` is well-formed UTF-8 (RFC 3629) without C0 controls and DEL.
bool is_clean_utf8(std::string_view text);

std::string_view to_string(AddressError error);  // a few words, for replies: "local part", "domain", ...

}  // namespace sluice::mail

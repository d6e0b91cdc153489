#include "io/mail/address.h"

#include "io/base/ascii.h"

namespace sluice::mail {

namespace {

constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// RFC 5322 3.2.3 with RFC 6531's octets above 127.
constexpr bool is_atext(char c) {
  if (is_ascii_alnum(c) || !is_ascii(c)) return true;
  return std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

constexpr bool is_label_octet(char c) { return is_ascii_alnum(c) || c == '-' || c == '_' || !is_ascii(c); }

constexpr bool has_non_ascii(std::string_view text) {
  for (const char c : text) {
    if (!is_ascii(c)) return true;
  }
  return false;
}

std::optional<IpAddress> parse_literal(std::string_view bracketed) {
  if (bracketed.size() < 2 || bracketed.front() != '[' || bracketed.back() != ']') return std::nullopt;
  std::string_view inside = bracketed.substr(1, bracketed.size() - 2);
  constexpr std::string_view kTag = "IPv6:";
  const bool tagged = starts_with_ignore_case(inside, kTag);
  if (tagged) inside.remove_prefix(kTag.size());
  const auto address = IpAddress::parse(inside);
  if (!address || address->is_v4() == tagged) return std::nullopt;
  return address;
}

std::optional<AddressError> check_name(std::string_view name) {
  if (name.size() > limits::kSmtpDomain) return AddressError::TooLong;
  while (true) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty() || label.front() == '-' || label.back() == '-') return AddressError::BadDomain;
    bool ascii_only = true;
    for (const char c : label) {
      if (is_control(c)) return AddressError::BadOctet;
      if (!is_label_octet(c)) return AddressError::BadDomain;
      ascii_only = ascii_only && is_ascii(c);
    }
    if (ascii_only && label.size() > limits::kDnsLabel) return AddressError::BadDomain;
    if (dot == std::string_view::npos) return std::nullopt;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

// Walks over one path or mailbox. Each step moves position_ and returns what is wrong, if anything is.
class AddressParser {
 public:
  enum class Direction : uint8_t { Reverse, Forward };

  AddressParser(std::string_view text, AddressRules rules) : text_(text), rules_(rules) {}

  std::expected<ParsedPath, AddressError> path(Direction direction) {
    if (peek() != '<') return std::unexpected(AddressError::NoBrackets);
    ++position_;
    ParsedPath parsed;
    if (peek() == '>') {
      if (direction == Direction::Forward) return std::unexpected(AddressError::Empty);
      parsed.size = 2;
      return parsed;
    }
    if (peek() == '@') {
      if (const auto error = route()) return std::unexpected(*error);
      parsed.address.has_route_ = true;
    }
    const size_t begin = position_;
    if (const auto error = local_part()) return std::unexpected(*error);
    const std::string_view local = text_.substr(begin, position_ - begin);
    const bool bare_postmaster = direction == Direction::Forward && peek() == '>' &&
                                 !parsed.address.has_route_ && equals_ignore_case(local, "postmaster");
    if (bare_postmaster) {
      parsed.address.text_ = local;
      parsed.address.local_size_ = static_cast<uint32_t>(local.size());
    } else if (const auto error = at_domain(parsed.address, begin, '>')) {
      return std::unexpected(*error);
    }
    if (at_end()) return std::unexpected(AddressError::NoBrackets);
    parsed.size = position_ + 1;
    if (parsed.size > limits::kSmtpPath) return std::unexpected(AddressError::TooLong);
    if (has_non_ascii(text_.substr(0, parsed.size)) && !is_clean_utf8(text_.substr(0, parsed.size))) {
      return std::unexpected(AddressError::BadOctet);
    }
    return parsed;
  }

  std::expected<Address, AddressError> mailbox() {
    if (text_.empty()) return std::unexpected(AddressError::Empty);
    if (text_.size() > limits::kSmtpPath) return std::unexpected(AddressError::TooLong);
    Address address;
    if (const auto error = local_part()) return std::unexpected(*error);
    if (const auto error = at_domain(address, 0, '\0')) return std::unexpected(*error);
    if (!is_clean_utf8(text_)) return std::unexpected(AddressError::BadOctet);
    return address;
  }

 private:
  using Failure = std::optional<AddressError>;

  bool at_end() const { return position_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }

  // "@one,@two:" with the position behind the colon afterwards.
  Failure route() {
    while (true) {
      if (peek() != '@') return AddressError::BadRoute;
      ++position_;
      const size_t begin = position_;
      const size_t end = text_.find_first_of(",:>", begin);
      if (end == std::string_view::npos || text_[end] == '>') return AddressError::BadRoute;
      position_ = end;
      const std::string_view hop = text_.substr(begin, end - begin);
      // The colon of an IPv6 literal is inside its brackets.
      if (!hop.empty() && hop.front() == '[') {
        const size_t close = text_.find(']', begin);
        if (close == std::string_view::npos) return AddressError::BadRoute;
        position_ = close + 1;
      }
      if (check_domain(text_.substr(begin, position_ - begin))) return AddressError::BadRoute;
      if (peek() == ':') {
        ++position_;
        return std::nullopt;
      }
      if (peek() != ',') return AddressError::BadRoute;
      ++position_;
    }
  }

  Failure local_part() {
    if (peek() == '"') return quoted_local_part();
    const size_t begin = position_;
    bool after_dot = true;  // a dot may not come first
    while (!at_end()) {
      const char c = peek();
      if (c == '.') {
        const bool allowed = !after_dot || (rules_.dots == DotRule::Loose && position_ != begin);
        if (!allowed) return AddressError::BadLocalPart;
        after_dot = true;
      } else if (is_atext(c)) {
        after_dot = false;
      } else {
        break;
      }
      ++position_;
    }
    if (!at_end() && is_control(peek())) return AddressError::BadOctet;
    if (position_ == begin) return AddressError::BadLocalPart;
    if (after_dot && rules_.dots == DotRule::Strict) return AddressError::BadLocalPart;
    return std::nullopt;
  }

  Failure quoted_local_part() {
    ++position_;
    while (!at_end()) {
      const char c = text_[position_++];
      if (is_control(c)) return AddressError::BadOctet;
      if (c == '"') return std::nullopt;
      if (c != '\\') continue;
      if (at_end() || !is_ascii_printable(peek())) return AddressError::BadLocalPart;
      ++position_;
    }
    return AddressError::BadLocalPart;
  }

  // "@domain" up to `closer` ('\0': the end of the text), and the address from `begin` on.
  Failure at_domain(Address& address, size_t begin, char closer) {
    if (peek() != '@') {
      if (!at_end() && peek() != closer) return AddressError::BadLocalPart;
      return at_end() && closer != '\0' ? AddressError::NoBrackets : AddressError::MissingDomain;
    }
    const size_t at = position_++;
    size_t end = text_.size();
    if (closer != '\0') end = text_.find(closer, position_);
    if (end == std::string_view::npos) return AddressError::NoBrackets;
    const std::string_view domain = text_.substr(position_, end - position_);
    if (const auto error = check_domain(domain)) return error;
    position_ = end;
    if (domain.front() == '[') {
      address.domain_kind_ = DomainKind::Literal;
      address.literal_ = parse_literal(domain);
    } else {
      address.domain_kind_ = DomainKind::Name;
    }
    address.text_ = text_.substr(begin, end - begin);
    address.local_size_ = static_cast<uint32_t>(at - begin);
    address.non_ascii_ = has_non_ascii(address.text_);
    return std::nullopt;
  }

  std::string_view text_;
  AddressRules rules_;
  size_t position_ = 0;
};

std::string Address::local_part_value() const {
  const std::string_view local = local_part();
  if (local.empty() || local.front() != '"') return std::string(local);
  std::string value;
  for (size_t i = 1; i + 1 < local.size(); ++i) {
    if (local[i] == '\\') ++i;
    value.push_back(local[i]);
  }
  return value;
}

std::expected<ParsedPath, AddressError> parse_reverse_path(std::string_view text, AddressRules rules) {
  return AddressParser(text, rules).path(AddressParser::Direction::Reverse);
}

std::expected<ParsedPath, AddressError> parse_forward_path(std::string_view text, AddressRules rules) {
  return AddressParser(text, rules).path(AddressParser::Direction::Forward);
}

std::expected<Address, AddressError> parse_mailbox(std::string_view text, AddressRules rules) {
  return AddressParser(text, rules).mailbox();
}

std::optional<AddressError> check_domain(std::string_view domain) {
  if (domain.empty()) return AddressError::BadDomain;
  if (domain.front() != '[') return check_name(domain);
  if (parse_literal(domain)) return std::nullopt;
  return AddressError::BadLiteral;
}

bool is_clean_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x20 || lead == 0x7f) return false;
    if (lead < 0x80) continue;
    if (lead < 0xC2 || lead > 0xF4) return false;
    const size_t following = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (text.size() - i < following) return false;
    // Overlong forms, surrogates and what is above U+10FFFF show in the second octet.
    const auto second = static_cast<unsigned char>(text[i]);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    for (size_t k = 0; k < following; ++k, ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

std::string_view to_string(AddressError error) {
  switch (error) {
    case AddressError::NoBrackets:
      return "address is not in angle brackets";
    case AddressError::Empty:
      return "empty address";
    case AddressError::TooLong:
      return "address is too long";
    case AddressError::BadRoute:
      return "bad source route";
    case AddressError::BadLocalPart:
      return "bad local part";
    case AddressError::MissingDomain:
      return "domain is missing";
    case AddressError::BadDomain:
      return "bad domain";
    case AddressError::BadLiteral:
      return "bad address literal";
    case AddressError::BadOctet:
      return "octet not allowed in an address";
  }
  return "bad address";
}

}  // namespace sluice::mail

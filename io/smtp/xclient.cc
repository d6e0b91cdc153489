#include "io/smtp/xclient.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "io/mail/address.h"
#include "io/smtp/command.h"

#include <algorithm>
#include <array>

namespace sluice::smtp {

namespace {

constexpr std::string_view kUnavailable = "[UNAVAILABLE]";
constexpr std::string_view kTemporarilyUnavailable = "[TEMPUNAVAIL]";
constexpr std::string_view kIpv6Prefix = "IPV6:";

constexpr std::array<std::string_view, 8> kAttributes = {"NAME", "ADDR",  "PORT",     "PROTO",
                                                         "HELO", "LOGIN", "DESTADDR", "DESTPORT"};

int hex_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool read(std::string_view text, std::string& value) {
  if (text.empty() || text.size() > limits::kSmtpDomain || text.contains(' ') || !mail::is_clean_utf8(text)) {
    return false;
  }
  value = text;
  return true;
}

bool read(std::string_view text, IpAddress& value) {
  const bool tagged = starts_with_ignore_case(text, kIpv6Prefix);
  if (tagged) text.remove_prefix(kIpv6Prefix.size());
  const auto address = IpAddress::parse(text);
  if (!address || (tagged && address->is_v4())) return false;
  value = address->unmap();
  return true;
}

bool read(std::string_view text, uint16_t& value) {
  const auto number = parse_number(text);
  if (!number || *number > UINT16_MAX) return false;
  value = static_cast<uint16_t>(*number);
  return true;
}

bool read(std::string_view text, XclientProtocol& value) {
  if (equals_ignore_case(text, "ESMTP")) {
    value = XclientProtocol::Esmtp;
  } else if (equals_ignore_case(text, "SMTP")) {
    value = XclientProtocol::Smtp;
  } else {
    return false;
  }
  return true;
}

template <class T>
bool take(std::string_view text, XclientValue<T>& into) {
  if (into.state != XclientState::Absent) return false;  // doubled
  if (equals_ignore_case(text, kUnavailable)) {
    into.state = XclientState::Unavailable;
  } else if (equals_ignore_case(text, kTemporarilyUnavailable)) {
    into.state = XclientState::TemporarilyUnavailable;
  } else {
    const auto decoded = decode_xtext(text);
    if (!decoded || !read(*decoded, into.value)) return false;
    into.state = XclientState::Given;
  }
  return true;
}

bool take_attribute(XclientOverrides& overrides, XclientAttribute attribute, std::string_view text) {
  switch (attribute) {
    case XclientAttribute::Name:
      return take(text, overrides.name);
    case XclientAttribute::Addr:
      return take(text, overrides.addr);
    case XclientAttribute::Port:
      return take(text, overrides.port);
    case XclientAttribute::Proto:
      return take(text, overrides.proto);
    case XclientAttribute::Helo:
      return take(text, overrides.helo);
    case XclientAttribute::Login:
      return take(text, overrides.login);
    case XclientAttribute::DestAddr:
      return take(text, overrides.destaddr);
    case XclientAttribute::DestPort:
      return take(text, overrides.destport);
  }
  return false;
}

std::string written(const std::string& value) { return value; }
std::string written(const IpAddress& value) {
  return value.is_v4() ? value.to_string() : std::string(kIpv6Prefix) + value.to_string();
}
std::string written(uint16_t value) { return std::to_string(value); }
std::string written(XclientProtocol value) { return value == XclientProtocol::Esmtp ? "ESMTP" : "SMTP"; }

class XclientWriter {
 public:
  XclientWriter(std::string& out, XclientAttributes offered) : out_(out), offered_(offered) {}

  template <class T>
  void put(XclientAttribute attribute, const XclientValue<T>& value) {
    if (value.state == XclientState::Absent || (offered_ & bit_of(attribute)) == 0) return;
    out_.push_back(' ');
    out_.append(to_string(attribute));
    out_.push_back('=');
    switch (value.state) {
      case XclientState::Unavailable:
        out_.append(kUnavailable);
        break;
      case XclientState::TemporarilyUnavailable:
        out_.append(kTemporarilyUnavailable);
        break;
      default:
        append_xtext(out_, written(value.value));
        break;
    }
  }

 private:
  std::string& out_;
  XclientAttributes offered_;
};

}  // namespace

std::optional<XclientAttribute> parse_xclient_attribute(std::string_view word) {
  for (size_t i = 0; i < kAttributes.size(); ++i) {
    if (equals_ignore_case(word, kAttributes[i])) return static_cast<XclientAttribute>(i);
  }
  return std::nullopt;
}

std::string_view to_string(XclientAttribute attribute) { return kAttributes[static_cast<size_t>(attribute)]; }

std::optional<XclientOverrides> parse_xclient(std::string_view argument) {
  XclientOverrides overrides;
  size_t count = 0;
  for (argument = trim(argument); !argument.empty(); argument = trim(argument)) {
    const auto blank = std::ranges::find_if(argument, is_space_or_tab);
    const std::string_view word = argument.substr(0, static_cast<size_t>(blank - argument.begin()));
    argument.remove_prefix(word.size());
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos || ++count > limits::kXclientAttributes) return std::nullopt;
    const auto attribute = parse_xclient_attribute(word.substr(0, equals));
    if (!attribute || !take_attribute(overrides, *attribute, word.substr(equals + 1))) return std::nullopt;
  }
  if (count == 0) return std::nullopt;
  return overrides;
}

void append_xclient(std::string& out, const XclientOverrides& overrides, XclientAttributes offered) {
  XclientWriter writer(out, offered);
  writer.put(XclientAttribute::Name, overrides.name);
  writer.put(XclientAttribute::Addr, overrides.addr);
  writer.put(XclientAttribute::Port, overrides.port);
  writer.put(XclientAttribute::Proto, overrides.proto);
  writer.put(XclientAttribute::Helo, overrides.helo);
  writer.put(XclientAttribute::Login, overrides.login);
  writer.put(XclientAttribute::DestAddr, overrides.destaddr);
  writer.put(XclientAttribute::DestPort, overrides.destport);
}

std::optional<std::string> decode_xtext(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '+') {
      decoded.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

void append_xtext(std::string& out, std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : value) {
    if (c > 0x20 && c < 0x7f && c != '+' && c != '=') {
      out.push_back(c);
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out.push_back('+');
    out.push_back(kHex[octet >> 4]);
    out.push_back(kHex[octet & 15]);
  }
}

}  // namespace sluice::smtp

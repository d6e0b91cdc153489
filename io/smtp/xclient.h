// XCLIENT, Postfix's extension by which a listed proxy says whom it speaks for (XCLIENT_README): attributes
// as values, read and written, and xtext (RFC 3461 section 4). Whether a peer may say so is the session's
// question. Pure.
#pragma once

#include "io/base/ip.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::smtp {

enum class XclientState : uint8_t {
  Absent,                  // not given: what is known stays
  Given,                   // the value stands
  Unavailable,             // [UNAVAILABLE]: known not to exist
  TemporarilyUnavailable,  // [TEMPUNAVAIL]: could not be found out
};

template <class T>
struct XclientValue {
  XclientState state = XclientState::Absent;
  T value{};
  bool given() const { return state == XclientState::Given; }
  friend bool operator==(const XclientValue&, const XclientValue&) = default;
};

enum class XclientProtocol : uint8_t { Smtp, Esmtp };

struct XclientOverrides {
  XclientValue<std::string> name;
  XclientValue<IpAddress> addr;  // unmapped
  XclientValue<uint16_t> port;
  XclientValue<XclientProtocol> proto;
  XclientValue<std::string> helo;
  XclientValue<std::string> login;
  XclientValue<IpAddress> destaddr;
  XclientValue<uint16_t> destport;
  friend bool operator==(const XclientOverrides&, const XclientOverrides&) = default;
};

// Attributes as a set: bit 1 << XclientAttribute.
enum class XclientAttribute : uint8_t { Name, Addr, Port, Proto, Helo, Login, DestAddr, DestPort };
using XclientAttributes = uint8_t;
constexpr XclientAttributes bit_of(XclientAttribute attribute) {
  return static_cast<XclientAttributes>(1U << static_cast<unsigned>(attribute));
}
inline constexpr XclientAttributes kAllXclientAttributes = 0xFF;
// "NAME", "addr": in any case. Null for a word that is none.
std::optional<XclientAttribute> parse_xclient_attribute(std::string_view word);
std::string_view to_string(XclientAttribute attribute);

// The argument of XCLIENT. Null when it is empty, an attribute is unknown, doubled or has a wrong value, or
// there are more than limits::kXclientAttributes. Decoded names hold printable ASCII or clean UTF-8 without
// spaces only.
std::optional<XclientOverrides> parse_xclient(std::string_view argument);

// Appends " NAME=value ..." for what is not Absent and in `offered`; the caller writes the verb and CRLF.
void append_xclient(std::string& out, const XclientOverrides& overrides,
                    XclientAttributes offered = kAllXclientAttributes);

std::optional<std::string> decode_xtext(std::string_view text);
void append_xtext(std::string& out, std::string_view value);

}  // namespace sluice::smtp

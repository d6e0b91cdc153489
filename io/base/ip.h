// IP addresses, prefixes and endpoints as values. IPv4-mapped IPv6 (::ffff:a.b.c.d) is made plain IPv4 by
// unmap(); whoever takes an address from a socket or from text that a peer sent calls it.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

enum class IpFamily : uint8_t { V4, V6 };

class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0
  static constexpr IpAddress v4(uint32_t host_order) {
    IpAddress a;
    for (unsigned i = 0; i < 4; ++i) a.bytes_[i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
    return a;
  }
  static constexpr IpAddress v6(const std::array<uint8_t, 16>& network_order) {
    IpAddress a;
    a.bytes_ = network_order;
    a.family_ = IpFamily::V6;
    return a;
  }
  // Dotted quad or RFC 4291 text, without brackets, zone or prefix. Leading zeros in IPv4 octets are refused.
  static std::optional<IpAddress> parse(std::string_view text);

  constexpr IpFamily family() const { return family_; }
  constexpr bool is_v4() const { return family_ == IpFamily::V4; }
  // 4 or 16 octets in network order; valid as long as this object.
  constexpr std::span<const uint8_t> bytes() const { return {bytes_.data(), is_v4() ? 4U : 16U}; }
  constexpr unsigned bits() const { return is_v4() ? 32 : 128; }
  // IPv4 only: the address as a number.
  constexpr uint32_t v4_value() const {
    return static_cast<uint32_t>(bytes_[0]) << 24 | static_cast<uint32_t>(bytes_[1]) << 16 |
           static_cast<uint32_t>(bytes_[2]) << 8 | bytes_[3];
  }
  IpAddress unmap() const;
  bool is_unspecified() const;
  bool is_loopback() const;
  // Not reachable over the public Internet: RFC 1918, 6598 (shared), 3927, 4193, 4291 link-local, loopback.
  bool is_private() const;

  std::string to_string() const;  // IPv6 as RFC 5952

  friend constexpr auto operator<=>(const IpAddress& a, const IpAddress& b) {
    if (a.family_ != b.family_) return a.family_ <=> b.family_;
    return a.bytes_ <=> b.bytes_;
  }
  friend constexpr bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<uint8_t, 16> bytes_{};
  IpFamily family_ = IpFamily::V4;
};

// A prefix: network/length. Host bits of the network are zero (parse clears them).
struct Cidr {
  IpAddress network;
  uint8_t length = 0;  // 0..32 or 0..128

  // "192.0.2.0/24", "2001:db8::/32", or a single address (/32, /128).
  static std::optional<Cidr> parse(std::string_view text);
  static Cidr of(const IpAddress& address, uint8_t length);  // length is clamped to the family's
  bool contains(const IpAddress& address) const;             // false across families
  std::string to_string() const;
  friend bool operator==(const Cidr&, const Cidr&) = default;
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  // "192.0.2.1:25" or "[2001:db8::1]:25".
  static std::optional<Endpoint> parse(std::string_view text);
  std::string to_string() const;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace sluice

#include "io/base/ip.h"

#include "io/base/digits.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>

namespace sluice {
namespace {

constexpr size_t kLongestText = INET6_ADDRSTRLEN;

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  return value;
}

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool in_any(const IpAddress& address, std::initializer_list<Cidr> blocks) {
  return std::ranges::any_of(blocks, [&](const Cidr& block) { return block.contains(address); });
}

constexpr Cidr block4(uint32_t network, uint8_t length) { return {IpAddress::v4(network), length}; }
constexpr Cidr block6(uint8_t first, uint8_t second, uint8_t length) {
  return {IpAddress::v6({first, second}), length};
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() >= kLongestText || text.find('\0') != text.npos) return std::nullopt;
  std::array<char, kLongestText> terminated{};
  std::memcpy(terminated.data(), text.data(), text.size());
  if (text.find(':') == text.npos) {
    in_addr raw{};
    if (inet_pton(AF_INET, terminated.data(), &raw) != 1) return std::nullopt;
    return v4(ntohl(raw.s_addr));
  }
  std::array<uint8_t, 16> raw{};
  if (inet_pton(AF_INET6, terminated.data(), raw.data()) != 1) return std::nullopt;
  return v6(raw);
}

IpAddress IpAddress::unmap() const {
  if (is_v4() || !std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin())) return *this;
  IpAddress plain;
  std::copy_n(bytes_.begin() + 12, 4, plain.bytes_.begin());
  return plain;
}

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(bytes(), [](uint8_t octet) { return octet == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  std::array<uint8_t, 16> one{};
  one[15] = 1;
  return bytes_ == one;
}

bool IpAddress::is_private() const {
  if (is_loopback()) return true;
  return in_any(
      *this, {block4(0x0A000000, 8), block4(0xAC100000, 12), block4(0xC0A80000, 16), block4(0x64400000, 10),
              block4(0xA9FE0000, 16), block6(0xfc, 0, 7), block6(0xfe, 0x80, 10)});
}

std::string IpAddress::to_string() const {
  std::string out;
  if (is_v4()) {
    for (size_t i = 0; i < 4; ++i) {
      if (i != 0) out.push_back('.');
      append_number(out, bytes_[i]);
    }
    return out;
  }
  std::array<char, kLongestText> text{};
  inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == text.npos) return of(*address, static_cast<uint8_t>(address->bits()));
  const auto length = parse_number<unsigned>(text.substr(slash + 1));
  if (!length || *length > address->bits()) return std::nullopt;
  return of(*address, static_cast<uint8_t>(*length));
}

Cidr Cidr::of(const IpAddress& address, uint8_t length) {
  Cidr cidr{address, static_cast<uint8_t>(std::min<unsigned>(length, address.bits()))};
  std::array<uint8_t, 16> masked{};
  std::ranges::copy(address.bytes(), masked.begin());
  for (unsigned bit = cidr.length; bit < address.bits(); ++bit)
    masked[bit / 8] &= static_cast<uint8_t>(~(0x80U >> (bit % 8)));
  cidr.network = address.is_v4() ? IpAddress::v4(static_cast<uint32_t>(masked[0]) << 24 |
                                                 static_cast<uint32_t>(masked[1]) << 16 |
                                                 static_cast<uint32_t>(masked[2]) << 8 | masked[3])
                                 : IpAddress::v6(masked);
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.family() != network.family()) return false;
  const auto a = address.bytes();
  const auto n = network.bytes();
  const size_t whole = length / 8;
  if (!std::equal(n.begin(), n.begin() + static_cast<ptrdiff_t>(whole), a.begin())) return false;
  const unsigned rest = length % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xFF00U >> rest);
  return (a[whole] & mask) == (n[whole] & mask);
}

std::string Cidr::to_string() const { return network.to_string() + '/' + std::to_string(length); }

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  std::string_view host;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find("]:");
    if (close == text.npos) return std::nullopt;
    host = text.substr(1, close - 1);
    port = text.substr(close + 2);
    if (host.find(':') == host.npos) return std::nullopt;
  } else {
    const size_t colon = text.find(':');
    if (colon == text.npos) return std::nullopt;
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto address = IpAddress::parse(host);
  const auto number = parse_number<uint16_t>(port);
  if (!address || !number) return std::nullopt;
  return Endpoint{*address, *number};
}

std::string Endpoint::to_string() const {
  const std::string host = address.to_string();
  return (address.is_v4() ? host : '[' + host + ']') + ':' + std::to_string(port);
}

}  // namespace sluice

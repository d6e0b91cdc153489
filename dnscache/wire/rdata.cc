#include "dnscache/wire/rdata.h"

#include "dnscache/wire/name_codec.h"
#include "io/base/cursor.h"

#include <algorithm>
#include <array>

namespace sluice::dns {
namespace {

constexpr RecordType kSpf = static_cast<RecordType>(99);
constexpr size_t kStringMax = 255;  // RFC 1035 3.3: one length octet

std::optional<RecordData> read_address(Cursor& cursor, RecordType type) {
  if (type == RecordType::A) return IpAddress::v4(cursor.u32());
  std::array<uint8_t, 16> octets{};
  const std::string_view taken = cursor.take(octets.size());
  std::ranges::transform(taken, octets.begin(), [](char c) { return static_cast<uint8_t>(c); });
  return IpAddress::v6(octets);
}

std::optional<RecordData> read_strings(Cursor& cursor) {
  std::string joined;
  if (cursor.at_end()) return std::nullopt;  // RFC 1035 3.3.14: one string or more
  while (!cursor.at_end()) joined += cursor.take(cursor.u8());
  return joined;
}

}  // namespace

bool is_decodable(RecordType type) {
  switch (type) {
    case RecordType::A:
    case RecordType::Aaaa:
    case RecordType::Ns:
    case RecordType::Cname:
    case RecordType::Ptr:
    case RecordType::Mx:
    case RecordType::Txt:
      return true;
    case RecordType::Soa:
      return false;
  }
  return type == kSpf;
}

std::optional<RecordData> decode_rdata(std::string_view message, size_t offset, size_t length,
                                       RecordType type) {
  if (offset > message.size() || length > message.size() - offset) return std::nullopt;
  Cursor cursor(message.substr(0, offset + length));
  cursor.skip(offset);
  std::optional<RecordData> data;
  if (type == RecordType::A || type == RecordType::Aaaa) {
    data = read_address(cursor, type);
  } else if (type == RecordType::Txt || type == kSpf) {
    data = read_strings(cursor);
  } else if (type == RecordType::Mx) {
    const uint16_t preference = cursor.u16();
    const auto exchange = read_name(message, cursor);
    if (exchange) data = MailExchange{preference, *exchange};
  } else if (is_decodable(type)) {
    const auto name = read_name(message, cursor);
    if (name) data = *name;
  }
  if (!cursor.ok() || !cursor.at_end()) return std::nullopt;
  return data;
}

std::optional<SoaTimes> decode_soa(std::string_view message, size_t offset, size_t length) {
  if (offset > message.size() || length > message.size() - offset) return std::nullopt;
  Cursor cursor(message.substr(0, offset + length));
  cursor.skip(offset);
  if (!skip_name(cursor) || !skip_name(cursor)) return std::nullopt;
  cursor.skip(16);  // serial, refresh, retry, expire
  const SoaTimes times{.minimum = cursor.u32()};
  if (!cursor.ok() || !cursor.at_end()) return std::nullopt;
  return times;
}

std::string encode_rdata(const RecordData& data) {
  if (const auto* address = std::get_if<IpAddress>(&data)) {
    const auto octets = address->bytes();
    return {octets.begin(), octets.end()};
  }
  if (const auto* name = std::get_if<DnsName>(&data)) return std::string(name->wire());
  if (const auto* exchange = std::get_if<MailExchange>(&data)) {
    std::string rdata{static_cast<char>(exchange->preference >> 8),
                      static_cast<char>(exchange->preference & 0xFF)};
    return rdata.append(exchange->exchange.wire());
  }
  return encode_text({std::get<std::string>(data)});
}

std::string encode_text(const std::vector<std::string>& strings) {
  std::string rdata;
  for (const std::string& string : strings) {
    std::string_view rest = string;
    do {
      const std::string_view part = rest.substr(0, kStringMax);
      rdata += static_cast<char>(part.size());
      rdata += part;
      rest.remove_prefix(part.size());
    } while (!rest.empty());
  }
  if (rdata.empty()) rdata += '\0';
  return rdata;
}

}  // namespace sluice::dns

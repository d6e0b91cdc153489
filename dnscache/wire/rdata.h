// Record data between wire form and values, for the types that RecordData holds, and SOA (RFC 1035 section
// 3.3, RFC 3596). TXT strings are joined on the way in and cut at 255 octets on the way out. Pure; null for
// what is not well-formed.
#pragma once

#include "dnscache/question/question.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dns {

// True for A, AAAA, NS, CNAME, PTR, MX, TXT, and the retired SPF type, which has the form of TXT.
bool is_decodable(RecordType type);

// The data of one record: `length` octets from `offset` of `message`, with compressed names. Null also for a
// type that is not decodable.
std::optional<RecordData> decode_rdata(std::string_view message, size_t offset, size_t length,
                                       RecordType type);

// The times of an SOA record that matter to a cache.
struct SoaTimes {
  uint32_t minimum = 0;
};
std::optional<SoaTimes> decode_soa(std::string_view message, size_t offset, size_t length);

// Wire form, names uncompressed.
std::string encode_rdata(const RecordData& data);
// One TXT record of these strings; those over 255 octets are cut. No string at all becomes one empty string.
std::string encode_text(const std::vector<std::string>& strings);

}  // namespace sluice::dns

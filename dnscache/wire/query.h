// Query messages: what a resolver sends, and what a server reads (RFC 1035 section 4, RFC 6891 EDNS0). One
// question of class IN each. Pure, no allocation on the sending side.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/limits.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <string_view>

namespace sluice::dns {

inline constexpr size_t kDnsHeader = 12;    // RFC 1035 4.1.1
inline constexpr uint16_t kClassIn = 1;     // RFC 1035 3.2.4
inline constexpr uint16_t kTypeOpt = 41;    // RFC 6891 6.1.1
inline constexpr size_t kOptRecord = 11;    // an OPT record without options
inline constexpr size_t kUdpClassic = 512;  // RFC 1035 2.3.4: UDP without EDNS0
inline constexpr size_t kQueryMessage = kDnsHeader + limits::kDnsName + 4 + kOptRecord;

struct QueryOptions {
  uint16_t id = 0;
  bool with_edns = true;
  // Not 0: letters of the name are upper or lower case as drawn from this seed, to be repeated by the answer
  // (draft-vixie-dnsext-dns0x20). The same seed gives the same octets.
  uint64_t case_seed = 0;
};

// A message that is ready to send, held in place.
class QueryMessage {
 public:
  QueryMessage() = default;
  // Of what there is, not of all that there might be.
  QueryMessage(const QueryMessage& other) noexcept { assign(other); }
  QueryMessage& operator=(const QueryMessage& other) noexcept {
    if (this != &other) assign(other);
    return *this;
  }

  // Valid as long as this object is unchanged.
  std::string_view view() const { return {octets_.data(), size_}; }
  size_t size() const { return size_; }

 private:
  friend QueryMessage encode_query(const Question& question, const QueryOptions& options);
  void assign(const QueryMessage& other) noexcept {
    size_ = other.size_;
    std::memcpy(octets_.data(), other.octets_.data(), size_);
  }

  std::array<char, kQueryMessage> octets_;
  uint16_t size_ = 0;
};

// Recursion desired; with EDNS0 the payload size is limits::kDnsUdpPayload.
QueryMessage encode_query(const Question& question, const QueryOptions& options);
inline QueryMessage encode_query(const Question& question, uint16_t id, bool with_edns = true) {
  return encode_query(question, QueryOptions{.id = id, .with_edns = with_edns});
}

// A query as a server sees it.
struct Query {
  uint16_t id = 0;
  bool recursion_desired = false;
  Question question;
  std::optional<uint16_t> edns_payload;  // as sent, at least 512
  bool edns_version_bad = false;         // a version other than 0: BADVERS is due
};
enum class QueryError : uint8_t {
  Unanswerable,    // shorter than a header, or itself a response: nothing may be sent back
  NotImplemented,  // an opcode other than QUERY, or a class other than IN
  Malformed,       // FORMERR
};
std::expected<Query, QueryError> decode_query(std::string_view message);

}  // namespace sluice::dns

#include "dnscache/wire/query.h"

#include "dnscache/wire/name_codec.h"
#include "io/base/cursor.h"
#include "io/base/random.h"

#include <algorithm>
#include <span>

namespace sluice::dns {
namespace {

constexpr uint16_t kResponseBit = 0x8000;
constexpr uint16_t kOpcodeBits = 0x7800;
constexpr uint16_t kRecursionDesiredBit = 0x0100;

class Writer {
 public:
  explicit Writer(char* at) : start_(at), at_(at) {}
  void u16(uint16_t value) {
    *at_++ = static_cast<char>(value >> 8);
    *at_++ = static_cast<char>(value & 0xFF);
  }
  void octets(std::string_view text) { at_ = std::ranges::copy(text, at_).out; }
  uint16_t size() const { return static_cast<uint16_t>(at_ - start_); }

 private:
  char* start_;
  char* at_;
};

// Lengths of labels lie below the letters.
void mix_case(std::span<char> wire, uint64_t seed) {
  Random random(seed);
  uint64_t bits = 0;
  unsigned left = 0;
  for (char& octet : wire) {
    if (octet < 'a' || octet > 'z') continue;
    if (left == 0) {
      bits = random();
      left = 64;
    }
    if ((bits & 1U) != 0) octet = static_cast<char>(octet - 'a' + 'A');
    bits >>= 1U;
    --left;
  }
}

}  // namespace

QueryMessage encode_query(const Question& question, const QueryOptions& options) {
  const bool with_edns = options.with_edns;
  QueryMessage message;
  Writer out(message.octets_.data());
  out.u16(options.id);
  out.u16(kRecursionDesiredBit);
  out.u16(1);  // questions
  out.u16(0);  // answers
  out.u16(0);  // authority
  out.u16(with_edns ? 1 : 0);
  out.octets(question.name.wire());
  if (options.case_seed != 0)
    mix_case({message.octets_.data() + kDnsHeader, question.name.wire_size()}, options.case_seed);
  out.u16(static_cast<uint16_t>(question.type));
  out.u16(kClassIn);
  if (with_edns) {
    out.octets(std::string_view("\0", 1));  // the root owns an OPT record
    out.u16(kTypeOpt);
    out.u16(static_cast<uint16_t>(limits::kDnsUdpPayload));
    out.u16(0);  // upper bits of the response code, version 0
    out.u16(0);  // no DNSSEC records wanted
    out.u16(0);  // no options
  }
  message.size_ = out.size();
  return message;
}

std::expected<Query, QueryError> decode_query(std::string_view message) {
  Cursor cursor(message);
  Query query;
  query.id = cursor.u16();
  const uint16_t flags = cursor.u16();
  const uint16_t questions = cursor.u16();
  const unsigned before_additional = cursor.u16() + 0U + cursor.u16();
  const uint16_t additional = cursor.u16();
  if (!cursor.ok() || (flags & kResponseBit) != 0) return std::unexpected(QueryError::Unanswerable);
  if ((flags & kOpcodeBits) != 0) return std::unexpected(QueryError::NotImplemented);
  query.recursion_desired = (flags & kRecursionDesiredBit) != 0;
  if (questions != 1 || before_additional != 0) return std::unexpected(QueryError::Malformed);
  const auto name = read_name(message, cursor);
  if (!name) return std::unexpected(QueryError::Malformed);
  query.question = {*name, static_cast<RecordType>(cursor.u16())};
  const uint16_t type_class = cursor.u16();
  for (unsigned i = 0; i < additional && cursor.ok(); ++i) {
    const auto owner = read_name(message, cursor);
    const uint16_t type = cursor.u16();
    const uint16_t payload = cursor.u16();
    const uint32_t extended = cursor.u32();
    cursor.skip(cursor.u16());
    if (type != kTypeOpt) continue;
    // RFC 6891 6.1.1: one OPT record at most, owned by the root.
    if (query.edns_payload || !owner || !owner->is_root()) cursor.fail();
    query.edns_payload = std::max<uint16_t>(payload, kUdpClassic);
    query.edns_version_bad = (extended >> 16 & 0xFFU) != 0;
  }
  if (!cursor.ok()) return std::unexpected(QueryError::Malformed);
  if (type_class != kClassIn) return std::unexpected(QueryError::NotImplemented);
  return query;
}

}  // namespace sluice::dns

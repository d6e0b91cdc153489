#include "dnscache/wire/response.h"

#include "dnscache/wire/name_codec.h"
#include "dnscache/wire/rdata.h"
#include "io/base/cursor.h"

#include <algorithm>

namespace sluice::dns {
namespace {

constexpr uint16_t kResponseBit = 0x8000;
constexpr uint16_t kOpcodeBits = 0x7800;
constexpr uint16_t kAuthoritativeBit = 0x0400;
constexpr uint16_t kTruncatedBit = 0x0200;
constexpr uint16_t kCodeBits = 0x000F;

struct Counts {
  uint16_t questions = 0;
  uint16_t answers = 0;
  uint16_t authorities = 0;
  uint16_t additional = 0;
};

// A record's place in the message; its data is not looked into.
struct RawRecord {
  DnsName owner;
  uint16_t type = 0;
  uint16_t record_class = 0;
  uint32_t ttl = 0;
  size_t data_at = 0;
  size_t data_size = 0;
};

// RFC 2181 section 8: a TTL with its highest bit set is zero.
uint32_t sane_ttl(uint32_t ttl) { return ttl > INT32_MAX ? 0 : ttl; }

ResponseHead read_head(Cursor& cursor, Counts& counts) {
  ResponseHead head;
  head.id = cursor.u16();
  const uint16_t flags = cursor.u16();
  counts = {cursor.u16(), cursor.u16(), cursor.u16(), cursor.u16()};
  head.code = static_cast<ResponseCode>(flags & kCodeBits);
  head.is_response = (flags & kResponseBit) != 0 && (flags & kOpcodeBits) == 0;
  head.authoritative = (flags & kAuthoritativeBit) != 0;
  head.truncated = (flags & kTruncatedBit) != 0;
  return head;
}

// The work of one decode_response: the sections are read in their order, the answers as often as CNAMEs that
// stand behind their targets make it necessary (limits::kDnsCnameChain bounds it).
class Reader {
 public:
  Reader(std::string_view message, DecodedResponse& out) : message_(message), out_(out) {}

  std::optional<WireError> read_question(Cursor& cursor, uint16_t count) {
    if (count == 0 && is_failure()) return std::nullopt;
    if (count != 1) return WireError::BadQuestion;
    const auto name = read_name(message_, cursor);
    if (!name) return WireError::BadName;
    Question question{*name, static_cast<RecordType>(cursor.u16())};
    const uint16_t question_class = cursor.u16();
    if (!cursor.ok()) return WireError::TooShort;
    if (question_class != kClassIn) return WireError::BadQuestion;
    out_.question = question;
    out_.chain_end = question.name;
    return std::nullopt;
  }

  // Walks the sections behind the question.
  std::optional<WireError> read_sections(Cursor cursor, const Counts& counts) {
    Cursor answers = cursor;
    unsigned chain_before = 0;
    do {
      // Once more from the start where the chain grew: records of its end may stand before it.
      cursor = answers;
      chain_before = out_.chain_length;
      out_.answer.records.clear();
      if (const auto error = read_answers(cursor, counts.answers)) return error;
    } while (out_.chain_length != chain_before);
    if (const auto error = read_authority(cursor, counts.authorities)) return error;
    return read_additional(cursor, counts.additional);
  }

  void conclude() {
    Answer& answer = out_.answer;
    if (out_.code == ResponseCode::NameError) {
      answer.records.clear();
      answer.status = AnswerStatus::NxDomain;
      answer.ttl = negative_ttl_ ? std::min(*negative_ttl_, shortest_) : 0;
    } else if (is_failure()) {
      answer = {.status = AnswerStatus::ServFail, .records = {}};
    } else if (!answer.records.empty()) {
      answer.status = AnswerStatus::Records;
      answer.ttl = shortest_;
    } else if (is_referral_) {
      // Not a recursive server: what it does not say is not absent.
      answer = {.status = AnswerStatus::ServFail, .records = {}};
    } else {
      answer.status = AnswerStatus::NoData;
      out_.chain_open = out_.chain_length != 0 && !negative_ttl_;
      answer.ttl = out_.chain_open ? shortest_ : negative_ttl_ ? std::min(*negative_ttl_, shortest_) : 0;
    }
  }

 private:
  bool is_failure() const {
    return out_.code != ResponseCode::NoError && out_.code != ResponseCode::NameError;
  }

  std::expected<RawRecord, WireError> read_record(Cursor& cursor) {
    RawRecord record;
    const auto owner = read_name(message_, cursor);
    if (!owner) return std::unexpected(WireError::BadName);
    record.owner = *owner;
    record.type = cursor.u16();
    record.record_class = cursor.u16();
    record.ttl = cursor.u32();
    record.data_size = cursor.u16();
    record.data_at = cursor.position();
    cursor.skip(record.data_size);
    if (!cursor.ok()) return std::unexpected(WireError::TooShort);
    return record;
  }

  std::optional<WireError> read_answers(Cursor& cursor, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const auto record = read_record(cursor);
      if (!record) return record.error();
      if (!out_.question || record->record_class != kClassIn || record->owner != out_.chain_end) continue;
      const auto type = static_cast<RecordType>(record->type);
      if (type == out_.question->type) {
        if (const auto error = take_record(*record)) return error;
      } else if (type == RecordType::Cname && out_.answer.records.empty()) {
        if (const auto error = follow(*record)) return error;
      }
    }
    return std::nullopt;
  }

  std::optional<WireError> take_record(const RawRecord& record) {
    if (out_.answer.records.size() >= limits::kDnsAnswerRecords) return WireError::TooMany;
    auto data =
        decode_rdata(message_, record.data_at, record.data_size, static_cast<RecordType>(record.type));
    if (!data) return WireError::BadRecord;
    out_.answer.records.push_back(std::move(*data));
    shortest_ = std::min(shortest_, sane_ttl(record.ttl));
    return std::nullopt;
  }

  std::optional<WireError> follow(const RawRecord& record) {
    const auto data = decode_rdata(message_, record.data_at, record.data_size, RecordType::Cname);
    if (!data) return WireError::BadRecord;
    // A loop runs into the bound as well; a name that is its own alias is caught at once.
    const auto& target = std::get<DnsName>(*data);
    if (target == out_.chain_end || out_.chain_length >= limits::kDnsCnameChain) return WireError::CnameLoop;
    ++out_.chain_length;
    out_.chain_end = target;
    shortest_ = std::min(shortest_, sane_ttl(record.ttl));
    return std::nullopt;
  }

  std::optional<WireError> read_authority(Cursor& cursor, unsigned count) {
    bool has_ns = false;
    for (unsigned i = 0; i < count; ++i) {
      const auto record = read_record(cursor);
      if (!record) return record.error();
      if (record->record_class != kClassIn) continue;
      has_ns = has_ns || record->type == static_cast<uint16_t>(RecordType::Ns);
      if (record->type != static_cast<uint16_t>(RecordType::Soa)) continue;
      // An SOA of another zone says nothing about this name.
      if (!out_.chain_end.is_at_or_below(record->owner)) continue;
      const auto soa = decode_soa(message_, record->data_at, record->data_size);
      if (!soa) return WireError::BadRecord;
      negative_ttl_ = std::min(sane_ttl(record->ttl), sane_ttl(soa->minimum));
    }
    // RFC 2308 section 2.2: name servers without an SOA record are a referral.
    is_referral_ = has_ns && !negative_ttl_ && !out_.authoritative && out_.chain_length == 0;
    return std::nullopt;
  }

  std::optional<WireError> read_additional(Cursor& cursor, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const auto record = read_record(cursor);
      if (!record) return record.error();
      if (record->type != kTypeOpt || !record->owner.is_root()) continue;
      // RFC 6891 6.1.3: the upper eight bits of the code stand where a TTL begins.
      out_.code = static_cast<ResponseCode>((record->ttl >> 24 << 4) |
                                            (static_cast<uint16_t>(out_.code) & kCodeBits));
    }
    return std::nullopt;
  }

  std::string_view message_;
  DecodedResponse& out_;
  uint32_t shortest_ = UINT32_MAX;
  std::optional<uint32_t> negative_ttl_;
  bool is_referral_ = false;
};

}  // namespace

std::string_view to_string(WireError error) {
  switch (error) {
    case WireError::TooShort:
      return "message too short";
    case WireError::NotAnAnswer:
      return "not a response to a query";
    case WireError::BadQuestion:
      return "not one question of class IN";
    case WireError::BadName:
      return "name not well-formed";
    case WireError::BadRecord:
      return "record data not well-formed";
    case WireError::TooMany:
      return "too many records";
    case WireError::CnameLoop:
      return "CNAME loop or chain too long";
  }
  return "unknown";
}

std::optional<ResponseHead> peek_head(std::string_view message) {
  Cursor cursor(message);
  Counts counts;
  const ResponseHead head = read_head(cursor, counts);
  if (!cursor.ok()) return std::nullopt;
  return head;
}

std::expected<DecodedResponse, WireError> decode_response(std::string_view message) {
  Cursor cursor(message);
  Counts counts;
  const ResponseHead head = read_head(cursor, counts);
  if (!cursor.ok()) return std::unexpected(WireError::TooShort);
  if (!head.is_response) return std::unexpected(WireError::NotAnAnswer);
  std::expected<DecodedResponse, WireError> out;
  out->id = head.id;
  out->code = head.code;
  out->authoritative = head.authoritative;
  out->truncated = head.truncated;
  Reader reader(message, *out);
  if (const auto error = reader.read_question(cursor, counts.questions)) return std::unexpected(*error);
  if (head.truncated) {
    // The rest may end anywhere.
    out->answer.status = AnswerStatus::ServFail;
    return out;
  }
  if (const auto error = reader.read_sections(cursor, counts)) return std::unexpected(*error);
  reader.conclude();
  return out;
}

}  // namespace sluice::dns

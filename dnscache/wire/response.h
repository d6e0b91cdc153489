// Response messages: reading what a recursive server sent, and writing what sluice-dns sends (RFC 1035
// section 4, RFC 2308 negative answers, RFC 6891).
//
// decode_response() turns octets that anybody may have forged into one Answer for one question. Only records
// that belong to the question's CNAME chain count; everything else is stepped over. Whether the question is
// the one that was asked is for the caller to compare. A referral is ServFail: the server does not recurse.
// It fails with a code; nothing partial is returned. Pure. Not: DNSSEC, other classes than IN, more than one
// question.
#pragma once

#include "dnscache/question/question.h"
#include "dnscache/wire/query.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dns {

// RFC 1035 4.1.1, RFC 6891 9.
enum class ResponseCode : uint16_t {
  NoError = 0,
  FormatError = 1,
  ServerFailure = 2,
  NameError = 3,
  NotImplemented = 4,
  Refused = 5,
  BadVersion = 16,
};

enum class WireError : uint8_t {
  TooShort,     // ends inside the header or a record
  NotAnAnswer,  // a query, an opcode other than QUERY
  BadQuestion,  // none or several questions, or one of a class other than IN
  BadName,      // a name or compression pointer that is not well-formed
  BadRecord,    // record data that its type forbids
  TooMany,      // over limits::kDnsAnswerRecords records for one question
  CnameLoop,    // a loop, or over limits::kDnsCnameChain
};
std::string_view to_string(WireError error);

struct ResponseHead {
  uint16_t id = 0;
  ResponseCode code = ResponseCode::NoError;  // without the OPT record's upper bits
  bool is_response = false;
  bool authoritative = false;
  bool truncated = false;
};
// Null for fewer octets than a header.
std::optional<ResponseHead> peek_head(std::string_view message);

struct DecodedResponse {
  uint16_t id = 0;
  ResponseCode code = ResponseCode::NoError;  // with the OPT record's upper bits
  bool authoritative = false;
  bool truncated = false;  // then `answer` says nothing: ask by TCP
  // Absent only where the server reported an error and echoed no question.
  std::optional<Question> question;
  // ttl: the shortest of chain and records; for negative answers that of the SOA record (RFC 2308 section 5),
  // 0 where there was none.
  Answer answer;
  // CNAMEs led to `chain_end`, of which the message says nothing more: ask for it. Then answer.status is
  // NoData and answer.ttl the shortest of the chain.
  bool chain_open = false;
  DnsName chain_end;          // the name at which the chain ended; the question's own without CNAMEs
  unsigned chain_length = 0;  // CNAMEs followed
};
std::expected<DecodedResponse, WireError> decode_response(std::string_view message);

enum class Section : uint8_t { Answer, Authority };

// Writes one response within a size. What does not fit is left out and marked TC (RFC 2181 section 9 lets
// the reader then disregard the rest). Owner names that were written before become pointers.
class ResponseWriter {
 public:
  struct Options {
    uint16_t id = 0;
    ResponseCode code = ResponseCode::NoError;
    bool authoritative = true;
    bool recursion_desired = false;
    bool recursion_available = false;
    bool with_edns = false;
    size_t size_max = kUdpClassic;  // at least 512
  };
  explicit ResponseWriter(const Options& options);

  void question(const Question& question);  // before any record, at most once
  // Sections in their order. False when it did not fit: the message is then truncated.
  bool record(Section section, const DnsName& owner, RecordType type, uint32_t ttl, std::string_view rdata);
  void truncate();       // TC, no records
  std::string finish();  // the octets; the writer is done

 private:
  void append_u16(uint16_t value);
  void append_u32(uint32_t value);
  void append_name(const DnsName& name);

  Options options_;
  std::string octets_;
  size_t records_at_ = kDnsHeader;  // where the first record stands
  uint16_t questions_ = 0;
  uint16_t answers_ = 0;
  uint16_t authorities_ = 0;
  bool truncated_ = false;
  struct Written {
    DnsName name;
    uint16_t offset = 0;
  };
  std::vector<Written> written_;
};

}  // namespace sluice::dns

// DNS messages from anybody: the decoder ends within its bounds, says the same twice, and what it says agrees
// with a second decoder. What is encoded decodes to itself. A responder answers any query with a readable
// response.

#include "dnscache/wire/rdata.h"
#include "dnscache/wire/response.h"
#include "dnscache/zone/responder.h"
#include "io/base/check.h"
#include "io/base/sanitizers.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <ldns/ldns.h>
#ifdef SLUICE_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

namespace {

using namespace sluice;
using namespace sluice::dns;

struct FreePacket {
  void operator()(ldns_pkt* packet) const noexcept { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

// ldns 1.8 loses memory on some messages that it refuses; that is no leak of ours.
Packet parse_with_ldns(const uint8_t* data, size_t size) {
#ifdef SLUICE_ADDRESS_SANITIZER
  const __lsan::ScopedDisabler theirs;
#endif
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, data, size) != LDNS_STATUS_OK) return nullptr;
  return Packet(packet);
}

DnsName name_of(const ldns_rdf* name) {
  const auto result =
      DnsName::from_wire({reinterpret_cast<const char*>(ldns_rdf_data(name)), ldns_rdf_size(name)});
  SLUICE_CHECK(result);
  return *result;
}

// ldns reads on behind record data that is shorter than its stated length, so the two are compared over what
// ldns made of the message, written out again: there they see the same question and the same records.
void compare_with_ldns(const uint8_t* data, size_t size) {
  const Packet theirs = parse_with_ldns(data, size);
  uint8_t* octets = nullptr;
  size_t octet_count = 0;
  if (!theirs || ldns_pkt2wire(&octets, theirs.get(), &octet_count) != LDNS_STATUS_OK) return;
  const std::unique_ptr<uint8_t, decltype(&std::free)> holder(octets, &std::free);
  const auto ours = decode_response({reinterpret_cast<const char*>(octets), octet_count});
  const Packet again = parse_with_ldns(octets, octet_count);
  if (!ours || !again) return;
  SLUICE_CHECK(ours->id == ldns_pkt_id(again.get()));
  if (ours->truncated || !ours->question) return;
  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(again.get()), 0);
  SLUICE_CHECK(ours->question->name == name_of(ldns_rr_owner(question)));
  SLUICE_CHECK(static_cast<unsigned>(ours->question->type) ==
               static_cast<unsigned>(ldns_rr_get_type(question)));
  if (ours->answer.status != AnswerStatus::Records) return;
  const ldns_rr_list* answers = ldns_pkt_answer(again.get());
  size_t matching = 0;
  for (size_t i = 0; i < ldns_rr_list_rr_count(answers); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(answers, i);
    matching += ldns_rr_get_type(rr) == ldns_rr_get_type(question) &&
                ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN && name_of(ldns_rr_owner(rr)) == ours->chain_end;
  }
  SLUICE_CHECK(matching == ours->answer.records.size());
}

void check_response(std::string_view message, const uint8_t* data) {
  const auto ours = decode_response(message);
  const auto again = decode_response(std::string(message));
  SLUICE_CHECK(ours.has_value() == again.has_value());
  const auto head = peek_head(message);
  SLUICE_CHECK(head.has_value() == (message.size() >= kDnsHeader));
  if (!ours) return;
  SLUICE_CHECK(head->id == ours->id && head->is_response);
  SLUICE_CHECK(ours->answer.records == again->answer.records && ours->answer.ttl == again->answer.ttl);
  SLUICE_CHECK(ours->answer.records.size() <= limits::kDnsAnswerRecords);
  SLUICE_CHECK(ours->chain_length <= limits::kDnsCnameChain);
  SLUICE_CHECK((ours->answer.status == AnswerStatus::Records) == !ours->answer.records.empty());
  SLUICE_CHECK(!ours->chain_open || ours->chain_length != 0);
  compare_with_ldns(data, message.size());
  if (ours->answer.status != AnswerStatus::Records || ours->truncated) return;

  // Written again it reads the same.
  ResponseWriter writer({.id = ours->id, .size_max = limits::kDnsTcpMessage});
  writer.question({ours->chain_end, ours->question->type});
  for (const RecordData& record : ours->answer.records) {
    if (!writer.record(Section::Answer, ours->chain_end, ours->question->type, ours->answer.ttl,
                       encode_rdata(record))) {
      return;
    }
  }
  const auto rewritten = decode_response(writer.finish());
  SLUICE_CHECK(rewritten && rewritten->answer.records == ours->answer.records);
  SLUICE_CHECK(rewritten->answer.ttl == ours->answer.ttl);
}

void check_query(std::string_view message) {
  const auto query = decode_query(message);
  if (query) {
    for (const bool edns : {false, true}) {
      const auto again = decode_query(encode_query(query->question, query->id, edns).view());
      SLUICE_CHECK(again && again->question == query->question && again->id == query->id);
    }
  }
  const Response response = respond(Zone(), message, {});
  if (query) SLUICE_CHECK(!response.message.empty());
  if (response.message.empty()) return;
  SLUICE_CHECK(response.message.size() <= limits::kDnsUdpPayload);
  SLUICE_CHECK(decode_response(response.message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  check_response(message, data);
  check_query(message);
  return 0;
}

// Zone text in all its forms: the first octet says which. What loads answers questions about every name
// consistently, by lookup and by message; what does not load says why.

#include "dnscache/resolver/system_files.h"
#include "dnscache/wire/response.h"
#include "dnscache/zone/responder.h"
#include "dnscache/zone/zone_file.h"
#include "io/base/check.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace sluice;
using namespace sluice::dns;

// The zone's own answer and the one that its message decodes to are the same.
void compare(const Zone& zone, const Question& question) {
  const Answer direct = zone.lookup(question);
  SLUICE_CHECK((direct.status == AnswerStatus::Records) == !direct.records.empty());
  const Response response = respond(zone, encode_query(question, 7).view(), {.by_tcp = true});
  SLUICE_CHECK(response.message.empty() == (direct.status == AnswerStatus::Timeout));
  if (response.message.empty()) return;
  const auto decoded = decode_response(response.message);
  SLUICE_CHECK(decoded && decoded->question == question);
  if (decoded->truncated) return;
  SLUICE_CHECK(decoded->answer.status == direct.status);
  SLUICE_CHECK(decoded->answer.records == direct.records);
}

void check_zone(const Result<Zone>& zone) {
  if (!zone) {
    SLUICE_CHECK(!zone.error().message.empty());
    return;
  }
  for (const std::string_view text : {".", "a", "a.example", "b.example", "x.b.example", "*.b.example"}) {
    for (const RecordType type : {RecordType::A, RecordType::Aaaa, RecordType::Mx, RecordType::Ptr,
                                  RecordType::Txt, RecordType::Cname, RecordType::Ns}) {
      compare(*zone, {DnsName::from_text(text).value(), type});
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'y':
      check_zone(zone_from_yaml(text));
      break;
    case 'j':
      check_zone(zone_from_json(text));
      break;
    case 'm':
      check_zone(zone_from_master(text));
      break;
    case 'r':
      SLUICE_CHECK(parse_resolv_conf(text).servers.size() <= limits::kDnsServers);
      break;
    default:
      (void)parse_hosts(text);
  }
  return 0;
}

#include "dnscache/zone/responder.h"

#include "dnscache/wire/query.h"
#include "dnscache/wire/response.h"
#include "io/base/cursor.h"

#include <algorithm>

namespace sluice::dns {
namespace {

RespondOutcome outcome_of(Zone::Step::Kind kind) {
  switch (kind) {
    case Zone::Step::Kind::Records:
      return RespondOutcome::Records;
    case Zone::Step::Kind::NoData:
      return RespondOutcome::NoData;
    case Zone::Step::Kind::NxDomain:
      return RespondOutcome::NxDomain;
    case Zone::Step::Kind::Timeout:
      return RespondOutcome::Timeout;
    case Zone::Step::Kind::Cname:
    case Zone::Step::Kind::ServFail:
      break;
  }
  return RespondOutcome::ServFail;
}

ResponseCode code_of(RespondOutcome outcome) {
  if (outcome == RespondOutcome::NxDomain) return ResponseCode::NameError;
  if (outcome == RespondOutcome::ServFail) return ResponseCode::ServerFailure;
  return ResponseCode::NoError;
}

struct Link {
  DnsName owner;
  const ZoneSet* set = nullptr;
};

// The sets of the answer section in their order, and what they end in.
struct Found {
  std::vector<Link> links;
  DnsName end;
  RespondOutcome outcome = RespondOutcome::ServFail;
};

Found find(const Zone& zone, const Question& question) {
  Found found{.links = {}, .end = question.name};
  for (size_t followed = 0; followed <= limits::kDnsCnameChain; ++followed) {
    const Zone::Step step = zone.step(found.end, question.type);
    if (step.set != nullptr) found.links.push_back({found.end, step.set});
    if (step.kind != Zone::Step::Kind::Cname) {
      found.outcome = outcome_of(step.kind);
      return found;
    }
    found.end = std::get<DnsName>(step.set->data.front());
  }
  return found;  // a loop
}

// RFC 2308 section 3: the SOA record with the time for which the absence holds. A zone without one gets a
// stand-in at the root, or caches could not keep the absence.
void write_authority(ResponseWriter& writer, const Zone& zone, const DnsName& name) {
  const uint32_t ttl = zone.negative_ttl(name);
  if (const auto authority = zone.authority(name)) {
    writer.record(Section::Authority, authority->owner, RecordType::Soa, ttl,
                  authority->soa->records.front().rdata);
    return;
  }
  std::string rdata(2 + 16, '\0');  // root as server and mailbox; serial, refresh, retry, expire
  for (int shift = 24; shift >= 0; shift -= 8) rdata += static_cast<char>(ttl >> shift & 0xFFU);
  writer.record(Section::Authority, DnsName(), RecordType::Soa, ttl, rdata);
}

Response error_response(std::string_view query, QueryError error) {
  Response response;
  if (error == QueryError::Unanswerable) return response;
  Cursor cursor(query);
  ResponseWriter writer(
      {.id = cursor.u16(),
       .code = error == QueryError::Malformed ? ResponseCode::FormatError : ResponseCode::NotImplemented,
       .authoritative = false});
  response.message = writer.finish();
  return response;
}

size_t size_limit(const Query& query, const RespondOptions& options) {
  if (options.by_tcp) return limits::kDnsTcpMessage;
  if (!query.edns_payload) return std::max(options.size_max, kUdpClassic);
  // RFC 6891 6.2.5: never more than either side would take.
  return std::clamp<size_t>(*query.edns_payload, kUdpClassic, limits::kDnsUdpPayload);
}

}  // namespace

namespace {

// The question's letters in the case of the query, which a resolver may look at. Both stand behind the
// header; a name that is compressed all the same (by pointing into the header) has no letters of its own.
std::string with_question_of(std::string message, std::string_view query_octets, const Question& question) {
  const std::string_view asked = query_octets.substr(kDnsHeader, question.name.wire_size());
  if (dns::DnsName::from_wire(asked) != question.name) return message;
  return message.replace(kDnsHeader, asked.size(), asked);
}

}  // namespace

std::string_view to_string(RespondOutcome outcome) {
  switch (outcome) {
    case RespondOutcome::Records:
      return "records";
    case RespondOutcome::NoData:
      return "nodata";
    case RespondOutcome::NxDomain:
      return "nxdomain";
    case RespondOutcome::ServFail:
      return "servfail";
    case RespondOutcome::Timeout:
      return "timeout";
    case RespondOutcome::Truncated:
      return "truncated";
    case RespondOutcome::Malformed:
      return "malformed";
  }
  return "unknown";
}

Response respond(const Zone& zone, std::string_view query_octets, const RespondOptions& options) {
  const auto query = decode_query(query_octets);
  if (!query) return error_response(query_octets, query.error());
  Response response;
  response.question = query->question;
  Found found{.links = {}, .end = query->question.name};
  if (!options.force_servfail) found = find(zone, query->question);
  response.outcome = found.outcome;
  if (response.outcome == RespondOutcome::Timeout) return response;
  if (response.outcome == RespondOutcome::ServFail) found.links.clear();
  ResponseWriter writer(
      {.id = query->id,
       .code = query->edns_version_bad ? ResponseCode::BadVersion : code_of(response.outcome),
       .authoritative = response.outcome != RespondOutcome::ServFail,
       .recursion_desired = query->recursion_desired,
       // As the test server of a resolver it stands for one that recurses.
       .recursion_available = true,
       .with_edns = query->edns_payload.has_value(),
       .size_max = size_limit(*query, options)});
  writer.question(query->question);
  if (query->edns_version_bad) {
    response.outcome = RespondOutcome::Malformed;
    response.message = with_question_of(writer.finish(), query_octets, query->question);
    return response;
  }
  bool fits = !options.force_truncate || options.by_tcp;
  for (const Link& link : found.links) {
    for (const ZoneRecord& record : link.set->records) {
      fits = fits && writer.record(Section::Answer, link.owner, link.set->type, record.ttl, record.rdata);
    }
  }
  if (!fits) {
    writer.truncate();
    response.outcome = RespondOutcome::Truncated;
  } else if (response.outcome == RespondOutcome::NoData || response.outcome == RespondOutcome::NxDomain) {
    write_authority(writer, zone, found.end);
  }
  response.message = with_question_of(writer.finish(), query_octets, query->question);
  return response;
}

}  // namespace sluice::dns

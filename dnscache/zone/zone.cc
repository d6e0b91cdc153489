#include "dnscache/zone/zone.h"

#include "dnscache/wire/name_codec.h"
#include "dnscache/wire/rdata.h"
#include "io/base/cursor.h"

#include <algorithm>
#include <utility>

namespace sluice::dns {
namespace {

constexpr size_t kRdataMax = 65535;  // RFC 1035 3.2.1: sixteen bits of length

AnswerStatus status_of(Zone::Step::Kind kind) {
  switch (kind) {
    case Zone::Step::Kind::Records:
      return AnswerStatus::Records;
    case Zone::Step::Kind::NoData:
      return AnswerStatus::NoData;
    case Zone::Step::Kind::NxDomain:
      return AnswerStatus::NxDomain;
    case Zone::Step::Kind::Timeout:
      return AnswerStatus::Timeout;
    case Zone::Step::Kind::Cname:
    case Zone::Step::Kind::ServFail:
      break;
  }
  return AnswerStatus::ServFail;
}

Zone::Step::Kind kind_of(ZoneFault fault) {
  return fault == ZoneFault::Timeout ? Zone::Step::Kind::Timeout : Zone::Step::Kind::ServFail;
}

uint32_t shortest_ttl(const ZoneSet& set, uint32_t ttl) {
  for (const ZoneRecord& record : set.records) ttl = std::min(ttl, record.ttl);
  return ttl;
}

std::optional<DnsName> wildcard_of(const DnsName& encloser) {
  std::string wire = std::string("\1*", 2).append(encloser.wire());
  return DnsName::from_wire(wire);
}

std::string describe(const DnsName& name, RecordType type) {
  return to_string(type) + " record of " + name.to_text();
}

}  // namespace

const ZoneSet* ZoneNode::find(RecordType type) const {
  const auto found = std::ranges::find(sets, type, &ZoneSet::type);
  return found == sets.end() ? nullptr : &*found;
}

const ZoneNode* Zone::find(const DnsName& name) const {
  if (const auto found = nodes_.find(name); found != nodes_.end()) return &found->second;
  if (!wildcards_) return nullptr;
  // RFC 4592 section 3.3.1: only the wildcard right below the closest name that exists counts.
  DnsName encloser = name;
  while (!encloser.is_root()) {
    encloser = encloser.parent();
    if (!nodes_.contains(encloser)) continue;
    const auto wildcard = wildcard_of(encloser);
    const auto found = wildcard ? nodes_.find(*wildcard) : nodes_.end();
    return found == nodes_.end() ? nullptr : &found->second;
  }
  return nullptr;
}

Zone::Step Zone::step(const DnsName& name, RecordType type) const {
  const ZoneNode* node = find(name);
  if (node == nullptr) return {.kind = Step::Kind::NxDomain};
  const ZoneSet* set = node->find(type);
  Step::Kind kind = Step::Kind::Records;
  if (set == nullptr && type != RecordType::Cname) {
    set = node->find(RecordType::Cname);
    kind = Step::Kind::Cname;
  }
  if (set != nullptr && set->fault != ZoneFault::None) return {.kind = kind_of(set->fault)};
  if (set != nullptr) return {.kind = kind, .set = set};
  if (node->fault != ZoneFault::None) return {.kind = kind_of(node->fault)};
  return {.kind = Step::Kind::NoData};
}

Answer Zone::lookup(const Question& question) const {
  DnsName name = question.name;
  uint32_t ttl = UINT32_MAX;
  for (size_t followed = 0; followed <= limits::kDnsCnameChain; ++followed) {
    const Step step = this->step(name, question.type);
    if (step.kind == Step::Kind::Cname) {
      ttl = shortest_ttl(*step.set, ttl);
      name = std::get<DnsName>(step.set->data.front());
      continue;
    }
    Answer answer{.status = status_of(step.kind), .records = {}};
    if (step.kind == Step::Kind::Records) {
      answer.records = step.set->data;
      answer.ttl = shortest_ttl(*step.set, ttl);
    } else if (is_void(answer.status)) {
      answer.ttl = std::min(ttl, negative_ttl(name));
    }
    return answer;
  }
  return {.status = AnswerStatus::ServFail, .records = {}};
}

std::optional<Zone::Authority> Zone::authority(const DnsName& name) const {
  for (DnsName at = name;; at = at.parent()) {
    const auto found = nodes_.find(at);
    const ZoneSet* soa = found == nodes_.end() ? nullptr : found->second.find(RecordType::Soa);
    if (soa != nullptr && !soa->records.empty()) return Authority{at, soa};
    if (at.is_root()) return std::nullopt;
  }
}

uint32_t Zone::negative_ttl(const DnsName& name) const {
  const auto found = authority(name);
  if (!found) return default_negative_ttl_;
  const ZoneRecord& soa = found->soa->records.front();
  const auto times = decode_soa(soa.rdata, 0, soa.rdata.size());
  return std::min(soa.ttl, times ? times->minimum : 0);
}

ZoneNode& ZoneBuilder::node(const DnsName& name) {
  for (DnsName above = name.parent(); !above.is_root() && zone_.nodes_.try_emplace(above).second;
       above = above.parent()) {
  }
  zone_.nodes_.try_emplace(DnsName());
  return zone_.nodes_[name];
}

ZoneSet& ZoneBuilder::set(ZoneNode& node, RecordType type) {
  const auto found = std::ranges::find(node.sets, type, &ZoneSet::type);
  if (found != node.sets.end()) return *found;
  node.sets.push_back({.type = type, .records = {}, .data = {}});
  return node.sets.back();
}

Result<void> ZoneBuilder::add(const DnsName& name, RecordType type, uint32_t ttl, std::string rdata) {
  if (rdata.size() > kRdataMax) return fail(ErrorKind::Limit, describe(name, type) + " is over 65535 octets");
  std::optional<RecordData> data;
  if (is_decodable(type)) {
    data = decode_rdata(rdata, 0, rdata.size(), type);
    if (!data) return fail(ErrorKind::Invalid, describe(name, type) + " is not well-formed");
  }
  if (type == RecordType::Soa && !decode_soa(rdata, 0, rdata.size())) {
    return fail(ErrorKind::Invalid, describe(name, type) + " is not well-formed");
  }
  ZoneNode& at = node(name);
  ZoneSet& records = set(at, type);
  if (records.fault != ZoneFault::None) return {};
  if (records.records.size() >= limits::kDnsAnswerRecords) {
    return fail(ErrorKind::Limit, "too many: " + describe(name, type));
  }
  if (type == RecordType::Cname && !records.records.empty()) {
    return fail(ErrorKind::Invalid, "a second " + describe(name, type));
  }
  records.records.push_back({ttl, std::move(rdata)});
  if (data) records.data.push_back(std::move(*data));
  return {};
}

Result<void> ZoneBuilder::add_address(const DnsName& name, const IpAddress& address, uint32_t ttl) {
  return add(name, address.is_v4() ? RecordType::A : RecordType::Aaaa, ttl, encode_rdata(address));
}

Result<void> ZoneBuilder::add_name(const DnsName& name, RecordType type, const DnsName& target,
                                   uint32_t ttl) {
  return add(name, type, ttl, encode_rdata(target));
}

Result<void> ZoneBuilder::add_mx(const DnsName& name, const MailExchange& exchange, uint32_t ttl) {
  return add(name, RecordType::Mx, ttl, encode_rdata(exchange));
}

Result<void> ZoneBuilder::add_text(const DnsName& name, RecordType type,
                                   const std::vector<std::string>& strings, uint32_t ttl) {
  return add(name, type, ttl, encode_text(strings));
}

void ZoneBuilder::add_fault(const DnsName& name, RecordType type, ZoneFault fault) {
  ZoneSet& faulty = set(node(name), type);
  faulty.fault = fault;
  faulty.records.clear();
  faulty.data.clear();
}

void ZoneBuilder::add_fault(const DnsName& name, ZoneFault fault) { node(name).fault = fault; }

void ZoneBuilder::add_empty(const DnsName& name) { (void)node(name); }

void ZoneBuilder::suppress_spf_as_text(const DnsName& name) {
  (void)node(name);
  spf_suppressed_.push_back(name);
}

Zone ZoneBuilder::finish() {
  std::unordered_map<DnsName, bool, Zone::NameHash> suppressed;
  for (const DnsName& name : spf_suppressed_) suppressed.emplace(name, true);
  for (auto& [name, node] : zone_.nodes_) {
    const ZoneSet* spf = node.find(kRecordTypeSpf);
    if (spf == nullptr || node.find(RecordType::Txt) != nullptr || suppressed.contains(name)) continue;
    ZoneSet text = *spf;
    text.type = RecordType::Txt;
    node.sets.push_back(std::move(text));
  }
  spf_suppressed_.clear();
  return std::exchange(zone_, Zone());
}

}  // namespace sluice::dns

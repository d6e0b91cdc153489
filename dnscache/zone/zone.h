// Zone: everything that a set of names answers, held in memory: the DNS for `check`, for `sluice-dns` and for
// tests. Loaders are in zone_file.h (text) and zone_json.h (parsed values); the answer to a DNS message is in
// responder.h.
//
// It is a source of final answers, as a recursive resolver gives them: CNAMEs are followed inside the zone, a
// loop or a chain over limits::kDnsCnameChain is ServFail. A name that is not there is NxDomain, but NoData
// when a name below it is (RFC 8020). It knows no delegations and no DNSSEC; wildcards (RFC 4592) only where
// the loader asked for them.
//
// Beyond real zones it can hold faults: a name, or one type of it, that times out or fails. A plain value,
// immutable once built; any thread may read it. Building fails with words for a person.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::dns {

// The type of SPF records before RFC 7208 section 3.1 retired it. Zones in the openspf form hold entries of
// it; nothing here ever asks for it.
inline constexpr RecordType kRecordTypeSpf = static_cast<RecordType>(99);

enum class ZoneFault : uint8_t { None, Timeout, ServFail };

struct ZoneRecord {
  uint32_t ttl = 0;
  std::string rdata;  // wire form, names uncompressed
};

// All records of one type at one name, or the fault that stands for them.
struct ZoneSet {
  RecordType type = RecordType::A;
  ZoneFault fault = ZoneFault::None;
  std::vector<ZoneRecord> records;  // none where `fault` is set
  std::vector<RecordData> data;     // the same records decoded; empty for types that RecordData cannot hold
};

struct ZoneNode {
  std::vector<ZoneSet> sets;
  ZoneFault fault = ZoneFault::None;  // for every type without a set of its own
  const ZoneSet* find(RecordType type) const;
};

class Zone {
 public:
  // One step of an answer: what one name holds for one type, before any CNAME is followed.
  struct Step {
    enum class Kind : uint8_t { Records, Cname, NoData, NxDomain, Timeout, ServFail };
    Kind kind = Kind::NxDomain;
    const ZoneSet* set = nullptr;  // Records and Cname; valid as long as the zone
  };

  Zone() = default;

  // The final answer; ttl is the shortest of the chain, or the negative one.
  Answer lookup(const Question& question) const;
  Step step(const DnsName& name, RecordType type) const;

  // The SOA record of the closest enclosing zone, where the zone's source had one: owner and record.
  struct Authority {
    DnsName owner;
    const ZoneSet* soa = nullptr;
  };
  std::optional<Authority> authority(const DnsName& name) const;

  size_t name_count() const { return nodes_.size(); }
  // Seconds for which an absence may be kept below this name.
  uint32_t negative_ttl(const DnsName& name) const;

 private:
  friend class ZoneBuilder;
  struct NameHash {
    size_t operator()(const DnsName& name) const noexcept { return static_cast<size_t>(name.hash(0)); }
  };
  const ZoneNode* find(const DnsName& name) const;

  // Names above an existing one are in the map too, as nodes without anything (empty non-terminals).
  std::unordered_map<DnsName, ZoneNode, NameHash> nodes_;
  bool wildcards_ = false;
  uint32_t default_negative_ttl_ = 60;
};

// Builds a Zone entry by entry. An entry that is refused changes nothing.
class ZoneBuilder {
 public:
  static constexpr uint32_t kDefaultTtl = 300;  // ours: for sources that say nothing about time

  // The record as wire RDATA, names uncompressed. Refused when a known type's RDATA is not well-formed, or
  // over limits::kDnsAnswerRecords records of one name and type.
  Result<void> add(const DnsName& name, RecordType type, uint32_t ttl, std::string rdata);
  Result<void> add_address(const DnsName& name, const IpAddress& address, uint32_t ttl = kDefaultTtl);
  // CNAME, NS, PTR.
  Result<void> add_name(const DnsName& name, RecordType type, const DnsName& target,
                        uint32_t ttl = kDefaultTtl);
  Result<void> add_mx(const DnsName& name, const MailExchange& exchange, uint32_t ttl = kDefaultTtl);
  // TXT (or kRecordTypeSpf): the strings of one record; one over 255 octets is cut into several.
  Result<void> add_text(const DnsName& name, RecordType type, const std::vector<std::string>& strings,
                        uint32_t ttl = kDefaultTtl);
  // Stands for all records of that type at the name, whether added before or after.
  void add_fault(const DnsName& name, RecordType type, ZoneFault fault);
  void add_fault(const DnsName& name, ZoneFault fault);  // every type without records
  void add_empty(const DnsName& name);                   // the name exists
  // The openspf rule: SPF entries at the name stand as TXT too, unless it has TXT entries. `add_text(TXT)`
  // and this one say that it has (the entry {"TXT": "NONE"} says nothing else).
  void suppress_spf_as_text(const DnsName& name);
  void use_wildcards() { zone_.wildcards_ = true; }

  // Ends the building; the builder is empty afterwards.
  Zone finish();

 private:
  ZoneNode& node(const DnsName& name);
  ZoneSet& set(ZoneNode& node, RecordType type);

  Zone zone_;
  std::vector<DnsName> spf_suppressed_;
};

}  // namespace sluice::dns

#include "engine/pipeline/reverse_name.h"

#include "io/base/limits.h"

#include <algorithm>
#include <ranges>

namespace sluice::pipeline {

using dns::Answer;
using dns::DnsName;
using dns::LookupKind;
using dns::Question;
using dns::RecordType;
using reactor::Shard;
using runtime::Task;

DnsName reverse_zone_name(const IpAddress& address) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const uint8_t octet : std::views::reverse(address.bytes())) {
    if (address.is_v4()) {
      text += std::to_string(octet);
      text += '.';
    } else {
      text += {kHex[octet & 0xFU], '.', kHex[octet >> 4U], '.'};
    }
  }
  text += address.is_v4() ? "in-addr.arpa" : "ip6.arpa";
  return *DnsName::from_text(text);  // always a name
}

Task<std::string> find_reverse_name(Shard& shard, dns::DnsClient& client, IpAddress address,
                                    MonoTime deadline) {
  dns::LookupBudget budget;
  budget.deadline = deadline;
  const Question reverse{reverse_zone_name(address), RecordType::Ptr};
  const Answer names = co_await client.ask(shard, reverse, LookupKind::Uncounted, budget);
  const RecordType type = address.is_v4() ? RecordType::A : RecordType::Aaaa;
  for (const dns::RecordData& record : names.records | std::views::take(limits::kSpfPtrNames)) {
    const auto* name = std::get_if<DnsName>(&record);
    if (name == nullptr) continue;
    const Question forward{*name, type};
    const Answer addresses = co_await client.ask(shard, forward, LookupKind::Uncounted, budget);
    const dns::RecordData wanted = address;
    if (std::ranges::find(addresses.records, wanted) != addresses.records.end()) co_return name->to_text();
  }
  co_return std::string();
}

}  // namespace sluice::pipeline

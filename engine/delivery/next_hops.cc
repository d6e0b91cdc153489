#include "engine/delivery/next_hops.h"

#include "io/runtime/when_all.h"

#include <algorithm>
#include <utility>

namespace sluice::delivery {

using dns::Answer;
using dns::LookupKind;
using dns::Question;
using dns::RecordType;
using reactor::Shard;
using runtime::Task;

namespace {

void append_addresses(std::vector<IpAddress>& out, const Answer& answer) {
  for (const dns::RecordData& record : answer.records) {
    if (const auto* address = std::get_if<IpAddress>(&record)) out.push_back(*address);
  }
}

}  // namespace

Task<std::vector<IpAddress>> NextHopDirectory::resolve_name(Shard& shard, std::string host) {
  const auto name = dns::DnsName::from_text(host);
  std::vector<IpAddress> addresses;
  if (!name) co_return addresses;
  std::ranges::copy(hosts_.find(*name, IpFamily::V4), std::back_inserter(addresses));
  std::ranges::copy(hosts_.find(*name, IpFamily::V6), std::back_inserter(addresses));
  if (!addresses.empty()) co_return addresses;

  dns::LookupBudget budget;
  budget.deadline = shard.now() + limits::kDnsQuestionWait;
  const Question v4{*name, RecordType::A};
  const Question v6{*name, RecordType::Aaaa};
  Task<Answer> ask_v4 = client_.ask(shard, v4, LookupKind::Uncounted, budget);
  Task<Answer> ask_v6 = client_.ask(shard, v6, LookupKind::Uncounted, budget);
  const auto [v4_answer, v6_answer] = co_await runtime::when_all(shard, std::move(ask_v4), std::move(ask_v6));
  append_addresses(addresses, v4_answer);
  append_addresses(addresses, v6_answer);
  if (!addresses.empty()) {
    last_good_[host] = addresses;
    co_return addresses;
  }
  const bool unsure = dns::is_temporary(v4_answer.status) || dns::is_temporary(v6_answer.status);
  const auto kept = last_good_.find(host);
  if (unsure && kept != last_good_.end()) co_return kept->second;
  co_return addresses;
}

Task<std::vector<Endpoint>> NextHopDirectory::resolve(Shard& shard, std::span<const policy::NextHop> hops) {
  std::vector<Endpoint> endpoints;
  for (const policy::NextHop& hop : hops) {
    if (hop.address) {
      endpoints.push_back({*hop.address, hop.port});
      continue;
    }
    const std::vector<IpAddress> addresses = co_await resolve_name(shard, hop.host);
    for (const IpAddress& address : addresses) endpoints.push_back({address, hop.port});
  }
  co_return endpoints;
}

}  // namespace sluice::delivery

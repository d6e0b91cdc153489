#include "engine/delivery/next_hops.h"

#include "io/runtime/when_all.h"

#include <algorithm>
#include <iterator>
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

bool OwnAddresses::contains(const Endpoint& endpoint) const {
  return std::ranges::any_of(listeners, [&](const Endpoint& listener) {
    if (listener.port != endpoint.port) return false;
    if (listener.address == endpoint.address || endpoint.address.is_unspecified()) return true;
    if (!listener.address.is_unspecified()) return false;
    // [::] takes IPv4 too; 0.0.0.0 only that.
    if (listener.address.is_v4() && !endpoint.address.is_v4()) return false;
    return endpoint.address.is_loopback() || std::ranges::find(machine, endpoint.address) != machine.end();
  });
}

bool ResolvedHops::any_address() const {
  return std::ranges::any_of(hosts, [](const serve::HopHost& host) { return !host.addresses.empty(); });
}

Task<NextHopDirectory::Found> NextHopDirectory::resolve_name(Shard& shard, std::string host) {
  Found found;
  const auto name = dns::DnsName::from_text(host);
  if (!name) co_return found;
  std::ranges::copy(hosts_.find(*name, IpFamily::V4), std::back_inserter(found.addresses));
  std::ranges::copy(hosts_.find(*name, IpFamily::V6), std::back_inserter(found.addresses));
  if (!found.addresses.empty()) {
    found.ttl = kHostsTtl;
    co_return found;
  }
  dns::LookupBudget budget;
  budget.deadline = shard.now() + limits::kDnsQuestionWait;
  const Question v4{*name, RecordType::A};
  const Question v6{*name, RecordType::Aaaa};
  Task<Answer> ask_v4 = client_.ask(shard, v4, LookupKind::Uncounted, budget);
  Task<Answer> ask_v6 = client_.ask(shard, v6, LookupKind::Uncounted, budget);
  const auto [v4_answer, v6_answer] = co_await runtime::when_all(shard, std::move(ask_v4), std::move(ask_v6));
  append_addresses(found.addresses, v4_answer);
  append_addresses(found.addresses, v6_answer);
  const bool unsure = dns::is_temporary(v4_answer.status) || dns::is_temporary(v6_answer.status);
  if (!found.addresses.empty()) {
    for (const Answer* answer : {&v4_answer, &v6_answer}) {
      if (!answer->records.empty()) found.ttl = std::min(found.ttl, std::chrono::seconds(answer->ttl));
    }
    if (unsure) found.ttl = std::min(found.ttl, kRetry);  // a family is missing that may be there
    last_good_[host] = found.addresses;
    co_return found;
  }
  found.ttl = kRetry;
  const auto kept = last_good_.find(host);
  if (unsure && kept != last_good_.end()) found.addresses = kept->second;
  if (!unsure) last_good_.erase(host);  // it has none any more
  co_return found;
}

Task<ResolvedHops> NextHopDirectory::resolve(Shard& shard, std::vector<policy::NextHop> hops) {
  ResolvedHops resolved;
  std::vector<Task<Found>> questions;
  for (const policy::NextHop& hop : hops) {
    if (!hop.address) questions.push_back(resolve_name(shard, hop.host));
  }
  std::vector<Found> answers = co_await runtime::when_all(shard, std::move(questions));
  auto answer = answers.begin();
  for (const policy::NextHop& hop : hops) {
    serve::HopHost host;
    host.name = hop.to_string();
    host.priority = hop.priority;
    host.weight = hop.weight;
    host.send_xclient = hop.send_xclient;
    std::vector<IpAddress> addresses;
    if (hop.address) {
      addresses.push_back(*hop.address);
    } else {
      Found& found = *answer++;
      addresses = std::move(found.addresses);
      const std::chrono::seconds ttl = std::clamp(found.ttl, kTtlMin, kTtlMax);
      resolved.ttl = std::min(ttl, resolved.ttl.value_or(ttl));
    }
    bool ourselves = false;
    for (const IpAddress& address : addresses) {
      const Endpoint endpoint{address, hop.port};
      const bool ours = own_.contains(endpoint);
      ourselves = ourselves || ours;
      if (!ours) host.addresses.push_back(endpoint);
    }
    if (ourselves) resolved.ourselves.push_back(host.name);
    resolved.hosts.push_back(std::move(host));
  }
  co_return resolved;
}

}  // namespace sluice::delivery

// NextHopDirectory: from the next hops of the policy to the addresses to connect to. Names are looked up in
// /etc/hosts, then in the DNS (A and AAAA together); when the DNS does not answer, the addresses that were
// good last are kept (protocol decision W-35). An address that is a listener of this very node is left out
// (W-11), whatever name led to it: mail would go round in circles. One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "dnscache/resolver/system_files.h"
#include "io/base/ip.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"
#include "io/serve/hop_pool.h"
#include "rules/policy/settings.h"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::delivery {

// Where connections to this node arrive: its listeners, and the addresses of the machine, for the listeners
// that have all of them.
struct OwnAddresses {
  std::vector<Endpoint> listeners;
  std::vector<IpAddress> machine;
  bool contains(const Endpoint& endpoint) const;
};

struct ResolvedHops {
  // One for each next hop of the policy, in its order; those whose name has no address have none.
  std::vector<serve::HopHost> hosts;
  // When to ask again: the shortest time to live; null where only addresses are named.
  std::optional<std::chrono::seconds> ttl;
  std::vector<std::string> ourselves;  // next hops that led to this node

  bool any_address() const;
};

class NextHopDirectory {
 public:
  static constexpr std::chrono::seconds kTtlMin{5};     // guessed: a TTL of 0 does not mean a question a mail
  static constexpr std::chrono::seconds kTtlMax{3600};  // guessed
  static constexpr std::chrono::seconds kHostsTtl{300};  // /etc/hosts is read at start only
  static constexpr std::chrono::seconds kRetry{30};      // guessed: after a question that failed

  // All must outlive the directory.
  NextHopDirectory(dns::DnsClient& client, const dns::HostsTable& hosts, const OwnAddresses& own)
      : client_(client), hosts_(hosts), own_(own) {}

  runtime::Task<ResolvedHops> resolve(reactor::Shard& shard, std::vector<policy::NextHop> hops);

 private:
  struct Found {
    std::vector<IpAddress> addresses;
    std::chrono::seconds ttl = kTtlMax;
  };
  runtime::Task<Found> resolve_name(reactor::Shard& shard, std::string host);

  dns::DnsClient& client_;
  const dns::HostsTable& hosts_;
  const OwnAddresses& own_;
  // Names of the policy only: bounded by it.
  std::unordered_map<std::string, std::vector<IpAddress>> last_good_;
};

}  // namespace sluice::delivery

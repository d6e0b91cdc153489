// NextHopDirectory: from the next hops of the policy to the addresses to connect to, in the order in which
// they are tried. Names are looked up in /etc/hosts, then in the DNS (A and AAAA); when neither answers, the
// addresses that were good last are used (protocol decision W-35). One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "dnscache/resolver/system_files.h"
#include "io/base/ip.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"
#include "rules/policy/settings.h"

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::delivery {

class NextHopDirectory {
 public:
  // Both must outlive the directory.
  NextHopDirectory(dns::DnsClient& client, const dns::HostsTable& hosts) : client_(client), hosts_(hosts) {}

  // By priority, then as written; an address of each family of one name, IPv4 first. Empty when no name has
  // an address. Two next hops are one destination when their lists are equal. The span lives as long as the
  // policy.
  runtime::Task<std::vector<Endpoint>> resolve(reactor::Shard& shard, std::span<const policy::NextHop> hops);

 private:
  runtime::Task<std::vector<IpAddress>> resolve_name(reactor::Shard& shard, std::string host);

  dns::DnsClient& client_;
  const dns::HostsTable& hosts_;
  std::unordered_map<std::string, std::vector<IpAddress>>
      last_good_;  // names of the policy only: bounded by it
};

}  // namespace sluice::delivery

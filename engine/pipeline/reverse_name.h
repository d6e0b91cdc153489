// The client's forward-confirmed reverse name: a name of its PTR records (the first ten) whose addresses
// include the client's own (RFC 1912 section 2.1; decision D-4).
#pragma once

#include "dnscache/client/dns_client.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"

#include <string>

namespace sluice::pipeline {

// Empty when there is none, or none was found by the deadline.
runtime::Task<std::string> find_reverse_name(reactor::Shard& shard, dns::DnsClient& client, IpAddress address,
                                             MonoTime deadline);

// "1.2.0.192.in-addr.arpa", or the nibbles under ip6.arpa (RFC 1035 section 3.5, RFC 3596 section 2.5).
dns::DnsName reverse_zone_name(const IpAddress& address);

}  // namespace sluice::pipeline

// /etc/resolv.conf and /etc/hosts as text to values (resolv.conf(5), hosts(5)). Lines that make no sense are
// passed over, as the C library does, and counted. Pure: reading the file is the caller's.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/ip.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::dns {

struct ResolvConf {
  std::vector<Endpoint> servers;  // in their order, without doubles, at most limits::kDnsServers; port 53
  std::optional<std::chrono::seconds> timeout;  // "options timeout:n", 1 to 30
  std::optional<unsigned> attempts;             // "options attempts:n", 1 to 5
  size_t lines_ignored = 0;                     // neither understood nor comments
};
// Link-local servers with a zone ("fe80::1%eth0") are ignored. Search lists do not matter to mail.
ResolvConf parse_resolv_conf(std::string_view text);

class HostsTable {
 public:
  // All addresses of one family that the file gives for a name, in its order. Empty: not there. Valid as long
  // as the table.
  std::span<const IpAddress> find(const DnsName& name, IpFamily family) const;
  size_t size() const { return names_.size(); }
  size_t lines_ignored() const { return lines_ignored_; }

 private:
  friend HostsTable parse_hosts(std::string_view text);
  struct Hash {
    size_t operator()(const DnsName& name) const noexcept { return static_cast<size_t>(name.hash(0)); }
  };
  struct Addresses {
    std::vector<IpAddress> v4;
    std::vector<IpAddress> v6;
  };
  std::unordered_map<DnsName, Addresses, Hash> names_;
  size_t lines_ignored_ = 0;
};
HostsTable parse_hosts(std::string_view text);

}  // namespace sluice::dns

// An authoritative DNS server inside the simulated world: answers from a zone, counts what it was asked, and
// is silent for what the zone says TIMEOUT. UDP only; answers in full.
#pragma once

#include "dnscache/zone/responder.h"
#include "dnscache/zone/zone.h"
#include "io/net/datagram.h"
#include "io/reactor/shard.h"

#include <map>
#include <string>
#include <vector>

namespace sluice::testing {

class SimDnsServer final : private net::DatagramReceiver {
 public:
  SimDnsServer(reactor::Shard& shard, const Endpoint& address, dns::Zone zone);

  // "example.com TXT", one for each query that came.
  const std::vector<std::string>& asked() const { return asked_; }
  size_t count(const std::string& question) const;
  void set_silent(bool silent) { silent_ = silent; }
  void forget_all() { zone_ = dns::Zone(); }

 private:
  void on_datagram(net::Datagram& socket, Chunk payload, const Endpoint& from) override;
  void on_datagram_error(net::Datagram&, int) override {}

  dns::Zone zone_;
  net::DatagramPtr socket_;
  std::vector<std::string> asked_;
  bool silent_ = false;
};

}  // namespace sluice::testing

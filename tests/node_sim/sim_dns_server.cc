#include "tests/node_sim/sim_dns_server.h"

#include <algorithm>

namespace sluice::testing {

SimDnsServer::SimDnsServer(reactor::Shard& shard, const Endpoint& address, dns::Zone zone)
    : zone_(std::move(zone)) {
  reactor::DatagramOptions options;
  options.local = address;
  auto opened = net::Datagram::open(shard, options, *this);
  SLUICE_CHECK(opened.has_value());
  socket_ = std::move(*opened);
}

size_t SimDnsServer::count(const std::string& question) const {
  return static_cast<size_t>(std::ranges::count(asked_, question));
}

void SimDnsServer::on_datagram(net::Datagram& socket, Chunk payload, const Endpoint& from) {
  dns::RespondOptions options;
  options.size_max = limits::kDnsUdpPayload;
  const dns::Response response = dns::respond(zone_, payload.view(), options);
  if (response.question)
    asked_.push_back(response.question->name.to_text() + ' ' + to_string(response.question->type));
  if (silent_ || response.message.empty()) return;
  const bool sent = socket.send(response.message, from);
  SLUICE_CHECK(sent);
}

}  // namespace sluice::testing

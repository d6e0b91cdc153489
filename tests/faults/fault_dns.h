// FaultDns: a DNS server of the simulated world, UDP and TCP, that answers from a zone, and sometimes does
// not: silence, SERVFAIL, truncation, an answer that comes late, garbage, and lies: answers under another id
// or to another question, whose records say the opposite of the truth. One shard.
#pragma once

#include "dnscache/zone/responder.h"
#include "dnscache/zone/zone.h"
#include "io/net/datagram.h"
#include "io/net/listener.h"
#include "io/net/stream.h"
#include "io/reactor/shard.h"
#include "io/runtime/task_group.h"
#include "tests/faults/dice.h"
#include "tests/faults/ledger.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::faults {

struct DnsTemper {
  double silent = 0;
  double servfail = 0;
  double truncate = 0;
  double wrong_id = 0;        // a lie comes first
  double wrong_question = 0;  // likewise
  double garbage = 0;         // likewise
  double late = 0;
  double close_tcp = 0;
};

class FaultDns final : private net::DatagramReceiver, private net::AcceptSink {
 public:
  // `lies` answers every name with what the truth is not.
  FaultDns(reactor::Shard& shard, const Endpoint& address, const dns::Zone& truth, const dns::Zone& lies,
           const DnsTemper& temper, uint64_t seed, Ledger& ledger);
  ~FaultDns();
  void calm() { temper_ = {}; }
  void begin_stop();
  bool stopped() const { return stopped_; }

 private:
  runtime::Task<void> stop(reactor::Shard& shard);
  void on_datagram(net::Datagram& socket, Chunk payload, const Endpoint& from) override;
  void on_datagram_error(net::Datagram&, int) override {}
  void on_stream(net::StreamPtr stream) override;
  runtime::Task<void> serve(reactor::Shard& shard, net::StreamPtr stream);
  runtime::Task<void> send_later(reactor::Shard& shard, std::string message, Endpoint to);
  void lie(net::Datagram& socket, std::string_view query, const Endpoint& to);
  bool draw(double probability, std::string_view kind);

  reactor::Shard& shard_;
  const dns::Zone& truth_;
  const dns::Zone& lies_;
  DnsTemper temper_;
  Dice dice_;
  Ledger& ledger_;
  net::DatagramPtr socket_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<net::Stream*> streams_;
  runtime::TaskGroup group_;
  runtime::TaskGroup stopping_;
  bool stopped_ = false;
};

}  // namespace sluice::faults

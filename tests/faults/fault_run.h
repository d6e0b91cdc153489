// FaultRun: one seed's run: a world with one or two nodes between clients, next hops and DNS servers, all of
// which misbehave by lot, while the network, the disks and the nodes themselves fail; then quiet, and then
// what must be true. One thread.
//
//   FaultRun run(seed, verbose, log);
//   run.run();
//   run.ledger().violations()       // empty, or what was found
#pragma once

#include "dnscache/zone/zone.h"
#include "io/reactor/sim_world.h"
#include "io/runtime/log.h"
#include "tests/faults/dice.h"
#include "tests/faults/fault_client.h"
#include "tests/faults/fault_dns.h"
#include "tests/faults/fault_hop.h"
#include "tests/faults/fault_node.h"
#include "tests/faults/ledger.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice::faults {

class FaultRun {
 public:
  FaultRun(uint64_t seed, bool verbose, runtime::Log& log);
  ~FaultRun();

  void run();
  Ledger& ledger() { return ledger_; }
  uint64_t trace_hash() const { return trace_hash_; }
  uint64_t faults() const { return ledger_tally_total_; }

 private:
  struct Action {
    MonoTime at;
    size_t number = 0;
    std::function<void()> act;
  };

  void name_everybody();
  void make_hops();
  void make_dns();
  void make_nodes();
  void make_clients();
  std::string with_addresses(std::string text, size_t node);
  reactor::SimFaults draw_network();
  HopTemper draw_hop();
  DnsTemper draw_dns();

  void plan_actions();
  void plan_node_actions(size_t node);
  void plan_disk_actions(size_t node);
  void plan_peer_actions();
  void at(std::chrono::nanoseconds from, std::chrono::nanoseconds until, std::function<void()> act);

  void start_node(FaultNode& node);
  void restart_by_drain(FaultNode& node);
  bool turn_until(const std::function<bool()>& done, std::chrono::nanoseconds most);
  std::vector<reactor::Shard*> all_shards() const;
  void heal();
  void quiet();
  void end_all();
  void check_accepted(const Attempt& attempt);
  void count_injections();

  Dice dice_;
  const bool normalizes_;  // every third seed
  reactor::SimWorld sim_;
  Ledger ledger_;
  runtime::Log& log_;
  uint64_t trace_hash_ = 0;
  uint64_t ledger_tally_total_ = 0;

  size_t node_count_;
  size_t client_count_;
  bool disks_were_healthy_ = true;
  std::vector<std::unique_ptr<reactor::Shard>> peer_shards_;  // hops, DNS, clients
  std::unique_ptr<dns::Zone> truth_;
  std::vector<std::unique_ptr<FaultHop>> hops_;
  std::vector<std::unique_ptr<FaultDns>> dns_;
  std::vector<std::unique_ptr<FaultNode>> nodes_;
  std::unique_ptr<FaultClient::World> client_world_;
  std::vector<std::unique_ptr<FaultClient>> clients_;
  std::vector<Action> actions_;
};

// What must hold of the whole run; everything is over, and the disks are what they are.
void check_ledger(reactor::SimWorld& world, const std::vector<std::unique_ptr<FaultNode>>& nodes,
                  Ledger& ledger);

}  // namespace sluice::faults

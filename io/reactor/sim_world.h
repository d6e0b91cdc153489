// SimWorld: a network, its nodes' disks and a clock, all simulated in one thread from one seed. The same seed
// and the same program give the same run, event by event; trace_hash() proves it. Time is virtual and moves
// only from event to event, so hours pass in milliseconds.
//
//   SimWorld world(seed);
//   Shard server(ShardId{0}, world.make_reactor("mx"));
//   Shard client(ShardId{1}, world.make_reactor("client"));
//   ... server listens on {world.address("mx"), 25}; a task is spawned on client that connects there ...
//   Shard* shards[] = {&server, &client};
//   const bool ended = world.run_until(shards, [&] { return finished; }, world.now() + 1h);
//
// Nodes and addresses. A node comes into being with its first mention. It has loopback addresses of its own,
// one IPv4 and one IPv6 address (address(), address_v6()), and any other that add_address() gave it or that
// one of its sockets was bound to. Several reactors of one node share its addresses and disk; listeners that
// share a port get connections by lot. Connecting where a node is but nobody listens is refused; where no
// node is, it fails with EHOSTUNREACH.
//
// Turning shards. A simulated poll() submits what was asked for, reports what is due at the present virtual
// time and returns; it never waits and ignores wake_at (but see SimReactorOptions::advance_in_poll). run()
// and run_until() turn, in an order drawn from the seed, every shard that has something to do, until none
// has; then they move the time to the next event or timer. A reactor that is driven by hand is driven as:
//
//   reactor->poll(world.now()); ... while (world.step()) reactor->poll(world.now());
//
// Crashes. crash(node) cuts the node off at once: its peers see resets, what its disk had not synced may be
// lost (each unsynced write by lot, the last one kept perhaps torn). The node's present reactors become
// husks: their sockets and operations report errors, so that the code above can be unwound and destroyed, but
// nothing that it still does has any effect on the network or on the disk. Reactors made afterwards are the
// restarted node.
//
// Disk. Files live per node and by path; directories exist by being named. A write is seen at once and is
// durable after sync_file(), which also makes the file's name durable. Other names and renames become durable
// when a directory is synced, or by lot (in their order) in a crash.
//
// One thread. The world outlives its reactors; misuse is a CHECK.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/reactor/reactor.h"
#include "io/reactor/shard.h"
#include "io/reactor/sim_faults.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::reactor {

class SimCore;  // clock, events, network and disks; shared by the world and its reactors

class SimWorld {
 public:
  explicit SimWorld(uint64_t seed);
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  [[nodiscard]] std::unique_ptr<Reactor> make_reactor(std::string_view node,
                                                      const SimReactorOptions& options = {});

  // --- time ---
  MonoTime now() const;
  WallTime wall_now() const;  // begins at 2026-01-01 00:00 UTC and moves with now()
  // When the network or a disk acts next: now() when a reactor has something to submit or to report, kNever
  // when nothing will happen by itself.
  MonoTime next_event() const;
  // Moves to the next event and lets it happen; its report waits for the reactor's poll. While a reactor has
  // something to submit or to report, nothing moves. False: nothing will happen by itself.
  bool step();
  // Lets everything happen that is due until then, and stands there.
  void advance(MonoTime to);

  // Turns the shards until that time. Pointers, since shards do not move.
  void run(std::span<Shard* const> shards, MonoTime until);
  // Turns them until done() is true, asked after every round; false when `latest` came first, or when nothing
  // will ever happen again.
  bool run_until(std::span<Shard* const> shards, const std::function<bool()>& done, MonoTime latest = kNever);

  // --- network ---
  [[nodiscard]] IpAddress address(std::string_view node);
  [[nodiscard]] IpAddress address_v6(std::string_view node);
  void add_address(std::string_view node, const IpAddress& address);
  // The faults of a stream or datagram are those set for its server (remote endpoint, in either direction),
  // else those for its two nodes, else those of the world. They are looked up anew for every segment.
  void set_faults(const SimFaults& faults);
  void set_faults(std::string_view node, std::string_view other_node, const SimFaults& faults);
  void set_faults(const Endpoint& server, const SimFaults& faults);
  void clear_faults();  // all of them: a healthy network again
  // Resets every stream to or from this endpoint.
  void reset_streams(const Endpoint& endpoint);
  void crash(std::string_view node);

  // --- disks ---
  void set_disk_faults(std::string_view node, const SimDiskFaults& faults);
  // What a reader sees now; none when there is no such file.
  [[nodiscard]] std::optional<std::string> file_content(std::string_view node, const std::string& path);
  // Puts a file there, durably.
  void put_file(std::string_view node, const std::string& path, std::string content);
  void remove_file(std::string_view node, const std::string& path);
  [[nodiscard]] std::vector<std::string> file_names(std::string_view node);
  [[nodiscard]] size_t open_files(std::string_view node);  // descriptors

  // --- proof ---
  // Of everything that was reported so far: when, to which reactor, of which kind, with which octets.
  uint64_t trace_hash() const;
  uint64_t events() const;  // how many happened
  const std::array<uint64_t, kSimInjections>& injected() const;
  // Capacity of all Chunks that the node's living reactors have handed out and not got back.
  size_t memory_out(std::string_view node);

 private:
  bool turn_round(std::span<Shard* const> shards);

  std::unique_ptr<SimCore> core_;
};

}  // namespace sluice::reactor

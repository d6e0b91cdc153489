// SimCore: what a simulated world consists of: time and chance, the network, the streams, one disk per node,
// and the list of the reactors. SimWorld owns it; reactors refer to it. One thread.
#pragma once

#include "io/reactor/sim_disk.h"
#include "io/reactor/sim_events.h"
#include "io/reactor/sim_network.h"
#include "io/reactor/sim_streams.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace sluice::reactor {

class SimReactor;

class SimCore {
 public:
  explicit SimCore(uint64_t seed) : events(seed), network(events), streams(events, network) {}

  SimDisk& disk(SimNodeId node) { return disks_[node]; }
  SimReactor* find_reactor(uint32_t number) const;  // null: it is gone

  SimEvents events;
  SimNetwork network;
  SimStreams streams;
  std::vector<SimReactor*> reactors;  // that live, in the order in which they were made
  uint32_t reactors_made = 0;

 private:
  std::map<SimNodeId, SimDisk> disks_;
};

}  // namespace sluice::reactor

// SimPort: what the simulated network and disk know of a reactor: where its node is, how large its buffers
// are, and where reports go. A report waits there until the reactor's poll(). One thread.
#pragma once

#include "io/reactor/reactor.h"
#include "io/reactor/sim_faults.h"

#include <cstdint>
#include <string>

namespace sluice::reactor {

// A node by its number in the world.
using SimNodeId = uint32_t;

struct SimReport {
  enum class Kind : uint8_t {
    Connected,
    Readable,
    Sent,
    Closed,
    Accepted,
    AcceptError,
    ListenerClosed,
    Datagram,
    DatagramError,
    DatagramClosed,
    File,
  };
  Kind kind = Kind::Readable;
  SocketId socket;
  int error = 0;
  uint64_t connection = 0;  // Accepted
  Endpoint from;            // Datagram
  std::string octets;       // Datagram
  FileHandler* file_handler = nullptr;
  int64_t file_result = 0;
};

class SimPort {
 public:
  virtual void report(SimReport report) = 0;

  SimNodeId node() const { return node_; }
  const SimReactorOptions& options() const { return options_; }
  bool is_husk() const { return husk_; }  // its node crashed under it

 protected:
  SimPort(SimNodeId node, const SimReactorOptions& options) : node_(node), options_(options) {}
  ~SimPort() = default;

  SimNodeId node_;
  SimReactorOptions options_;
  bool husk_ = false;
};

}  // namespace sluice::reactor

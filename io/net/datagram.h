// Datagram: a UDP socket that may be dropped at any time; the object behind it goes when the reactor has had
// its last word, and its receiver hears nothing after the drop. Thin: octets are not queued here.
//
//   Result<DatagramPtr> socket = Datagram::open(shard, options, receiver);
//   (*socket)->send(octets, to);
//
// Per shard.
#pragma once

#include "io/base/chunk.h"
#include "io/base/ip.h"
#include "io/base/result.h"
#include "io/reactor/shard.h"

#include <memory>
#include <string_view>

namespace sluice::net {

class Datagram;
struct DatagramRelease {
  void operator()(Datagram* socket) const noexcept;
};
using DatagramPtr = std::unique_ptr<Datagram, DatagramRelease>;

// Called from inside the reactor's poll: records and schedules.
class DatagramReceiver {
 public:
  virtual void on_datagram(Datagram& socket, Chunk payload, const Endpoint& from) = 0;
  virtual void on_datagram_error(Datagram& socket, int error) = 0;  // the socket stays open

 protected:
  ~DatagramReceiver() = default;
};

class Datagram final : private reactor::DatagramHandler {
 public:
  // The receiver must live until the socket is dropped.
  [[nodiscard]] static Result<DatagramPtr> open(reactor::Shard& shard,
                                                const reactor::DatagramOptions& options,
                                                DatagramReceiver& receiver);
  Datagram(const Datagram&) = delete;
  Datagram& operator=(const Datagram&) = delete;

  Endpoint local() const;
  // Copied; leaves at the end of the turn. `to` counts where the socket is not connected. False: too many are
  // waiting, nothing was taken.
  [[nodiscard]] bool send(std::string_view octets, const Endpoint& to = {});

 private:
  friend struct DatagramRelease;
  Datagram(reactor::Shard& shard, DatagramReceiver& receiver) : shard_(shard), receiver_(&receiver) {}
  ~Datagram() = default;

  void on_datagram(Chunk payload, const Endpoint& from) override;
  void on_datagram_error(int error) override;
  void on_datagram_closed() override;

  reactor::Shard& shard_;
  DatagramReceiver* receiver_;  // null once the owner has dropped it
  reactor::SocketId socket_;
};

}  // namespace sluice::net

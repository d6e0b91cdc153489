// AdminServer: HTTP for the operator's programs (cpp-httplib), on threads of its own and never on a shard.
// There are two:
//
//   over TCP, on loopback by default    GET /metrics, /healthz, /readyz
//   over a Unix-domain socket, 0600     the same, and GET /stats, POST /reload, POST /drain
//
// so whoever can connect reads, and only the owner of the socket's file changes anything. A request has no
// body to speak of, one connection carries one request, and each waits a bounded time (limits.h). What is
// answered comes from the control thread (admin_desk.h).
#pragma once

#include "engine/node/admin_desk.h"
#include "io/base/ip.h"
#include "io/base/result.h"

#include <memory>
#include <string>

namespace sluice::node {

class AdminServer {
 public:
  // Bound and listening, not yet answering. The desk outlives the server.
  [[nodiscard]] static Result<std::unique_ptr<AdminServer>> over_tcp(const Endpoint& address,
                                                                     AdminDesk& desk);
  [[nodiscard]] static Result<std::unique_ptr<AdminServer>> over_socket(const std::string& path,
                                                                        AdminDesk& desk);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  const Endpoint& address() const;  // over TCP: with the port that was found for port 0
  void start();
  // No new requests; those that are under way go on. The control thread answers them until ended(), then
  // destroys.
  void begin_stop();
  bool ended() const;

 private:
  struct Parts;
  explicit AdminServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::node

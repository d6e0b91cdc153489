// ServiceManager: tells systemd how the node does, over the datagram socket of NOTIFY_SOCKET (sd_notify(3)),
// without its library. Where there is no such socket, nothing is said. The control thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::node {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID once, and takes them out of the environment.
  static ServiceManager from_environment();
  ServiceManager() = default;
  ServiceManager(ServiceManager&& other) noexcept;
  ServiceManager& operator=(ServiceManager&&) = delete;
  ~ServiceManager();

  // "READY=1\nSTATUS=...": whole assignments, parted by line feeds.
  void tell(std::string_view state) const;
  void ready(std::string_view status) const;
  void reloading() const;  // until ready() is said again
  void stopping() const;
  void alive() const { tell("WATCHDOG=1"); }
  // Within this time alive() must come again; no value: nobody watches.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  int socket_ = -1;
  std::string address_;  // as sun_path; '@' at the start stands for the zero octet of an abstract one
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace sluice::node

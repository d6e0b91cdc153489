#include "engine/node/service_manager.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice::node {
namespace {

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  unsetenv(name);
  return text;
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

ServiceManager::ServiceManager(ServiceManager&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      address_(std::move(other.address_)),
      watchdog_(other.watchdog_) {}

ServiceManager::~ServiceManager() {
  if (socket_ >= 0) close(socket_);
}

ServiceManager ServiceManager::from_environment() {
  ServiceManager manager;
  manager.address_ = take_variable("NOTIFY_SOCKET");
  const std::optional<uint64_t> period = number(take_variable("WATCHDOG_USEC"));
  const std::optional<uint64_t> process = number(take_variable("WATCHDOG_PID"));
  const bool usable = manager.address_.size() > 1 &&
                      manager.address_.size() < sizeof(sockaddr_un::sun_path) &&
                      (manager.address_[0] == '/' || manager.address_[0] == '@');
  if (!usable) return manager;
  manager.socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool ours = !process || *process == static_cast<uint64_t>(getpid());
  if (period && *period > 0 && ours) manager.watchdog_ = std::chrono::microseconds(*period);
  return manager;
}

void ServiceManager::tell(std::string_view state) const {
  if (socket_ < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(address_, address.sun_path);
  if (address_[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // Best effort, as in the library: a service manager that does not listen changes nothing for the mail.
  (void)sendto(socket_, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), size);
}

void ServiceManager::ready(std::string_view status) const { tell(fmt::format("READY=1\nSTATUS={}", status)); }

void ServiceManager::reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reading the policy", microseconds));
}

void ServiceManager::stopping() const { tell("STOPPING=1\nSTATUS=Draining"); }

}  // namespace sluice::node

// Which back end a shard runs on. Auto takes io_uring with all that the node needs of it, or epoll; there is
// no ladder of lesser io_urings in between.
#pragma once

#include "io/base/result.h"
#include "io/reactor/reactor.h"
#include "io/reactor/uring_reactor.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::reactor {

enum class BackendKind : uint8_t { Auto, Uring, Epoll };

[[nodiscard]] std::string_view backend_name(BackendKind kind);  // "auto", "uring", "epoll"
[[nodiscard]] std::optional<BackendKind> parse_backend(std::string_view name);

struct BackendOptions {
  BackendKind kind = BackendKind::Auto;
  UringOptions uring{};  // its buffer options go for epoll too
};

struct Backend {
  std::unique_ptr<Reactor> reactor;
  // Why Auto did not take io_uring, for one line of the log; empty when it did.
  std::string note;
};

// On the thread that will use it. Fails when what was asked for by name is refused.
[[nodiscard]] Result<Backend> make_backend(const BackendOptions& options);

}  // namespace sluice::reactor

#include "io/reactor/backend.h"

#include "io/reactor/epoll_reactor.h"

#include <cerrno>
#include <utility>

namespace sluice::reactor {
namespace {

Result<Backend> make_epoll(const BackendOptions& options, std::string note) {
  auto reactor = make_epoll_reactor(EpollOptions{.buffers = options.uring.buffers});
  if (!reactor) return std::unexpected(std::move(reactor.error()));
  return Backend{std::move(*reactor), std::move(note)};
}

// What a kernel or sandbox without the io_uring that we need answers. Anything else is a fault to report.
bool is_refusal(int os_error) {
  return os_error == EPERM || os_error == EACCES || os_error == ENOSYS || os_error == EINVAL ||
         os_error == ENOMEM;
}

}  // namespace

std::string_view backend_name(BackendKind kind) {
  switch (kind) {
    case BackendKind::Auto:
      return "auto";
    case BackendKind::Uring:
      return "uring";
    case BackendKind::Epoll:
      return "epoll";
  }
  return "auto";
}

std::optional<BackendKind> parse_backend(std::string_view name) {
  for (const BackendKind kind : {BackendKind::Auto, BackendKind::Uring, BackendKind::Epoll})
    if (name == backend_name(kind)) return kind;
  return std::nullopt;
}

Result<Backend> make_backend(const BackendOptions& options) {
  if (options.kind == BackendKind::Epoll) return make_epoll(options, {});
  auto uring = make_uring_reactor(options.uring);
  if (uring) return Backend{std::move(*uring), {}};
  if (options.kind == BackendKind::Auto && is_refusal(uring.error().os_error))
    return make_epoll(options, "io_uring is not available, using epoll: " + uring.error().to_string());
  return std::unexpected(std::move(uring.error()));
}

}  // namespace sluice::reactor

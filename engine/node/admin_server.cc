#include "engine/node/admin_server.h"

#include "io/base/limits.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice::node {

struct AdminServer::Parts {
  explicit Parts(AdminDesk& admin_desk) : desk(admin_desk) {}
  AdminDesk& desk;
  httplib::Server server;
  Endpoint address;
  std::string path;
  std::thread thread;
  std::future<void> end;
};

namespace {

void answer_with(httplib::Server& server, const char* path, AdminDesk& desk, AdminQuestion question,
                 bool changes) {
  const auto answer = [&desk, question](const httplib::Request& request, httplib::Response& response) {
    // A reload has a bound of its own.
    const auto wait =
        question == AdminQuestion::Reload ? limits::kReloadWait + limits::kAdminWait : limits::kAdminWait;
    AdminArguments arguments{request.get_param_value("name"), request.get_param_value("type"),
                             request.get_param_value("all")};
    AdminAnswer found = desk.ask(question, wait, std::move(arguments));
    response.status = found.status;
    response.set_header("Cache-Control", "no-store");
    response.set_content(found.body, found.type.c_str());
  };
  if (changes) {
    server.Post(path, answer);
  } else {
    server.Get(path, answer);
  }
}

void set_up(httplib::Server& server, AdminDesk& desk) {
  server.new_task_queue = [] { return new httplib::ThreadPool(limits::kAdminThreads); };
  server.set_keep_alive_max_count(1);
  server.set_read_timeout(limits::kAdminWait);
  server.set_write_timeout(limits::kAdminWait);
  server.set_payload_max_length(limits::kAdminRequestOctets);
  // Not SO_REUSEPORT, the library's choice: two nodes would share the port without knowing.
  server.set_socket_options([](int descriptor) {
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  answer_with(server, "/metrics", desk, AdminQuestion::Metrics, false);
  answer_with(server, "/healthz", desk, AdminQuestion::Alive, false);
  answer_with(server, "/readyz", desk, AdminQuestion::Ready, false);
}

// A socket's file that a dead node left behind is removed; that of a living one is not.
Result<void> clear_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return fail_system(errno, "cannot make a socket");
  const int refused =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(probe);
  if (refused == 0) return fail_system(EADDRINUSE, "another node listens there");
  struct stat status{};
  if (refused == ECONNREFUSED && lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode))
    unlink(path.c_str());
  return {};
}

}  // namespace

AdminServer::AdminServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<AdminServer>> AdminServer::over_tcp(const Endpoint& address, AdminDesk& desk) {
  auto parts = std::make_unique<Parts>(desk);
  set_up(parts->server, desk);
  const std::string host = address.address.to_string();
  errno = 0;
  int port = address.port;
  if (port == 0) {
    port = parts->server.bind_to_any_port(host);
  } else if (!parts->server.bind_to_port(host, port)) {
    port = -1;
  }
  if (port <= 0) {
    return fail_system(errno == 0 ? EADDRINUSE : errno,
                       fmt::format("admin.listen: cannot bind {}", address.to_string()));
  }
  parts->address = {address.address, static_cast<uint16_t>(port)};
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(parts)));
}

Result<std::unique_ptr<AdminServer>> AdminServer::over_socket(const std::string& path, AdminDesk& desk) {
  const auto failed = [&path](const Error& error) {
    Error whole = error;
    whole.message = fmt::format("admin.control_socket: cannot make {}: {}", path, error.message);
    return std::unexpected(std::move(whole));
  };
  auto parts = std::make_unique<Parts>(desk);
  set_up(parts->server, desk);
  answer_with(parts->server, "/stats", desk, AdminQuestion::Stats, false);
  answer_with(parts->server, "/reload", desk, AdminQuestion::Reload, true);
  answer_with(parts->server, "/drain", desk, AdminQuestion::Drain, true);
  answer_with(parts->server, "/dns/stats", desk, AdminQuestion::DnsStats, false);
  answer_with(parts->server, "/dns/lookup", desk, AdminQuestion::DnsLookup, false);
  answer_with(parts->server, "/dns/flush", desk, AdminQuestion::DnsFlush, true);
  parts->server.set_address_family(AF_UNIX);
  const Result<void> cleared = clear_path(path);
  if (!cleared) return failed(cleared.error());
  errno = 0;
  const mode_t before = umask(0177);  // 0600 from the first moment; nothing else makes files yet
  constexpr int kAnyPort = 80;        // has no meaning here, but zero would have one
  const bool bound = parts->server.bind_to_port(path, kAnyPort);
  const int problem = errno;
  umask(before);
  if (!bound) {
    const Result<void> error = fail_system(problem == 0 ? EADDRINUSE : problem, "bind");
    return failed(error.error());
  }
  parts->path = path;
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(parts)));
}

AdminServer::~AdminServer() {
  parts_->server.stop();
  if (parts_->thread.joinable()) parts_->thread.join();
  if (!parts_->path.empty()) unlink(parts_->path.c_str());
}

const Endpoint& AdminServer::address() const { return parts_->address; }

void AdminServer::start() {
  std::packaged_task<void()> serve([server = &parts_->server] { server->listen_after_bind(); });
  parts_->end = serve.get_future();
  parts_->thread = std::thread(std::move(serve));
  // stop() before the loop has begun would be lost.
  while (!parts_->server.is_running() && !ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void AdminServer::begin_stop() { parts_->server.stop(); }

bool AdminServer::ended() const {
  return !parts_->end.valid() || parts_->end.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

}  // namespace sluice::node

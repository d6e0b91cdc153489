// sluiced: the node. Reads a policy, opens its listeners, and runs until SIGTERM or SIGINT.
//
// Standard output gets two lines of JSON, for scripts: {"event":"ready",...} when every listener is open, and
// {"event":"stopped",...} with the balance of recipients at the end. The log goes to standard error.
//
//   SIGTERM, SIGINT   drain, then stop; a second one breaks off what still runs; a third ends the process
//   SIGHUP            read the policy anew; open the journal and the log file anew
//
// Exit status: 0 stopped in order; 1 could not start; 2 wrong arguments or policy; 3 the balance does not
// hold; 4 a shard did not stop in time.

#include "engine/node/admin_server.h"
#include "engine/node/control_loop.h"
#include "engine/node/node.h"
#include "engine/node/privileges.h"
#include "engine/node/system_file.h"
#include "io/base/json_text.h"
#include "rules/policy/diagnostics.h"
#include "rules/policy/reader.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace sluice {
namespace {

enum ExitStatus : int { kStopped = 0, kNotStarted = 1, kBadInput = 2, kUnbalanced = 3, kForced = 4 };

constexpr uint32_t kLinesPerSecond = 20;  // of one event in the log; guessed

struct Arguments {
  std::string policy_file;
  std::string log_file;
  node::NodeOptions node;
};

std::string machine_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

void print_line(const std::string& line) {
  std::fputs((line + '\n').c_str(), stdout);
  std::fflush(stdout);
}

void print_ready(const node::Node& node, const std::string& admin) {
  const node::NodeStatus& status = node.status();
  std::vector<std::string> listeners;
  for (const Endpoint& listener : status.listeners) listeners.push_back(listener.to_string());
  std::string line;
  JsonObject json(line);
  json.text("event", "ready")
      .texts("listeners", listeners)
      .text("admin", admin)
      .number("shards", status.shards)
      .text("backend", status.backend)
      .number("pid", static_cast<uint64_t>(getpid()));
  json.end();
  print_line(line);
}

void print_stopped(const node::ShardReport& report) {
  std::string line;
  JsonObject json(line);
  json.text("event", "stopped");
  const message::Balance& counts = report.balance;
  JsonObject balance = json.object("balance");
  balance.number("named", counts.named);
  for (size_t i = 0; i < message::kDispositions; ++i) {
    balance.number(message::to_word(static_cast<message::Disposition>(i)), counts.ended[i]);
  }
  balance.number("not_told", counts.not_told).boolean("balanced", counts.balanced());
  balance.end();
  json.number("connections", report.connections)
      .number("transactions", report.pipeline.transactions)
      .number("spf_evaluations", report.pipeline.spf_evaluations)
      .number("spf_cut_off", report.pipeline.spf_cut_off)
      .number("dns_questions", report.dns_questions)
      .number("dns_forwarded", report.dns_forwarded)
      .number("hop_connections", report.hops.connects)
      .number("delivered", report.hops.delivered)
      .number("journal_rows", report.journal.rows_written)
      .number("journal_rows_dropped", report.journal.rows_dropped);
  json.end();
  print_line(line);
}

// Errors and warnings, each with its place in the file.
void print_findings(const std::string& file, const policy::Diagnostics& findings) {
  for (const policy::Diagnostic& finding : findings.sorted())
    fmt::print(stderr, "{}\n", finding.to_string(file));
}

// The signals that the control thread waits for; blocked before any other thread is made, so that all inherit
// it.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

int complain(const Error& error) {
  fmt::print(stderr, "sluiced: {}\n", error.to_string());
  return kNotStarted;
}

WallTime wall_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// The admin servers that could be had; an error where one that was asked for could not.
struct AdminServers {
  std::unique_ptr<node::AdminServer> http;
  std::unique_ptr<node::AdminServer> control;
};

Result<AdminServers> open_admin(const policy::AdminSettings& settings, node::AdminDesk& desk,
                                runtime::Log& log) {
  AdminServers servers;
  if (!settings.control.empty()) {
    Result<std::unique_ptr<node::AdminServer>> server =
        node::AdminServer::over_socket(settings.control, desk);
    if (!server && settings.control_given) return std::unexpected(std::move(server.error()));
    if (server) servers.control = std::move(*server);
    if (!server) {
      log.write(wall_now(), runtime::LogLevel::Warning, "admin.no_control_socket",
                {{"reason", server.error().to_string()}});
    }
  }
  if (settings.http) {
    Result<std::unique_ptr<node::AdminServer>> server = node::AdminServer::over_tcp(settings.listen, desk);
    if (!server && settings.listen_given) return std::unexpected(std::move(server.error()));
    if (server) servers.http = std::move(*server);
    if (!server) {
      log.write(wall_now(), runtime::LogLevel::Warning, "admin.no_http",
                {{"reason", server.error().to_string()}});
    }
  }
  return servers;
}

// Ends the servers while the control thread goes on answering what they were asked.
void close_admin(AdminServers& servers, node::ControlLoop& control) {
  for (const auto& server : {&servers.http, &servers.control}) {
    if (*server == nullptr) continue;
    (*server)->begin_stop();
    control.answer_while([&server] { return !(*server)->ended(); });
    server->reset();
  }
}

int serve(const Arguments& arguments, policy::Policy policy, const sigset_t& signals, runtime::Log& log) {
  const policy::NodeSettings settings = policy.node();
  const policy::AdminSettings admin = policy.admin();
  std::vector<std::string> ours{policy.journal().path};
  const node::ServiceManager manager = node::ServiceManager::from_environment();
  Result<std::unique_ptr<node::AdminDesk>> desk = node::AdminDesk::open();
  if (!desk) return complain(desk.error());
  Result<AdminServers> servers = open_admin(admin, **desk, log);
  if (!servers) return complain(servers.error());
  if (servers->control != nullptr) ours.push_back(admin.control);

  Result<std::unique_ptr<node::Node>> started = node::Node::start(std::move(policy), arguments.node, log);
  if (!started) return complain(started.error());
  node::Node& node = **started;
  if (!node.status().backend_note.empty()) {
    log.write(wall_now(), runtime::LogLevel::Warning, "reactor.epoll_chosen",
              {{"reason", node.status().backend_note}});
  }
  if (!settings.user.empty()) {
    const Result<void> became = node::become_user(settings.user, ours);
    if (!became) return complain(became.error());
  }

  node::ControlLoop control(node, **desk, manager, log, {arguments.policy_file, machine_name(), signals});
  for (const auto& server : {&servers->control, &servers->http}) {
    if (*server != nullptr) (*server)->start();
  }
  print_ready(node, servers->http == nullptr ? std::string() : servers->http->address().to_string());
  manager.ready("Running");
  if (!control.run()) {
    log.flush();
    _exit(kForced);  // a shard, or the kernel below it, hangs: nothing can be waited for any more
  }
  close_admin(*servers, control);
  const node::ShardReport report = node.finish();
  print_stopped(report);
  return report.balance.balanced() ? kStopped : kUnbalanced;
}

int run(const Arguments& arguments) {
  const Result<std::string> text = node::read_system_file(arguments.policy_file);
  if (!text) {
    fmt::print(stderr, "sluiced: {}\n", text.error().to_string());
    return kBadInput;
  }
  policy::ReadPolicy read = policy::read_policy(*text, 1, machine_name());
  print_findings(arguments.policy_file, read.diagnostics);
  if (!read.policy) return kBadInput;

  const sigset_t signals = block_signals();
  const Result<void> less = node::give_up_at_start();
  if (!less) return complain(less.error());
  runtime::LogOptions log_options;
  log_options.path = arguments.log_file;
  log_options.lines_per_second = kLinesPerSecond;
  Result<std::unique_ptr<runtime::Log>> log = runtime::Log::open(log_options);
  if (!log) return complain(log.error());
  return serve(arguments, std::move(*read.policy), signals, **log);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  CLI::App app("sluiced: mail-security node (SMTP proxy)");
  sluice::Arguments arguments;
  app.add_option("--policy", arguments.policy_file, "the policy document (TOML)")->required();
  app.add_option("--log", arguments.log_file, "append the log to this file instead of standard error");
  app.add_flag("--uring-6.1", arguments.node.mask_newer_than_6_1,
               "use only what io_uring of Linux 6.1 has, for tests");
  app.add_flag("!--no-pin", arguments.node.pin, "do not pin shards to processors");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? sluice::kStopped : sluice::kBadInput;
  }
  return sluice::run(arguments);
}

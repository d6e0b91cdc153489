// sluiced: the node. Reads a policy, opens its listeners, and runs until SIGTERM or SIGINT.
//
// Standard output gets two lines of JSON, for scripts: {"event":"ready",...} when every listener is open, and
// {"event":"stopped",...} with the balance of recipients at the end. The log goes to standard error.
//
//   SIGTERM, SIGINT   drain, then stop; a second one while draining changes nothing
//   SIGHUP            open the journal anew
//
// Exit status: 0 stopped in order; 1 could not start; 2 wrong arguments or policy; 3 the balance does not
// hold.

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

enum ExitStatus : int { kStopped = 0, kNotStarted = 1, kBadInput = 2, kUnbalanced = 3 };

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

void print_ready(const node::Node& node) {
  const node::NodeStatus& status = node.status();
  std::vector<std::string> listeners;
  for (const Endpoint& listener : status.listeners) listeners.push_back(listener.to_string());
  std::string line;
  JsonObject json(line);
  json.text("event", "ready")
      .texts("listeners", listeners)
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

void wait_for_end(const sigset_t& signals, node::Node& node) {
  for (;;) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    if (number != SIGHUP) return;
    node.reopen_journals();
  }
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
  runtime::LogOptions log_options;
  log_options.path = arguments.log_file;
  Result<std::unique_ptr<runtime::Log>> log = runtime::Log::open(log_options);
  if (!log) {
    fmt::print(stderr, "sluiced: {}\n", log.error().to_string());
    return kNotStarted;
  }
  const std::string user = read.policy->node().user;
  const std::string journal = read.policy->journal().path;
  Result<std::unique_ptr<node::Node>> started =
      node::Node::start(std::move(*read.policy), arguments.node, **log);
  if (!started) {
    fmt::print(stderr, "sluiced: {}\n", started.error().to_string());
    return kNotStarted;
  }
  node::Node& node = **started;
  if (!node.status().backend_note.empty()) {
    const WallTime now = std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
    (*log)->write(now, runtime::LogLevel::Warning, "reactor.epoll_chosen",
                  {{"reason", node.status().backend_note}});
  }
  if (!user.empty()) {
    const Result<void> became = node::become_user(user, journal);
    if (!became) {
      fmt::print(stderr, "sluiced: {}\n", became.error().to_string());
      (void)node.stop();
      return kNotStarted;
    }
  }
  print_ready(node);
  wait_for_end(signals, node);
  const node::ShardReport report = node.stop();
  print_stopped(report);
  return report.balance.balanced() ? kStopped : kUnbalanced;
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

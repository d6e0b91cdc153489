#include "tools/sluice_load/sink.h"

#include "io/base/json_text.h"
#include "io/base/limits.h"
#include "io/reactor/shard_group.h"
#include "io/runtime/per_shard.h"
#include "io/serve/smtp_server.h"
#include "tools/sluice_load/record_service.h"

#include <csignal>
#include <cstdio>
#include <latch>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace sluice::load {
namespace {

struct ShardSink {
  explicit ShardSink(int file) : service(file) {}
  RecordService service;
  std::unique_ptr<serve::SmtpServer> server;
};

class SinkProgram final : public reactor::ShardProgram {
 public:
  SinkProgram(const SinkOptions& options, int file)
      : options_(options),
        file_(file),
        sinks_(options.shards),
        results_(options.shards),
        started_(static_cast<std::ptrdiff_t>(options.shards)) {}

  // Each shard writes only its own result, and the latch comes before they are read.
  struct ShardResult {
    std::optional<Error> error;
    Endpoint address;
    SinkCounters counters;
  };

  runtime::Task<void> run(reactor::Shard& shard) override {
    ShardSink& sink = sinks_.emplace(shard, file_);
    ShardResult& result = results_[shard.id().value];
    serve::SmtpServerOptions options;
    options.listen.address = options_.listen;
    options.session.hostname = options_.hostname;
    // A sink takes what comes: many sessions of one address, and no message is its last.
    options.limits.sessions_per_client_max = options.limits.sessions_max;
    auto server = serve::SmtpServer::start(shard, options, sink.service);
    if (server) {
      sink.server = std::move(*server);
      result.address = sink.server->address();
    } else {
      result.error = std::move(server.error());
    }
    started_.count_down();
    co_return;
  }

  runtime::Task<void> stop(reactor::Shard& shard) override {
    ShardSink& sink = sinks_.on(shard);
    if (sink.server) {
      const MonoTime deadline = shard.now() + limits::kCloseLinger;
      co_await sink.server->drain(shard, deadline);
    }
    results_[shard.id().value].counters = sink.service.counters();
    sinks_.reset(shard);
  }

  void wait_until_started() { started_.wait(); }
  const std::vector<ShardResult>& results() const { return results_; }

 private:
  const SinkOptions& options_;
  int file_;
  runtime::PerShard<ShardSink> sinks_;
  std::vector<ShardResult> results_;
  std::latch started_;
};

void print_ready(const SinkProgram& program, const reactor::ShardGroup& group) {
  const std::vector<std::string> listeners{program.results().front().address.to_string()};
  std::string line;
  JsonObject json(line);
  json.text("event", "ready")
      .texts("listeners", listeners)
      .number("shards", group.size())
      .text("backend", group.capabilities().name)
      .number("pid", static_cast<uint64_t>(getpid()));
  json.end();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void print_stopped(const SinkProgram& program) {
  SinkCounters sum;
  for (const SinkProgram::ShardResult& result : program.results()) {
    sum.connections += result.counters.connections;
    sum.messages += result.counters.messages;
    sum.recipients += result.counters.recipients;
    sum.octets += result.counters.octets;
    sum.aborted += result.counters.aborted;
    sum.record_errors += result.counters.record_errors;
  }
  std::string line;
  JsonObject json(line);
  json.text("event", "stopped")
      .number("connections", sum.connections)
      .number("messages", sum.messages)
      .number("recipients", sum.recipients)
      .number("octets", sum.octets)
      .number("aborted", sum.aborted)
      .number("record_errors", sum.record_errors);
  json.end();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

int serve_until_signal(const SinkOptions& options, int file, const sigset_t& signals) {
  reactor::ShardGroupOptions group_options;
  group_options.shards = options.shards;
  group_options.backend = options.backend;
  auto group = reactor::ShardGroup::create(group_options);
  if (!group) {
    fmt::print(stderr, "sluice-load: {}\n", group.error().to_string());
    return 1;
  }
  if (!(*group)->backend_note().empty()) fmt::print(stderr, "sluice-load: {}\n", (*group)->backend_note());
  SinkProgram program(options, file);
  (*group)->start(program);
  program.wait_until_started();
  bool failed = false;
  for (const SinkProgram::ShardResult& result : program.results()) {
    if (!result.error) continue;
    failed = true;
    fmt::print(stderr, "sluice-load: {}\n", result.error->to_string());
  }
  if (!failed) {
    print_ready(program, **group);
    int number = 0;
    sigwait(&signals, &number);
  }
  (*group)->request_stop();
  (*group)->wait();
  if (!failed) print_stopped(program);
  return failed ? 1 : 0;
}

}  // namespace

int run_sink(const SinkOptions& options) {
  if (options.listen.port == 0 && options.shards > 1) {
    fmt::print(stderr, "sluice-load: several shards need a port that is named\n");
    return 2;
  }
  // Blocked before any thread is made, so that only sigwait() takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  int file = -1;
  if (!options.record_file.empty()) {
    file = ::open(options.record_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) {
      fmt::print(stderr, "sluice-load: cannot write {}\n", options.record_file);
      return 1;
    }
  }
  const int status = serve_until_signal(options, file, signals);
  if (file >= 0) ::close(file);
  return status;
}

}  // namespace sluice::load

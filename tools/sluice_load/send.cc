#include "tools/sluice_load/send.h"

#include "io/reactor/shard_group.h"
#include "io/runtime/per_shard.h"
#include "io/runtime/task_group.h"
#include "tools/sluice_load/html_report.h"
#include "tools/sluice_load/live_view.h"
#include "tools/sluice_load/sender.h"
#include "tools/sluice_load/shard_live.h"
#include "tools/sluice_load/summary.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <latch>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

namespace sluice::load {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kInterrupted = 130;
constexpr auto kRedraw = std::chrono::milliseconds(500);
constexpr auto kPlainLine = std::chrono::seconds(1);
constexpr double kSaturated = 0.95;  // of a thread's time

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double process_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

class SendProgram final : public reactor::ShardProgram {
 public:
  SendProgram(const SendOptions& options, const MessageSet& set)
      : options_(options),
        set_(set),
        live_(options.shards),
        senders_(options.shards),
        tallies_(options.shards),
        ended_(static_cast<std::ptrdiff_t>(options.shards)) {}

  runtime::Task<void> run(reactor::Shard& shard) override {
    const size_t index = shard.id().value;
    ShardSend& mine = senders_.emplace(shard, plan_of(index), set_, live_[index]);
    (void)mine.meter.spawn(shard, meter(shard, mine));
    mine.meter.close();
    co_await mine.sender.run(shard);
    mine.sent = true;
    mine.meter_signal.notify();
    while (mine.meter.size() != 0) (void)co_await mine.meter.wait_empty(shard, kNever);
    tallies_[index] = mine.sender.tally();  // read by the control thread behind the latch
    mine.over = true;                       // and stop() may take it away
    mine.over_signal.notify();
    ended_.count_down();
  }
  // Ends when the messages under way have their answers.
  runtime::Task<void> stop(reactor::Shard& shard) override {
    ShardSend& mine = senders_.on(shard);
    mine.sender.stop();
    while (!mine.over) (void)co_await mine.over_signal.wait_until(shard, kNever);
    senders_.reset(shard);
  }

  bool ended() const { return ended_.try_wait(); }
  Tally total() const {
    Tally sum;
    for (const Tally& tally : tallies_) sum.merge(tally);
    return sum;
  }
  void take(LiveSample& sample) {
    for (ShardLive& live : live_) live.take(sample);
  }

 private:
  struct ShardSend {
    ShardSend(SenderPlan plan, const MessageSet& set, ShardLive& live)
        : sender(std::move(plan), set, &live) {}
    Sender sender;
    runtime::TaskGroup meter;
    runtime::Signal meter_signal;
    bool sent = false;  // by the sender; the meter ends
    bool over = false;
    runtime::Signal over_signal;
  };

  // The thread's processor time, each second.
  runtime::Task<void> meter(reactor::Shard& shard, ShardSend& mine) {
    double last_cpu = thread_cpu_seconds();
    MonoTime last = shard.now();
    while (!mine.sent) {
      const MonoTime next = last + std::chrono::seconds(1);
      (void)co_await mine.meter_signal.wait_until(shard, next);
      const double cpu = thread_cpu_seconds();
      const double taken = std::chrono::duration<double>(shard.now() - last).count();
      TimeBucket& second = mine.sender.tally().series.at(mine.sender.since_start(last));
      second.cpu_us += static_cast<uint64_t>((cpu - last_cpu) * 1e6);
      if (taken >= 1 && cpu - last_cpu >= kSaturated * taken) ++mine.sender.tally().saturated_seconds;
      last = shard.now();
      last_cpu = cpu;
    }
  }

  SenderPlan plan_of(size_t index) const {
    const uint64_t shards = options_.shards;
    const auto share = [&](uint64_t total) { return total / shards + (index < total % shards ? 1 : 0); };
    SenderPlan plan;
    plan.server = options_.server;
    plan.helo = options_.helo;
    plan.messages = share(options_.messages);
    plan.connections = std::max<uint64_t>(share(options_.connections), 1);
    plan.messages_per_connection = options_.messages_per_connection;
    plan.pause_ms = options_.pause_ms;
    plan.first_number = index;
    plan.number_step = shards;
    plan.time_limit = options_.time_limit;
    plan.grace = options_.grace;
    plan.seed = options_.seed * shards + index;
    if (!options_.profile.empty()) {
      // One schedule for all, of which each shard takes its share.
      plan.schedule.emplace(options_.profile, options_.arrivals, options_.seed, index, shards);
      plan.time_limit = std::chrono::nanoseconds(static_cast<int64_t>(seconds_of(options_.profile) * 1e9));
    }
    return plan;
  }

  const SendOptions& options_;
  const MessageSet& set_;
  std::vector<ShardLive> live_;
  runtime::PerShard<ShardSend> senders_;
  std::vector<Tally> tallies_;
  std::latch ended_;
};

double rate_at(const Profile& profile, double seconds) {
  for (const Phase& phase : profile) {
    if (seconds < phase.seconds) return phase.from + (phase.to - phase.from) * seconds / phase.seconds;
    seconds -= phase.seconds;
  }
  return 0;
}

// The control thread: shows what goes on until all shards have ended, and hears signals.
class Control {
 public:
  Control(SendProgram& program, reactor::ShardGroup& group, const SendOptions& options)
      : program_(program),
        group_(group),
        options_(options),
        terminal_(isatty(STDERR_FILENO) == 1),
        view_(stderr, terminal_, title(options)) {}

  void watch(const sigset_t& signals, Clock::time_point start) {
    Clock::time_point last = start;
    double last_cpu = process_cpu_seconds();
    while (!program_.ended()) {
      const timespec pause{0, 20'000'000};
      if (sigtimedwait(&signals, nullptr, &pause) > 0) {
        if (std::exchange(interrupted_, true)) std::_Exit(kInterrupted);  // a server that does not answer
        group_.request_stop();
      }
      const Clock::time_point now = Clock::now();
      if (!options_.show_progress || now - last < (terminal_ ? Clock::duration(kRedraw) : kPlainLine))
        continue;
      const double cpu = process_cpu_seconds();
      show(std::chrono::duration<double>(now - start).count(),
           std::chrono::duration<double>(now - last).count(), cpu - last_cpu);
      last = now;
      last_cpu = cpu;
    }
  }
  bool interrupted() const { return interrupted_; }

 private:
  static std::string title(const SendOptions& options) {
    return fmt::format("{}  {}, {} connections", options.server.to_string(),
                       options.profile.empty() ? "closed loop" : "open loop", options.connections);
  }
  void show(double seconds, double since_last, double cpu) {
    LiveSample sample;
    sample.seconds = seconds;
    sample.since_last = since_last;
    sample.cpu_share = cpu / since_last;
    sample.seconds_meant = options_.profile.empty() ? static_cast<double>(options_.time_limit.count())
                                                    : seconds_of(options_.profile);
    sample.rate_meant = rate_at(options_.profile, seconds);
    sample.messages_meant = options_.messages;
    program_.take(sample);
    view_.show(sample);
  }

  SendProgram& program_;
  reactor::ShardGroup& group_;
  const SendOptions& options_;
  bool terminal_;
  LiveView view_;
  bool interrupted_ = false;
};

int finish(const SendOptions& options, const Tally& total, const RunFacts& facts) {
  const std::string json = to_json(total, facts);
  fmt::print("{}\n", json);
  std::fflush(stdout);
  if (const std::string problem = schedule_problem(total, facts); !problem.empty()) {
    fmt::print(stderr, "sluice-load: the schedule was not kept: {}\n", problem);
  }
  if (!options.html_file.empty()) {
    const Result<void> written = write_html_report(options.html_file, {json});
    if (!written) {
      fmt::print(stderr, "sluice-load: {}\n", written.error().to_string());
      return 1;
    }
  }
  const bool ended_by_time = options.time_limit.count() != 0 || !options.profile.empty();
  const bool complete = total.errors == 0 && total.unsent == 0 && !facts.interrupted &&
                        (total.sent == options.messages || ended_by_time);
  return complete ? 0 : 1;
}

}  // namespace

int run_send(const SendOptions& options, const MessageSet& set) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  reactor::ShardGroupOptions group_options;
  group_options.shards = options.shards;
  group_options.backend = options.backend;
  auto group = reactor::ShardGroup::create(group_options);
  if (!group) {
    fmt::print(stderr, "sluice-load: {}\n", group.error().to_string());
    return 2;
  }
  if (!(*group)->backend_note().empty()) fmt::print(stderr, "sluice-load: {}\n", (*group)->backend_note());
  SendProgram program(options, set);
  const Clock::time_point start = Clock::now();
  (*group)->start(program);
  Control control(program, **group, options);
  control.watch(signals, start);
  RunFacts facts;
  facts.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  (*group)->request_stop();
  (*group)->wait();
  facts.name = options.name;
  facts.server = options.server.to_string();
  facts.profile = options.profile;
  facts.arrivals = options.arrivals;
  facts.connections = options.connections;
  facts.seed = options.seed;
  facts.shards = options.shards;
  facts.cpu_seconds = process_cpu_seconds();
  facts.interrupted = control.interrupted();
  return finish(options, program.total(), facts);
}

}  // namespace sluice::load

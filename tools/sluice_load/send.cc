#include "tools/sluice_load/send.h"

#include "io/reactor/shard_group.h"
#include "io/runtime/per_shard.h"
#include "tools/sluice_load/sender.h"
#include "tools/sluice_load/tally.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <latch>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::load {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kInterrupted = 130;

class SendProgram final : public reactor::ShardProgram {
 public:
  SendProgram(const SendOptions& options, const MessageSet& set)
      : options_(options),
        set_(set),
        metrics_(options.shards),
        senders_(options.shards),
        tallies_(options.shards),
        ended_(static_cast<std::ptrdiff_t>(options.shards)) {
    progress_.sent = metrics_.counter("sent", "messages that had an answer");
    progress_.errors = metrics_.counter("errors", "messages without an answer");
    metrics_.freeze();
  }

  runtime::Task<void> run(reactor::Shard& shard) override {
    const size_t index = shard.id().value;
    ShardSend& mine = senders_.emplace(shard, plan_of(index), set_, metrics_.cells(index), progress_);
    co_await mine.sender.run(shard);
    tallies_[index] = mine.sender.tally();  // read by the control thread behind the latch
    mine.over = true;
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
  std::pair<uint64_t, uint64_t> sent_and_errors() const {
    const std::vector<runtime::MetricSample> samples = metrics_.read();
    return {samples[0].value, samples[1].value};
  }

 private:
  struct ShardSend {
    ShardSend(SenderPlan plan, const MessageSet& set, runtime::MetricCells& cells, Progress progress)
        : sender(std::move(plan), set, cells, progress) {}
    Sender sender;
    bool over = false;
    runtime::Signal over_signal;
  };

  SenderPlan plan_of(size_t index) const {
    const uint64_t shards = options_.shards;
    const auto share = [&](uint64_t total) { return total / shards + (index < total % shards ? 1 : 0); };
    SenderPlan plan;
    plan.server = options_.server;
    plan.helo = options_.helo;
    plan.messages = share(options_.messages);
    plan.connections = std::max<uint64_t>(share(options_.connections), 1);
    plan.messages_per_connection = options_.messages_per_connection;
    plan.first_envelope = index;
    plan.envelope_step = shards;
    plan.time_limit = options_.time_limit;
    return plan;
  }

  const SendOptions& options_;
  const MessageSet& set_;
  runtime::MetricRegistry metrics_;
  Progress progress_;
  runtime::PerShard<ShardSend> senders_;
  std::vector<Tally> tallies_;
  std::latch ended_;
};

void show_progress(const SendProgram& program, const SendOptions& options, uint64_t& last_sent,
                   Clock::duration since_last, Clock::duration since_start) {
  const auto [sent, errors] = program.sent_and_errors();
  const double rate =
      static_cast<double>(sent - last_sent) / std::chrono::duration<double>(since_last).count();
  last_sent = sent;
  fmt::print(stderr, "sluice-load: {:.0f} s, {} of {} messages, {} errors, {:.0f} messages/s\n",
             std::chrono::duration<double>(since_start).count(), sent, options.messages, errors, rate);
}

// Until all shards have ended or a signal came. The control thread has nothing else to do.
void watch(SendProgram& program, reactor::ShardGroup& group, const SendOptions& options,
           const sigset_t& signals, Clock::time_point start) {
  uint64_t last_sent = 0;
  Clock::time_point last = start;
  bool asked_to_stop = false;
  while (!program.ended()) {
    const timespec pause{0, 20'000'000};
    if (sigtimedwait(&signals, nullptr, &pause) > 0) {
      if (std::exchange(asked_to_stop, true)) std::_Exit(kInterrupted);  // a server that does not answer
      group.request_stop();
    }
    const Clock::time_point now = Clock::now();
    if (!options.show_progress || now - last < std::chrono::seconds(1)) continue;
    show_progress(program, options, last_sent, now - last, now - start);
    last = now;
  }
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
  watch(program, **group, options, signals, start);
  const std::chrono::duration<double> taken = Clock::now() - start;
  (*group)->request_stop();
  (*group)->wait();
  const Tally total = program.total();
  fmt::print("{}\n", total.to_json(taken.count()));
  const bool complete =
      total.errors == 0 && (total.sent == options.messages || options.time_limit.count() != 0);
  return complete ? 0 : 1;
}

}  // namespace sluice::load

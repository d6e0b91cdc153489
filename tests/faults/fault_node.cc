#include "tests/faults/fault_node.h"

#include "rules/policy/reader.h"

#include <algorithm>
#include <utility>

namespace sluice::faults {

using reactor::Shard;
using runtime::Task;
using std::chrono_literals::operator""s;

namespace {

constexpr size_t kJournalMail = 64;
// The drain's minute, goodbyes to next hops, and a slow disk.
constexpr auto kStopMost = 120s;

}  // namespace

struct FaultNode::Life {
  struct JournalNews {
    store::JournalEvent event = store::JournalEvent::Rotated;
    uint64_t octets = 0;
  };
  class Member;

  Life(FaultNode& owner, uint64_t seed);
  ~Life();
  Task<void> run_start(Shard& shard, Member& member);
  Task<void> run_stop(Shard& shard, Member& member);
  void start();
  void stop();

  FaultNode& node;
  std::vector<std::unique_ptr<Shard>> shards;
  std::unique_ptr<reactor::Mail<JournalNews>> news;
  std::unique_ptr<dns::HomeShards> homes;
  std::unique_ptr<pipeline::LivePolicies> policies;
  uint32_t next_listener = 1;
  std::unique_ptr<message::NodeBudget> bodies;
  runtime::SimulatedWorker worker{std::chrono::milliseconds(1)};
  std::optional<node::NodeResources> resources;
  std::vector<std::unique_ptr<Member>> members;
  runtime::TaskGroup tasks;
  size_t started = 0;
  bool start_failed = false;
  bool stopping = false;
  bool crashed = false;
  size_t stopped = 0;
  MonoTime stop_began{};
  MonoTime stop_ended{};
  size_t frames_idle = 0;  // in use right after the start
  size_t in_flight_idle = 0;
};

// As Node::Member.
class FaultNode::Life::Member final : private reactor::MailHandler<JournalNews> {
 public:
  Member(Life& life, Shard& shard) : life_(life), shard_(shard), parts_(shard, *life.resources, listener()) {
    life_.news->open(shard, *this);
  }
  node::NodeShard& parts() { return parts_; }
  Shard& shard() { return shard_; }
  void leave() { life_.news->close(shard_); }

 private:
  void on_mail(ShardId /*from*/, JournalNews heard) override {
    parts_.hear_of_journal(heard.event, heard.octets);
  }
  store::JournalOptions::Listener listener() {
    return [this](store::JournalEvent event, uint64_t octets) {
      parts_.log_journal(shard_, event);
      if (event == store::JournalEvent::TakesAgain) return;
      for (uint16_t i = 0; i < life_.news->shard_count(); ++i) {
        if (i == shard_.id().value) continue;
        (void)life_.news->post(shard_, ShardId{i}, JournalNews{event, octets});
      }
    };
  }

  Life& life_;
  Shard& shard_;
  node::NodeShard parts_;
};

FaultNode::Life::Life(FaultNode& owner, uint64_t seed) : node(owner) {
  reactor::ShardDirectory directory;
  for (uint16_t i = 0; i < owner.options_.shards; ++i) {
    shards.push_back(std::make_unique<Shard>(
        ShardId{i}, owner.world_.make_reactor(owner.options_.name, owner.options_.reactor)));
    directory.push_back(shards.back().get());
  }
  news = std::make_unique<reactor::Mail<JournalNews>>(directory, kJournalMail);
  if (shards.size() > 1) homes = std::make_unique<dns::HomeShards>(directory, seed);
  policy::Policy policy = owner.read_policy();
  std::vector<pipeline::OpenListener> listeners;
  for (const policy::Listener& each : policy.listeners())
    listeners.push_back({next_listener++, each.address});
  policies = std::make_unique<pipeline::LivePolicies>(
      shards.size(), std::make_unique<const pipeline::LivePolicy>(std::move(policy), std::move(listeners)));
  for (const auto& shard : shards) policies->attach(*shard);
  resources.emplace(
      node::NodeResources{*policies, owner.hosts_, owner.options_.dns_servers, owner.log_, worker});
  resources->homes = homes.get();
  message::BodySettings memory;
  memory.spill_directory = "/spill";
  memory.message_memory = std::min(owner.options_.message_memory, owner.options_.bodies_max);
  memory.totals.shard_memory = owner.options_.bodies_max;
  if (shards.size() > 1) bodies = std::make_unique<message::NodeBudget>(memory.totals, directory);
  resources->bodies = bodies.get();
  resources->body_settings = std::move(memory);
  resources->shards = shards.size();
  for (const auto& shard : shards) members.push_back(std::make_unique<Member>(*this, *shard));
}

FaultNode::Life::~Life() = default;

void FaultNode::Life::start() {
  for (const auto& member : members) {
    const bool spawned = tasks.spawn(member->shard(), run_start(member->shard(), *member));
    SLUICE_CHECK(spawned);
  }
}

Task<void> FaultNode::Life::run_start(Shard& shard, Member& member) {
  const Result<void> result = co_await member.parts().start(shard);
  if (!result) start_failed = true;
  ++started;
}

void FaultNode::Life::stop() {
  if (std::exchange(stopping, true)) return;
  stop_began = node.world_.now();
  for (const auto& member : members) {
    const bool spawned = tasks.spawn(member->shard(), run_stop(member->shard(), *member));
    SLUICE_CHECK(spawned);
  }
}

Task<void> FaultNode::Life::run_stop(Shard& shard, Member& member) {
  co_await member.parts().stop(shard);
  member.leave();
  ++stopped;
  stop_ended = shard.now();
}

FaultNode::FaultNode(reactor::SimWorld& world, FaultNodeOptions options, runtime::Log& log, Ledger& ledger)
    : world_(world), options_(std::move(options)), log_(log), ledger_(ledger) {}

FaultNode::~FaultNode() = default;

void FaultNode::start() {
  end_last_row();
  life_ = std::make_unique<Life>(*this, crashes_.size() + 1);
  life_->start();
  ledger_.say("{} starts", name());
}

// What engine/node/journal_end does with a real file.
void FaultNode::end_last_row() {
  std::optional<std::string> text = world_.file_content(name(), kJournalPath);
  if (text && !text->empty() && !text->ends_with('\n')) world_.put_file(name(), kJournalPath, *text + '\n');
}

bool FaultNode::has_started() const { return life_->started == life_->shards.size(); }
bool FaultNode::start_failed() const { return life_->start_failed; }

void FaultNode::stop() {
  ledger_.say("{} is told to stop", name());
  life_->stop();
}

bool FaultNode::has_stopped() const { return life_->stopped == life_->shards.size(); }

void FaultNode::crash() {
  ledger_.say("{} crashes", name());
  world_.crash(name());
  crashes_.push_back(world_.now());
  life_->crashed = true;
  life_->stop();
  unwinding_.push_back(std::move(life_));
}

bool FaultNode::crashed_since(MonoTime time) const {
  return std::ranges::any_of(crashes_, [time](MonoTime crash) { return crash >= time; });
}

void FaultNode::reopen_journals() {
  for (const auto& member : life_->members) member->parts().reopen_journal();
}

policy::Policy FaultNode::read_policy() {
  const std::string& text = options_.policies[policies_read_++ % options_.policies.size()];
  policy::ReadPolicy read = policy::read_policy(text, policies_read_, "node.example");
  for (const policy::Diagnostic& finding : read.diagnostics.sorted()) {
    if (finding.severity == policy::Severity::Error)
      ledger_.violated("policy: {}", finding.to_string("policy"));
  }
  SLUICE_CHECK(read.policy.has_value());
  return std::move(*read.policy);
}

void FaultNode::reload() {
  ledger_.say("{} takes up another policy", name());
  policy::Policy policy = read_policy();
  std::vector<pipeline::OpenListener> listeners =
      pipeline::listeners_that_stay(life_->policies->newest(), policy);
  for (pipeline::OpenListener& each : listeners)
    if (each.number == 0) each.number = life_->next_listener++;
  life_->policies->publish(
      std::make_unique<const pipeline::LivePolicy>(std::move(policy), std::move(listeners)));
}

void FaultNode::add_shards(std::vector<Shard*>& shards) const {
  const auto add = [&](const Life& life) {
    for (const auto& shard : life.shards) shards.push_back(shard.get());
  };
  if (life_) add(*life_);
  for (const auto& life : unwinding_) add(*life);
}

bool FaultNode::reap() {
  std::erase_if(unwinding_, [this](const std::unique_ptr<Life>& life) {
    const bool over = life->stopped == life->shards.size() && world_.now() >= life->stop_ended + 5s;
    if (over) bury(*life);
    return over;
  });
  return unwinding_.empty();
}

void FaultNode::bury() {
  bury(*life_);
  life_.reset();
}

void FaultNode::bury(Life& life) {
  node::ShardReport sum;
  for (const auto& member : life.members) sum.add(member->parts().report());
  if (!sum.balance.balanced())
    ledger_.violated("{}: {} recipients were named and {} ended", name(), sum.balance.named,
                     sum.balance.sum());
  const auto took = life.stop_ended - life.stop_began;
  if (took > kStopMost)
    ledger_.violated("{} took {} to stop", name(), std::chrono::duration_cast<std::chrono::seconds>(took));
  life.members.clear();
  for (const auto& shard : life.shards) life.policies->detach(*shard);
  for (const auto& shard : life.shards) {
    if (shard->reactor().in_flight() != 0)
      ledger_.violated("{} left {} sockets and operations behind", name(), shard->reactor().in_flight());
    if (shard->frame_pool().frames_in_use() != 0)
      ledger_.violated("{} left {} coroutines behind", name(), shard->frame_pool().frames_in_use());
    if (shard->timers().armed_count() != 0)
      ledger_.violated("{} left {} timers behind", name(), shard->timers().armed_count());
  }
  if (!life.crashed) {
    balance_.add(sum.balance);
    rows_dropped_ += sum.journal.rows_dropped;
    if (world_.open_files(name()) != 0)
      ledger_.violated("{} left {} files open", name(), world_.open_files(name()));
  }
  ledger_.say("{} has ended", name());
}

void FaultNode::check_idle() {
  for (const auto& member : life_->members) {
    const node::ShardReport now = member->parts().report();
    if (!now.balance.balanced())
      ledger_.violated("{}: idle, but {} recipients were named and {} ended", name(), now.balance.named,
                       now.balance.sum());
    if (now.sessions != 0) ledger_.violated("{}: idle, but {} sessions", name(), now.sessions);
    if (now.body_octets_held != 0)
      ledger_.violated("{}: idle, but {} octets of bodies are booked", name(), now.body_octets_held);
  }
  const size_t versions = life_->policies->collect();
  if (versions != 1) ledger_.violated("{}: idle, but {} versions of the policy live", name(), versions);
  if (world_.memory_out(name()) != 0)
    ledger_.violated("{}: idle, but {} octets of receive buffers are out", name(), world_.memory_out(name()));
}

}  // namespace sluice::faults

#include "io/reactor/shard_group.h"

#include "io/base/check.h"
#include "io/runtime/task_group.h"

#include <cstdio>
#include <optional>
#include <utility>

#include <pthread.h>
#include <sched.h>

namespace sluice::reactor {
namespace {

// An affinity that cannot be set (a container's rules) is no reason not to run.
void pin_thread(size_t index) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) == 0) return;
  size_t skip = index % static_cast<size_t>(CPU_COUNT(&allowed));
  for (size_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed) || skip-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof one, &one));
    return;
  }
}

void name_thread(size_t index) {
  char name[16];
  std::snprintf(name, sizeof name, "shard-%zu", index);
  pthread_setname_np(pthread_self(), name);
}

}  // namespace

struct ShardGroup::Member {
  size_t index = 0;
  std::optional<Shard> shard;
  std::optional<Error> error;
  std::string note;
  std::thread thread;
};

ShardGroup::ShardGroup(const ShardGroupOptions& options)
    : options_(options),
      made_(static_cast<std::ptrdiff_t>(options.shards)),
      left_(static_cast<std::ptrdiff_t>(options.shards)),
      unstopped_(options.shards) {}

Result<std::unique_ptr<ShardGroup>> ShardGroup::create(const ShardGroupOptions& options) {
  SLUICE_CHECK(options.shards > 0 && options.shards <= UINT16_MAX);
  std::unique_ptr<ShardGroup> group(new ShardGroup(options));
  for (size_t i = 0; i < options.shards; ++i) {
    Member& member = *group->members_.emplace_back(std::make_unique<Member>());
    member.index = i;
    member.thread = std::thread([raw = group.get(), &member] { raw->thread_main(member); });
  }
  group->made_.wait();
  for (const auto& member : group->members_) {
    if (member->error) return std::unexpected(*member->error);
    group->directory_.push_back(&*member->shard);
  }
  group->capabilities_ = group->members_.front()->shard->reactor().capabilities();
  group->backend_note_ = group->members_.front()->note;
  return group;
}

ShardGroup::~ShardGroup() {
  request_stop();
  wait();
}

void ShardGroup::start(ShardProgram& program) {
  SLUICE_CHECK(program_ == nullptr && !waited_);
  program_ = &program;
  go_.count_down();
}

void ShardGroup::request_stop() noexcept {
  if (stop_requested_.exchange(true, std::memory_order_acq_rel)) return;
  for (Shard* shard : directory_) shard->ring();
  rung_.count_down();
}

void ShardGroup::wait() {
  if (std::exchange(waited_, true)) return;
  if (program_ == nullptr) go_.count_down();
  waited_for_.count_down();
  for (const auto& member : members_) member->thread.join();
  directory_.clear();
}

// The Shard lives and dies on this thread, since an io_uring belongs to the thread that made it.
void ShardGroup::thread_main(Member& member) {
  name_thread(member.index);
  if (options_.pin) pin_thread(member.index);
  auto backend = make_backend(options_.backend);
  if (backend) {
    member.note = std::move(backend->note);
    member.shard.emplace(ShardId{static_cast<uint16_t>(member.index)}, std::move(backend->reactor));
  } else {
    member.error = std::move(backend.error());
  }
  made_.count_down();
  go_.wait();
  if (member.shard && program_ != nullptr) serve(*member.shard);
  left_.arrive_and_wait();
  if (program_ != nullptr) rung_.wait();
  waited_for_.wait();
  member.shard.reset();
}

void ShardGroup::serve(Shard& shard) {
  runtime::TaskGroup tasks;
  SLUICE_CHECK(tasks.spawn(shard, program_->run(shard)));
  bool stopping = false;
  bool stopped = false;
  while (!stopped || unstopped_.load(std::memory_order_acquire) != 0) {
    shard.turn(kNever);
    if (!stopping && stop_requested_.load(std::memory_order_acquire)) {
      stopping = true;
      SLUICE_CHECK(tasks.spawn(shard, program_->stop(shard)));
    }
    if (stopping && !stopped && tasks.size() == 0) {
      stopped = true;
      if (unstopped_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        for (Shard* other : directory_) other->ring();
    }
  }
  const MonoTime until = shard.now() + kStopWait;
  while (shard.reactor().in_flight() != 0) {
    SLUICE_CHECK(shard.now() < until);
    shard.turn(until);
  }
}

}  // namespace sluice::reactor

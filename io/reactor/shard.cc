#include "io/reactor/shard.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice::reactor {
namespace {

constexpr std::chrono::seconds kTrimInterval{1};
constexpr std::chrono::milliseconds kTrimStep{2};

}  // namespace

Shard::Shard(ShardId id, std::unique_ptr<Reactor> reactor)
    : Scheduler(reactor->now()),
      id_(id),
      reactor_(std::move(reactor)),
      random_(reactor_->random_seed()),
      wall_now_(reactor_->wall_now()) {}

Shard::~Shard() { wait_for_resumers(); }

void Shard::enlist(TurnHook& hook) {
  if (std::exchange(hook.enlisted_, true)) return;
  hooks_.push_back(&hook);
}

void Shard::dismiss(TurnHook& hook) {
  if (!std::exchange(hook.enlisted_, false)) return;
  std::ranges::replace(hooks_, &hook, static_cast<TurnHook*>(nullptr));
  std::ranges::replace(hooks_running_, &hook, static_cast<TurnHook*>(nullptr));
}

void Shard::ring_at_turn_end(Shard& other) {
  if (std::ranges::find(to_ring_, &other) == to_ring_.end()) to_ring_.push_back(&other);
}

void Shard::turn(MonoTime latest) {
  const bool busy = !run_queue().empty() || !hooks_.empty() || !to_ring_.empty();
  reactor_->poll(busy ? now() : std::min(latest, timers().next_wakeup()));
  wall_now_ = reactor_->wall_now();
  Scheduler::turn(reactor_->now());
  std::swap(hooks_, hooks_running_);
  for (size_t i = 0; i < hooks_running_.size(); ++i) {
    TurnHook* hook = hooks_running_[i];
    if (hook == nullptr) continue;
    hook->enlisted_ = false;
    hook->on_turn_end();
  }
  hooks_running_.clear();
  for (Shard* other : to_ring_) other->ring();
  to_ring_.clear();
  trimmer_.watch();
}

void Shard::Trimmer::watch() {
  if (armed() || !(shard_.reactor_->worth_trimming() || shard_.frame_pool().worth_trimming())) return;
  shard_.timers().arm(*this, shard_.now() + kTrimInterval);
}

void Shard::Trimmer::on_timer() {
  if (!under_way_) {
    shard_.reactor_->begin_trim();
    shard_.frame_pool().begin_trim();
  }
  const bool more_buffers = shard_.reactor_->trim_some();
  const bool more_frames = shard_.frame_pool().trim_some();
  under_way_ = more_buffers || more_frames;
  if (under_way_) shard_.timers().arm(*this, shard_.now() + kTrimStep);  // else watch() sees to it
}

void Shard::run() {
  while (!stopping_) turn(kNever);
}

}  // namespace sluice::reactor

// Shard: one thread's share of the node, as a value that is handed down: a reactor, timers, frames, what is
// ready to run, and a way to reach the other shards. It knows nothing of what runs on it.
//
// A turn of the loop: poll (submit all, collect all) -> collect post -> fire timers -> run what is ready ->
// end-of-turn hooks (streams write what was said during the turn, once) -> ring the shards that were posted
// to. Only the shard's own thread touches it, but for ring() and resume_remote().
#pragma once

#include "io/base/ids.h"
#include "io/base/random.h"
#include "io/reactor/reactor.h"
#include "io/runtime/scheduler.h"
#include "io/runtime/timer_wheel.h"

#include <memory>
#include <vector>

namespace sluice::reactor {

class Shard;

// Called at the end of the turn in which it was enlisted, once per enlisting. Intrusive, so that enlisting is
// free.
class TurnHook {
 public:
  bool enlisted() const { return enlisted_; }

 protected:
  TurnHook() = default;
  TurnHook(const TurnHook&) = delete;
  TurnHook& operator=(const TurnHook&) = delete;
  ~TurnHook() = default;  // must not be enlisted any more: Shard::dismiss()

 private:
  friend class Shard;
  virtual void on_turn_end() = 0;
  bool enlisted_ = false;
};

class Shard final : public runtime::Scheduler {
 public:
  Shard(ShardId id, std::unique_ptr<Reactor> reactor);
  ~Shard() override;

  ShardId id() const { return id_; }
  Reactor& reactor() { return *reactor_; }
  Random& random() { return random_; }
  WallTime wall_now() const { return wall_now_; }  // of the turn

  void enlist(TurnHook& hook);
  void dismiss(TurnHook& hook);  // if it is enlisted

  // The other shard is rung once at the end of this turn, however often it is asked for: Mail uses it.
  void ring_at_turn_end(Shard& other);

  // One turn; waits at most until `latest` when there is nothing to do.
  void turn(MonoTime latest);
  // Turns until stop() was asked for.
  void run();
  void stop() { stopping_ = true; }

 private:
  // Gives back each second half of what the pools hold beyond what the last second needed, in small steps,
  // until that is little: a shard that is idle is not woken for it.
  class Trimmer final : public runtime::Timer {
   public:
    explicit Trimmer(Shard& shard) : shard_(shard) {}
    void watch();

   private:
    void on_timer() override;
    Shard& shard_;
    bool under_way_ = false;
  };

  void wake_up() noexcept override { reactor_->wake(); }

  ShardId id_;
  std::unique_ptr<Reactor> reactor_;
  Trimmer trimmer_{*this};
  Random random_;
  WallTime wall_now_;
  std::vector<TurnHook*> hooks_;
  std::vector<TurnHook*> hooks_running_;
  std::vector<Shard*> to_ring_;
  bool stopping_ = false;
};

}  // namespace sluice::reactor

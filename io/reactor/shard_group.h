// ShardGroup: the threads of a node, one shard each, pinned to a core each, from start to drained.
//
//   1. create()        makes every thread; each makes its reactor and Shard; nothing runs yet. Whoever needs
//                      the whole directory (Mail, Published, PerShard) is built now.
//   2. start(program)  each shard runs program.run(shard) as a coroutine and turns until it may leave.
//   3. request_stop()  any thread, any number of times: each shard runs program.stop(shard). A shard whose
//                      stop has ended goes on turning, since others may still need its answers, until all
//                      have.
//   4. wait()          joins. After that the shards are gone; what was PerShard has been reset by stop().
//   Until it is
//                      called the shards can be rung (Published, Reports), also those that have ended.
//
// program.run() may end early or only when told; stop() tells it and may await it. A shard leaves its loop
// when run and stop have both ended and its reactor has nothing in flight; a socket that stop() forgot is a
// defect (CHECK, after kStopWait).
#pragma once

#include "io/base/result.h"
#include "io/reactor/backend.h"
#include "io/reactor/mail.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"

#include <atomic>
#include <cstddef>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sluice::reactor {

struct ShardGroupOptions {
  size_t shards = 1;
  bool pin = true;  // shard i to the i-th of the processors that this process may use, in a circle
  BackendOptions backend{};
};

// What runs on the shards. Called on each shard's thread; outlives the group.
class ShardProgram {
 public:
  virtual runtime::Task<void> run(Shard& shard) = 0;
  virtual runtime::Task<void> stop(Shard& shard) = 0;

 protected:
  ~ShardProgram() = default;
};

class ShardGroup {
 public:
  static constexpr std::chrono::seconds kStopWait{10};  // for what is in flight when every stop has ended

  [[nodiscard]] static Result<std::unique_ptr<ShardGroup>> create(const ShardGroupOptions& options);
  ~ShardGroup();  // stops and waits, if that has not been done
  ShardGroup(const ShardGroup&) = delete;
  ShardGroup& operator=(const ShardGroup&) = delete;

  size_t size() const { return members_.size(); }
  // Valid from create() until wait() returns.
  const ShardDirectory& directory() const { return directory_; }
  const Capabilities& capabilities() const { return capabilities_; }
  const std::string& backend_note() const { return backend_note_; }  // see Backend::note

  void start(ShardProgram& program);
  void request_stop() noexcept;
  void wait();

 private:
  struct Member;
  explicit ShardGroup(const ShardGroupOptions& options);
  void thread_main(Member& member);
  void serve(Shard& shard);

  const ShardGroupOptions options_;
  std::vector<std::unique_ptr<Member>> members_;
  ShardDirectory directory_;
  Capabilities capabilities_;
  std::string backend_note_;
  ShardProgram* program_ = nullptr;  // null after go_: the group was given up before it was started
  std::latch made_;                  // every thread has its shard, or the reason why not
  std::latch go_{1};
  std::latch left_;           // every shard has left its loop: none rings another any more
  std::latch rung_{1};        // neither does who asked for the stop
  std::latch waited_for_{1};  // nor who waits for it
  std::atomic<bool> stop_requested_{false};
  std::atomic<size_t> unstopped_;  // shards whose stop has not ended
  bool waited_ = false;
};

}  // namespace sluice::reactor

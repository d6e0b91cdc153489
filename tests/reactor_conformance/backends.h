// The back ends under test, and one of them at work: a reactor with the means to turn it until something has
// happened. The simulated one lives in a world of its own and moves its time by itself.
#pragma once

#include "io/reactor/buffer_pool.h"
#include "io/reactor/reactor.h"
#include "io/reactor/sim_world.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice::reactor {

class Rig {
 public:
  Rig(std::unique_ptr<SimWorld> world, std::unique_ptr<Reactor> reactor);
  ~Rig();  // removes the scratch folder
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  Reactor& reactor() { return *reactor_; }
  SimWorld* world() { return world_.get(); }  // null: a real kernel
  // Polls until the condition holds; false when it does not within a generous time.
  [[nodiscard]] bool until(const std::function<bool()>& condition);
  // Polls for so long, whatever happens.
  void pass(std::chrono::milliseconds time);
  // A path in a folder of this rig's own.
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::unique_ptr<SimWorld> world_;
  std::unique_ptr<Reactor> reactor_;
  std::string folder_;
};

struct BackendUnderTest {
  std::string name;
  // Null: this machine refuses it, and why.
  std::function<std::unique_ptr<Rig>(const BufferPoolOptions& buffers, std::string& refused)> make;
};

// In the order of the issue: uring61, uringAll, epoll, sim, and a simulator that splits and delays much.
std::vector<BackendUnderTest> backends_under_test();

}  // namespace sluice::reactor

#include "tests/reactor_conformance/backends.h"

#include "io/reactor/epoll_reactor.h"
#include "io/reactor/uring_reactor.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kSimSeed = 20260101;

std::unique_ptr<Rig> rig_of(Result<std::unique_ptr<Reactor>> made, std::string& refused) {
  if (made) return std::make_unique<Rig>(nullptr, std::move(*made));
  refused = made.error().to_string();
  return nullptr;
}

std::unique_ptr<Rig> make_uring(const BufferPoolOptions& buffers, bool mask, std::string& refused) {
  UringOptions options;
  options.mask_newer_than_6_1 = mask;
  options.buffers = buffers;
  return rig_of(make_uring_reactor(options), refused);
}

std::unique_ptr<Rig> make_sim(const BufferPoolOptions& buffers, const SimFaults& faults) {
  SimReactorOptions options;
  options.advance_in_poll = true;
  options.receive_memory_max = buffers.max_octets;
  auto world = std::make_unique<SimWorld>(kSimSeed);
  world->set_faults(faults);
  auto reactor = world->make_reactor("node", options);
  return std::make_unique<Rig>(std::move(world), std::move(reactor));
}

SimFaults rough() {
  SimFaults faults;
  faults.latency_max = 20ms;
  faults.segment_max = 1000;
  faults.tiny_segment = 0.5;
  faults.stall = 0.01;
  faults.stall_max = 100ms;
  return faults;
}

}  // namespace

Rig::Rig(std::unique_ptr<SimWorld> world, std::unique_ptr<Reactor> reactor)
    : world_(std::move(world)), reactor_(std::move(reactor)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sluice-conformance-XXXXXX").string();
  folder_ = world_ == nullptr ? mkdtemp(pattern.data()) : "/scratch";
}

Rig::~Rig() {
  std::error_code ignored;
  if (world_ == nullptr) std::filesystem::remove_all(folder_, ignored);
}

bool Rig::until(const std::function<bool()>& condition) {
  const MonoTime deadline = reactor_->now() + (world_ == nullptr ? 20s : 3600s);
  while (!condition()) {
    if (reactor_->now() >= deadline) return false;
    reactor_->poll(std::min(deadline, reactor_->now() + 50ms));
  }
  return true;
}

void Rig::pass(std::chrono::milliseconds time) {
  const MonoTime end = reactor_->now() + time;
  while (reactor_->now() < end) reactor_->poll(end);
}

std::vector<BackendUnderTest> backends_under_test() {
  return {
      {"uring61",
       [](const BufferPoolOptions& b, std::string& refused) { return make_uring(b, true, refused); }},
      {"uringAll",
       [](const BufferPoolOptions& b, std::string& refused) { return make_uring(b, false, refused); }},
      {"epoll", [](const BufferPoolOptions& b,
                   std::string& refused) { return rig_of(make_epoll_reactor({b}), refused); }},
      {"sim", [](const BufferPoolOptions& b, std::string&) { return make_sim(b, {}); }},
      {"roughSim", [](const BufferPoolOptions& b, std::string&) { return make_sim(b, rough()); }},
  };
}

}  // namespace sluice::reactor

// The fixture: one back end, turned by the test, which must have nothing in flight at the test's end.
#pragma once

#include "tests/reactor_conformance/backends.h"
#include "tests/reactor_conformance/recorders.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::reactor {

class Conformance : public testing::TestWithParam<BackendUnderTest> {
 protected:
  void SetUp() override { make_rig({}); }
  void TearDown() override {
    if (rig_ == nullptr) return;
    EXPECT_TRUE(until([&] { return reactor().in_flight() == 0; }))
        << reactor().in_flight() << " still in flight";
  }

  void make_rig(const BufferPoolOptions& buffers) {
    rig_ = nullptr;
    std::string refused;
    rig_ = GetParam().make(buffers, refused);
    if (rig_ == nullptr) GTEST_SKIP() << "refused on this machine: " << refused;
  }
  Reactor& reactor() { return rig_->reactor(); }
  Rig& rig() { return *rig_; }
  bool simulated() { return rig_->world() != nullptr; }
  [[nodiscard]] bool until(const std::function<bool()>& condition) { return rig_->until(condition); }

  static Endpoint loopback_v4(uint16_t port = 0) { return {*IpAddress::parse("127.0.0.1"), port}; }
  static Endpoint loopback_v6(uint16_t port = 0) { return {*IpAddress::parse("::1"), port}; }

  // Octets that tell where in the stream they stand.
  static std::string pattern(size_t size) {
    std::string octets(size, '\0');
    for (size_t i = 0; i < size; ++i) octets[i] = static_cast<char>('!' + (i * 31 + i / 251) % 90);
    return octets;
  }

 private:
  std::unique_ptr<Rig> rig_;
};

// A listener with one stream connected to it.
struct Pair {
  explicit Pair(Reactor& reactor) : listener(reactor), client(reactor) {}
  RecordedListener listener;
  RecordedStream client;
  RecordedStream& server() { return *listener.streams.at(0); }
  void close() {
    if (!client.closed) client.close();
    if (!listener.streams.empty() && !server().closed) server().close();
    listener.close();
  }
  bool closed() { return client.closed && listener.closed && (listener.streams.empty() || server().closed); }
};

class StreamConformance : public Conformance {
 protected:
  void connect(Pair& pair, const Endpoint& address) {
    pair.listener.listen(address);
    pair.client.connect(pair.listener.address());
    ASSERT_TRUE(until([&] { return pair.client.connected && pair.listener.streams.size() == 1; }));
    ASSERT_EQ(*pair.client.connected, 0);
  }
  void connect(Pair& pair) { connect(pair, loopback_v4()); }
  void close(Pair& pair) {
    pair.close();
    EXPECT_TRUE(until([&] { return pair.closed(); }));
  }
};

inline std::string backend_of(const testing::TestParamInfo<BackendUnderTest>& info) {
  return info.param.name;
}

}  // namespace sluice::reactor

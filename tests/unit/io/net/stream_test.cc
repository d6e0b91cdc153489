#include "io/net/stream.h"

#include "tests/unit/io/net/sim_pair.h"

#include <cerrno>

namespace sluice::net {
namespace {

using test::Keeper;
using test::SimPair;
using test::sleep;
using namespace std::chrono_literals;
using runtime::Task;

// Both ends of a connection in one place: each side is a coroutine of its own shard.
class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    auto listener = Listener::open(sim_.mx, {.address = sim_.at_mx(25)}, keeper_);
    EXPECT_TRUE(listener.has_value());
    listener_ = std::move(*listener);
  }
  ~StreamTest() override {
    sim_.start(sim_.mx, close_listener(sim_.mx));
    EXPECT_TRUE(sim_.finish());
  }
  Task<void> close_listener(Shard& shard) { co_await listener_->close(shard); }
  Task<void> pair_up(Shard& shard) {
    const Endpoint remote = sim_.at_mx(25);
    auto connected = co_await Stream::connect(shard, remote, kNever);
    EXPECT_TRUE(connected.has_value());
    if (connected) near_ = std::move(*connected);
  }
  Task<void> take_far(Shard& shard) { far_ = co_await keeper_.next(shard); }
  void connect() {
    sim_.start(sim_.client, pair_up(sim_.client));
    sim_.start(sim_.mx, take_far(sim_.mx));
    ASSERT_TRUE(sim_.finish());
  }

  SimPair sim_;
  Keeper keeper_;
  std::unique_ptr<Listener> listener_;
  StreamPtr near_;  // the client's end
  StreamPtr far_;
};

Task<void> read_all(Shard& shard, Stream& stream, MonoTime deadline, std::string& text, Received& last) {
  for (;;) {
    last = co_await stream.receive(shard, deadline);
    if (last.event != StreamEvent::Data) co_return;
    text += last.chunk.view();
  }
}

Task<void> write_and_close(Shard& shard, Stream& stream, std::string text) {
  stream.write(text);
  co_await stream.close(shard, CloseMode::Graceful);
}

TEST_F(StreamTest, CarriesOctetsInOrderAndThenTheEnd) {
  connect();
  std::string sent;
  for (int i = 0; i < 20000; ++i) sent += std::to_string(i) + "\r\n";
  std::string got;
  Received last;
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, last));
  sim_.start(sim_.client, write_and_close(sim_.client, *near_, sent));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(got, sent);
  EXPECT_EQ(last.event, StreamEvent::End);
}

Task<void> write_singly(Shard& shard, Stream& stream, int count) {
  for (int i = 0; i < count; ++i) {
    stream.write("x");
    co_await sleep(shard, 10ms);
  }
}

Task<void> take_one(Shard& shard, Stream& stream, Received& got) {
  got = co_await stream.receive(shard, kNever);
}

// A buffer of the pool holds 4096 octets here; single octets that wait must not keep one each.
TEST_F(StreamTest, OctetsThatWaitAreGatheredInsteadOfPinningTheirBuffers) {
  connect();
  sim_.start(sim_.client, write_singly(sim_.client, *near_, 300));
  ASSERT_TRUE(sim_.finish());
  sim_.run_for(1s);
  Received got;
  sim_.start(sim_.mx, take_one(sim_.mx, *far_, got));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(got.chunk.size(), 300U);
  EXPECT_LE(got.chunk.capacity(), 1024U);
}

TEST_F(StreamTest, SendsTextChunksAndBorrowedOctetsInTheOrderOfWriting) {
  connect();
  const std::string borrowed = "-borrowed-";
  near_->write("one");
  near_->write("two");
  near_->write(Chunk::copy_of("-chunk-"));
  near_->write("three");
  near_->write_borrowed(borrowed);
  near_->write("four");
  std::string got;
  Received last;
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, last));
  sim_.start(sim_.client, write_and_close(sim_.client, *near_, "!"));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(got, "onetwo-chunk-three-borrowed-four!");
}

TEST_F(StreamTest, SendsMoreSlicesThanOneSendTakes) {
  connect();
  const std::string octets(3 * limits::kStreamSlices, 'x');
  std::string sent;
  for (size_t i = 0; i + 2 < octets.size(); i += 3) {
    near_->write_borrowed(std::string_view(octets).substr(i, 2));
    near_->write_borrowed(std::string_view(octets).substr(i + 2, 1));
    sent += "xxx";
  }
  std::string got;
  Received last;
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, last));
  sim_.start(sim_.client, write_and_close(sim_.client, *near_, ""));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(got, sent);
}

TEST_F(StreamTest, TimesOutAndCanBeReadAfterwards) {
  connect();
  std::string got;
  Received last;
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, sim_.world.now() + 5s, got, last));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(last.event, StreamEvent::Timeout);
  near_->write("late");
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, sim_.world.now() + 5s, got, last));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(got, "late");
}

TEST_F(StreamTest, InterruptWakesTheReaderAndIsRememberedWithoutOne) {
  connect();
  std::string got;
  Received last;
  far_->interrupt();
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, last));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(last.event, StreamEvent::Interrupted);
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, last));
  sim_.run_for(1s);
  last.event = StreamEvent::Data;
  far_->interrupt();
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(last.event, StreamEvent::Interrupted);
}

TEST_F(StreamTest, HeldStreamTakesNothingUntilItGoesOn) {
  connect();
  far_->hold();
  const std::string much(limits::kStreamInput, 'm');
  sim_.start(sim_.client, write_and_close(sim_.client, *near_, much));
  sim_.run_for(10s);
  EXPECT_GT(near_->unsent(), 0U) << "the peer feels it";
  EXPECT_FALSE(far_->has_input());
  far_->go_on();
  std::string text;
  Received last;
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, text, last));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(text.size(), much.size());
  EXPECT_EQ(last.event, StreamEvent::End);
}

TEST_F(StreamTest, StopsTakingOctetsThatNobodyReads) {
  connect();
  const std::string much(4 * limits::kStreamInput, 'm');
  near_->write(much);
  sim_.run_for(10s);
  EXPECT_GT(near_->unsent(), 0U);  // the far side's queue and the buffers in between are full
  std::string got;
  Received last;
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, last));
  sim_.start(sim_.client, write_and_close(sim_.client, *near_, "."));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(got.size(), much.size() + 1);
}

TEST_F(StreamTest, BreaksOffWhenThePeerDoesNotTakeOctets) {
  connect();
  near_->set_write_wait(60s);
  near_->write(std::string(4 * limits::kStreamInput, 'm'));
  std::string got;
  Received last;
  const MonoTime begin = sim_.world.now();
  sim_.start(sim_.client, read_all(sim_.client, *near_, kNever, got, last));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(last.event, StreamEvent::Error);
  EXPECT_EQ(last.error, ETIMEDOUT);
  EXPECT_GE(sim_.world.now() - begin, 60s);
  EXPECT_LT(sim_.world.now() - begin, 62s);
  EXPECT_TRUE(near_->broken());
  EXPECT_FALSE(near_->all_sent());
}

TEST_F(StreamTest, AbortShowsAsErrorOnBothSides) {
  connect();
  std::string got;
  Received near_last;
  Received far_last;
  sim_.start(sim_.client, read_all(sim_.client, *near_, kNever, got, near_last));
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, far_last));
  sim_.run_for(1s);
  near_->abort();
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(near_last.event, StreamEvent::Error);
  EXPECT_EQ(near_last.error, ECANCELED);
  EXPECT_EQ(far_last.event, StreamEvent::Error);
}

TEST_F(StreamTest, DroppingItEndsTheConnection) {
  connect();
  near_->write("never flushed");
  near_.reset();
  std::string got;
  Received last;
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, last));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(last.event, StreamEvent::Error);
}

Task<void> flush_to(Shard& shard, Stream& stream, MonoTime deadline, bool& result) {
  result = co_await stream.flush(shard, deadline);
}

TEST_F(StreamTest, FlushIsTrueWhenAllWasTakenAndFalseAtItsDeadline) {
  connect();
  bool flushed = false;
  near_->write("small");
  sim_.start(sim_.client, flush_to(sim_.client, *near_, kNever, flushed));
  ASSERT_TRUE(sim_.finish());
  EXPECT_TRUE(flushed);
  EXPECT_TRUE(near_->all_sent());
  near_->write(std::string(4 * limits::kStreamInput, 'm'));
  sim_.start(sim_.client, flush_to(sim_.client, *near_, sim_.world.now() + 3s, flushed));
  ASSERT_TRUE(sim_.finish());
  EXPECT_FALSE(flushed);
}

Task<void> finish_to(Shard& shard, Stream& stream, MonoTime deadline) {
  co_await stream.finish(shard, deadline);
}

TEST_F(StreamTest, FinishLetsATalkingPeerReadTheLastWords) {
  connect();
  far_->write("I am talking");
  sim_.run_for(1s);
  near_->write("goodbye");
  std::string got;
  Received last;
  sim_.start(sim_.client, finish_to(sim_.client, *near_, sim_.world.now() + 2s));
  sim_.start(sim_.mx, read_all(sim_.mx, *far_, kNever, got, last));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(got, "goodbye");
}

Task<void> connect_to(Shard& shard, Endpoint remote, MonoTime deadline, int& error) {
  auto connected = co_await Stream::connect(shard, remote, deadline);
  error = connected ? 0 : connected.error();
}

TEST_F(StreamTest, ConnectSaysWhyItFailed) {
  int error = 0;
  sim_.start(sim_.client, connect_to(sim_.client, sim_.at_mx(26), kNever, error));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(error, ECONNREFUSED);
}

TEST_F(StreamTest, ConnectTimesOutWhereNobodyAnswers) {
  sim_.world.set_faults({.blackhole = true});
  int error = 0;
  const MonoTime begin = sim_.world.now();
  sim_.start(sim_.client, connect_to(sim_.client, sim_.at_mx(25), begin + 30s, error));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(error, ETIMEDOUT);
  EXPECT_LT(sim_.world.now() - begin, 31s);
  sim_.world.clear_faults();
}

Task<void> connect_with(Shard& shard, Endpoint remote, StreamStop& stop, int& error) {
  auto connected = co_await Stream::connect(shard, remote, kNever, &stop);
  error = connected ? 0 : connected.error();
}

TEST_F(StreamTest, ConnectCanBeStopped) {
  sim_.world.set_faults({.blackhole = true});
  StreamStop stop;
  int error = 0;
  const MonoTime begin = sim_.world.now();
  sim_.start(sim_.client, connect_with(sim_.client, sim_.at_mx(25), stop, error));
  sim_.run_for(5s);
  EXPECT_EQ(error, 0);
  stop.stop();
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(error, ECANCELED);
  // And so is every later one.
  error = 0;
  sim_.start(sim_.client, connect_with(sim_.client, sim_.at_mx(25), stop, error));
  ASSERT_TRUE(sim_.finish());
  EXPECT_EQ(error, ECANCELED);
  EXPECT_LT(sim_.world.now() - begin, 6s);
  sim_.world.clear_faults();
}

Task<void> close_by_abort(Shard& shard, Stream& stream) { co_await stream.close(shard, CloseMode::Abort); }

TEST_F(StreamTest, AnAbortedSendIsNotSentUnlessTheKernelTookAll) {
  connect();
  near_->write(std::string(4 * limits::kStreamInput, 'm'));
  far_->write("short");
  sim_.run_for(1s);
  sim_.start(sim_.client, close_by_abort(sim_.client, *near_));
  sim_.start(sim_.mx, close_by_abort(sim_.mx, *far_));
  ASSERT_TRUE(sim_.finish());
  EXPECT_FALSE(near_->all_sent());
  EXPECT_TRUE(far_->all_sent());
}

TEST_F(StreamTest, KnowsBothEndpoints) {
  connect();
  EXPECT_EQ(near_->peer(), sim_.at_mx(25));
  EXPECT_EQ(far_->local(), sim_.at_mx(25));
  EXPECT_EQ(far_->peer(), near_->local());
}

}  // namespace
}  // namespace sluice::net

// A message's octets in memory and on a simulated disk.
#include "engine/message/body.h"

#include "io/base/random.h"
#include "io/reactor/sim_world.h"
#include "io/runtime/task_group.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::message {
namespace {

using runtime::Task;
using namespace std::chrono_literals;

class BodyOnDisk : public ::testing::Test {
 protected:
  BodyOnDisk() : shard_(ShardId{0}, world_.make_reactor("node")), shards_{&shard_} {}
  ~BodyOnDisk() override {
    body_.reset();
    if (!store_) return;
    run(stop_store(shard_));
    EXPECT_EQ(store_->budget().memory().used(), 0U);
    EXPECT_EQ(store_->budget().disk().used(), 0U);
    EXPECT_EQ(world_.open_files("node"), 0U);
  }
  void open(BodySettings settings) {
    settings.spill_directory = "/spill";
    store_.emplace(shard_, std::move(settings), nullptr);
    body_.emplace(*store_);
  }
  void run(Task<void> task) {
    EXPECT_TRUE(group_.spawn(shard_, std::move(task)));
    EXPECT_TRUE(world_.run_until(shards_, [&] { return group_.size() == 0; }, world_.now() + 1h));
  }
  // Appends as the pipeline does.
  Room add(std::string_view octets) {
    body_->append(Chunk::copy_of(octets));
    all_ += octets;
    Room room = Room::Made;
    if (body_->crowded()) run(make_room(shard_, room));
    return room;
  }
  std::string read_from(uint64_t offset) {
    std::string text;
    run(read_all(shard_, offset, text));
    return text;
  }
  Result<void> started() {
    Result<void> result;
    run(start_store(shard_, result));
    return result;
  }
  Task<void> make_room(Shard& shard, Room& room) { room = co_await body_->make_room(shard); }
  Task<void> start_store(Shard& shard, Result<void>& result) { result = co_await store_->start(shard); }
  Task<void> stop_store(Shard& shard) { co_await store_->stop(shard); }
  Task<void> read_all(Shard& shard, uint64_t offset, std::string& text) {
    while (offset < body_->spilled_octets()) {
      std::expected<Chunk, int> read = co_await body_->read(shard, offset);
      if (!read) {
        error_ = read.error();
        co_return;
      }
      text += read->view();
      offset += read->size();
    }
    std::pmr::vector<std::string_view> rest;
    body_->views_from(offset, rest);
    for (const std::string_view piece : rest) text += piece;
  }
  void disk(const reactor::SimDiskFaults& faults) { world_.set_disk_faults("node", faults); }

  reactor::SimWorld world_{11};
  Shard shard_;
  std::vector<Shard*> shards_;
  std::optional<BodyStore> store_;
  std::optional<Body> body_;
  runtime::TaskGroup group_;
  std::string all_;
  int error_ = 0;
};

std::string random_octets(Random& random, size_t size) {
  std::string octets;
  for (octets.reserve(size + 8); octets.size() < size;) {
    const uint64_t word = random();
    octets.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  octets.resize(size);
  return octets;
}

TEST_F(BodyOnDisk, WhatIsReadBackIsWhatWasWritten) {
  open({.message_memory = 100'000});
  Random random(5);
  while (all_.size() < 2'000'000) ASSERT_EQ(add(random_octets(random, 1 + random.below(40'000))), Room::Made);
  EXPECT_LE(body_->held_octets(), 140'000U);
  EXPECT_GT(body_->spilled_octets(), 1'800'000U);
  EXPECT_EQ(body_->wire_octets(), all_.size());
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{777'777}, body_->spilled_octets()}) {
    EXPECT_TRUE(read_from(offset) == all_.substr(offset)) << offset;
  }
  EXPECT_EQ(store_->counters().spilled_messages, 1U);
}

TEST_F(BodyOnDisk, NothingIsWrittenOutBelowTheLimit) {
  open({.message_memory = 100'000});
  EXPECT_EQ(add(std::string(100'000, 'x')), Room::Made);
  EXPECT_EQ(body_->spilled_octets(), 0U);
  EXPECT_EQ(world_.open_files("node"), 0U);
  EXPECT_EQ(add("x"), Room::Made);
  EXPECT_EQ(body_->spilled_octets(), 100'001U);
}

TEST_F(BodyOnDisk, AFullDiskIsNoDiskAndGivesTheRoomBack) {
  open({.message_memory = 100'000});
  reactor::SimDiskFaults faults;
  faults.capacity = 250'000;
  disk(faults);
  EXPECT_EQ(add(std::string(200'000, 'x')), Room::Made);
  EXPECT_EQ(add(std::string(200'000, 'x')), Room::NoDisk);
  EXPECT_EQ(store_->counters().spill_failures, 1U);
  body_->clear();
  run(stop_store(shard_));
  EXPECT_EQ(store_->budget().disk().used(), 0U);
}

TEST_F(BodyOnDisk, AReadThatFailsSaysSo) {
  open({.message_memory = 100'000});
  EXPECT_EQ(add(std::string(200'000, 'x')), Room::Made);
  reactor::SimDiskFaults faults;
  faults.read_error = 1;
  disk(faults);
  EXPECT_EQ(read_from(0), "");
  EXPECT_EQ(error_, EIO);
  EXPECT_EQ(store_->counters().read_failures, 1U);
}

TEST_F(BodyOnDisk, WithoutRoomOnTheDiskItStaysInMemoryWhileThatLasts) {
  open({.message_memory = 100'000,
        .totals = {.memory = 1'000'000, .shard_memory = 1'000'000, .disk = 150'000}});
  EXPECT_EQ(add(std::string(120'000, 'a')), Room::Made);
  EXPECT_EQ(body_->spilled_octets(), 120'000U);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(add(std::string(100'000, 'b')), Room::Made) << i;
  EXPECT_EQ(body_->spilled_octets(), 120'000U);
  EXPECT_LE(store_->counters().disk_full, 9U);
  EXPECT_EQ(add(std::string(150'000, 'c')), Room::NoMemory);
  EXPECT_EQ(store_->counters().memory_refusals, 1U);
  EXPECT_TRUE(read_from(100'000) == all_.substr(100'000));
}

TEST_F(BodyOnDisk, StartSaysWhichDirectoryCannotBeUsed) {
  open({});
  EXPECT_TRUE(started().has_value());
  reactor::SimDiskFaults faults;
  faults.open_error = 1;
  disk(faults);
  const Result<void> refused = started();
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().to_string().find("memory.spill_directory: cannot make a file in /spill"),
            std::string::npos)
      << refused.error().to_string();
}

TEST_F(BodyOnDisk, WhereFilesNeedANameTheyLoseItAtOnce) {
  open({.message_memory = 100'000});
  reactor::SimDiskFaults faults;
  faults.no_unnamed_files = true;
  disk(faults);
  EXPECT_TRUE(started().has_value());
  EXPECT_EQ(add(std::string(200'000, 'x')), Room::Made);
  EXPECT_EQ(body_->spilled_octets(), 200'000U);
  EXPECT_TRUE(world_.file_names("node").empty());
  EXPECT_TRUE(read_from(0) == all_);
}

// Goal: no fault of a disk changes an octet or leaks room. Method: seeded messages on a disk that fails
// often.
TEST(BodyFaults, WhateverTheDiskDoesOctetsAreRightOrRefused) {
  size_t refused = 0;
  size_t whole = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    reactor::SimWorld world(seed);
    Shard shard(ShardId{0}, world.make_reactor("node"));
    const std::vector<Shard*> shards{&shard};
    reactor::SimDiskFaults faults;
    faults.write_error = faults.read_error = faults.open_error = 0.03;
    faults.no_unnamed_files = seed % 2 == 0;
    world.set_disk_faults("node", faults);
    BodySettings settings{.message_memory = 40'000};
    settings.spill_directory = "/spill";
    BodyStore store(shard, settings, nullptr);
    runtime::TaskGroup group;
    const auto run = [&](Task<void> task) {
      EXPECT_TRUE(group.spawn(shard, std::move(task)));
      EXPECT_TRUE(world.run_until(shards, [&] { return group.size() == 0; }, world.now() + 1h));
    };
    struct Steps {
      static Task<void> room(Shard& at, Body& body, Room& result) { result = co_await body.make_room(at); }
      static Task<void> read(Shard& at, Body& body, std::string& text, bool& failed) {
        while (text.size() < body.spilled_octets() && !failed) {
          const std::expected<Chunk, int> read = co_await body.read(at, text.size());
          failed = !read.has_value();
          if (read) text += read->view();
        }
      }
      static Task<void> stop(Shard& at, BodyStore& bodies) { co_await bodies.stop(at); }
    };
    for (int message = 0; message < 5; ++message) {
      Random random(seed * 100 + static_cast<uint64_t>(message));
      Body body(store);
      std::string all;
      Room room = Room::Made;
      while (all.size() < 150'000 && room == Room::Made) {
        const std::string octets = random_octets(random, 1 + random.below(30'000));
        body.append(Chunk::copy_of(octets));
        all += octets;
        if (body.crowded()) run(Steps::room(shard, body, room));
      }
      std::string text;
      bool failed = room != Room::Made;
      if (!failed) run(Steps::read(shard, body, text, failed));
      if (failed) {
        ++refused;
        continue;
      }
      std::pmr::vector<std::string_view> rest;
      body.views_from(body.spilled_octets(), rest);
      for (const std::string_view piece : rest) text += piece;
      EXPECT_TRUE(text == all) << "seed " << seed;
      ++whole;
    }
    run(Steps::stop(shard, store));
    EXPECT_EQ(store.budget().memory().used() + store.budget().disk().used(), 0U) << "seed " << seed;
    EXPECT_EQ(world.open_files("node"), 0U) << "seed " << seed;
  }
  EXPECT_GT(refused, 10U);
  EXPECT_GT(whole, 10U);
}

}  // namespace
}  // namespace sluice::message

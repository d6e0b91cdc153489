// Reports<T>: the way back of Published: what each shard says of itself now and then, for one reader on
// another thread (the metrics page, the health check). A shard makes a report when it is asked and whenever
// it likes; the reader has the newest of each shard. Nothing is counted twice and the message path pays
// nothing: a report is made from the shard's own plain counters, between two turns.
//
// One thread reads: ask() and newest(). Each shard calls attach() once, give() at will, and detach() with a
// last report. The Reports outlives the shards' use of it.
#pragma once

#include "io/base/check.h"
#include "io/runtime/per_shard.h"
#include "io/runtime/scheduler.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace sluice::runtime {

template <class T>
class Reports {
 public:
  class Source {
   public:
    // On the shard.
    virtual std::unique_ptr<const T> make_report() = 0;

   protected:
    ~Source() = default;
  };

  explicit Reports(size_t shards) : shards_(shards), posts_(std::make_unique<Post[]>(shards)) {}
  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;

  // --- the reader ---
  // Every shard reports at its next turn. Not while shards detach.
  void ask() {
    ++asked_;
    for (size_t i = 0; i < shards_; ++i) {
      posts_[i].asked.store(asked_, std::memory_order_release);
      if (Scheduler* shard = posts_[i].scheduler.load(std::memory_order_acquire); shard != nullptr)
        shard->ring();
    }
  }
  // Whether the shard has answered the last ask().
  bool answered(size_t shard) const {
    return posts_[shard].answered.load(std::memory_order_acquire) == asked_;
  }
  // Null before the shard's first report. Valid until the next call for that shard.
  const T* newest(size_t shard) {
    Post& post = posts_[shard];
    if (const T* fresh = post.report.exchange(nullptr, std::memory_order_acq_rel); fresh != nullptr) {
      post.read.reset(fresh);
    }
    return post.read.get();
  }
  size_t size() const { return shards_; }

  // --- a shard ---
  template <class S>
  void attach(S& shard, Source& source) {
    Post& post = post_of(shard.id());
    post.source = &source;
    shard.attach(post);
    post.scheduler.store(&shard, std::memory_order_release);
    shard.ring();
  }
  template <HasShardId S>
  void give(const S& shard, std::unique_ptr<const T> report) {
    post_of(shard.id()).give(std::move(report));
  }
  template <class S>
  void detach(S& shard) {
    Post& post = post_of(shard.id());
    post.scheduler.store(nullptr, std::memory_order_release);
    post.give(post.source->make_report());
    post.source = nullptr;
    shard.detach(post);
  }

 private:
  struct alignas(64) Post final : PostBox {
    ~Post() { give(nullptr); }
    void collect() override {
      const uint64_t question = asked.load(std::memory_order_acquire);
      if (question == answered.load(std::memory_order_relaxed)) return;
      give(source->make_report());
      answered.store(question, std::memory_order_release);
    }
    void give(std::unique_ptr<const T> fresh) {
      const std::unique_ptr<const T> unread(report.exchange(fresh.release(), std::memory_order_acq_rel));
    }
    std::atomic<uint64_t> asked{0};
    std::atomic<uint64_t> answered{0};
    std::atomic<const T*> report{nullptr};
    std::atomic<Scheduler*> scheduler{nullptr};
    Source* source = nullptr;       // the shard's
    std::unique_ptr<const T> read;  // the reader's
  };
  Post& post_of(ShardId id) {
    SLUICE_CHECK(id.value < shards_);
    return posts_[id.value];
  }

  size_t shards_;
  std::unique_ptr<Post[]> posts_;
  uint64_t asked_ = 0;
};

}  // namespace sluice::runtime

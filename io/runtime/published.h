// Published<T>: an immutable object that is replaced now and then (the policy, certificates) and read on
// every shard. The control thread owns the versions. A shard takes the newest one up between turns, pins the
// version that a transaction began with, and says when it has let go of an old one; the control thread then
// frees it.
//
// Pinning costs a plain increment. The control thread calls publish() and collect(); each shard calls
// attach() once, pin() at will, and detach() when nothing on it is pinned any more. The Published outlives
// the shards' use of it; it is destroyed after their threads have ended.
#pragma once

#include "io/base/check.h"
#include "io/runtime/per_shard.h"
#include "io/runtime/scheduler.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace sluice::runtime {

template <class T>
class Published {
  struct Share;
  struct Version;

 public:
  // Keeps one version alive. Move-only; stays on its shard.
  class Pin {
   public:
    Pin() = default;
    Pin(Pin&& other) noexcept
        : version_(std::exchange(other.version_, nullptr)), share_(std::exchange(other.share_, nullptr)) {}
    Pin& operator=(Pin&& other) noexcept {
      if (this != &other) {
        release();
        version_ = std::exchange(other.version_, nullptr);
        share_ = std::exchange(other.share_, nullptr);
      }
      return *this;
    }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin() { release(); }

    explicit operator bool() const { return version_ != nullptr; }
    const T& operator*() const { return *version_->value; }
    const T* operator->() const { return version_->value.get(); }
    uint64_t number() const { return version_->number; }  // 1 for the first version, then counting up
    // Another pin of the same version, however old.
    Pin again() const { return version_ == nullptr ? Pin() : Pin(version_, share_); }

   private:
    friend class Published;
    Pin(Version* version, Share* share) : version_(version), share_(share) { ++share_->pins; }
    void release() {
      if (version_ != nullptr) std::exchange(share_, nullptr)->unpin();
      version_ = nullptr;
    }
    Version* version_ = nullptr;
    Share* share_ = nullptr;
  };

  Published(size_t shards, std::unique_ptr<const T> first)
      : shards_(shards), posts_(std::make_unique<Post[]>(shards)) {
    publish(std::move(first));
  }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;
  ~Published() {
    for (size_t i = 0; i < shards_; ++i) SLUICE_CHECK(posts_[i].scheduler.load() == nullptr);
  }

  // --- the control thread ---
  // Shards take it up at their next turn. A version that a shard never took up counts as let go by it.
  void publish(std::unique_ptr<const T> value) {
    SLUICE_CHECK(value != nullptr);
    auto version = std::make_unique<Version>(shards_, ++last_number_, std::move(value));
    for (size_t i = 0; i < shards_; ++i) {
      Version* skipped = posts_[i].newest.exchange(version.get(), std::memory_order_acq_rel);
      if (skipped != nullptr) skipped->shares[i].released.store(true, std::memory_order_relaxed);
      if (Scheduler* shard = posts_[i].scheduler.load(std::memory_order_acquire); shard != nullptr)
        shard->ring();
    }
    versions_.push_back(std::move(version));
    collect();
  }
  // Frees what every shard has let go, but never the newest; returns how many versions are still alive.
  size_t collect() {
    std::erase_if(versions_, [this](const std::unique_ptr<Version>& version) {
      if (version->number == last_number_) return false;
      for (size_t i = 0; i < shards_; ++i)
        if (!version->shares[i].released.load(std::memory_order_acquire)) return false;
      return true;
    });
    return versions_.size();
  }
  const T& newest() const { return *versions_.back()->value; }
  uint64_t newest_number() const { return last_number_; }

  // --- a shard ---
  template <class S>
  void attach(S& shard) {
    Post& post = post_of(shard.id());
    post.index = shard.id().value;
    shard.attach(post);
    post.collect();
    post.scheduler.store(&shard, std::memory_order_release);
    shard.ring();  // for a version that came between the two
  }
  // The version that is current on this shard.
  template <HasShardId S>
  [[nodiscard]] Pin pin(const S& shard) {
    Post& post = post_of(shard.id());
    SLUICE_CHECK(post.current != nullptr);
    return Pin(post.current, &post.current->shares[post.index]);
  }
  // Takes up the newest version now. For a PostBox that the same ring told of it: boxes are collected in no
  // particular order, so ours may have its turn later.
  template <HasShardId S>
  void take_newest(const S& shard) {
    post_of(shard.id()).collect();
  }
  // Nothing on this shard is pinned any more, and it will not pin again. The control thread may publish at
  // the same time: the shard itself must live until it knows better.
  template <class S>
  void detach(S& shard) {
    Post& post = post_of(shard.id());
    post.scheduler.store(nullptr, std::memory_order_release);
    shard.detach(post);
    post.collect();
    SLUICE_CHECK(post.current->shares[post.index].pins == 0);
    post.drop_current();
  }

 private:
  // One shard's share in one version. `pins` and `current` are the shard's; `released` is its message.
  struct alignas(64) Share {
    uint32_t pins = 0;
    bool current = false;
    std::atomic<bool> released{false};

    void unpin() {
      SLUICE_CHECK(pins > 0);
      --pins;
      release_if_unused();
    }
    void release_if_unused() {
      if (pins == 0 && !current) released.store(true, std::memory_order_release);
    }
  };
  struct Version {
    Version(size_t shards, uint64_t version_number, std::unique_ptr<const T> object)
        : value(std::move(object)), number(version_number), shares(std::make_unique<Share[]>(shards)) {}
    std::unique_ptr<const T> value;
    uint64_t number;
    std::unique_ptr<Share[]> shares;
  };
  struct alignas(64) Post final : PostBox {
    void collect() override {
      Version* taken = newest.exchange(nullptr, std::memory_order_acq_rel);
      if (taken == nullptr) return;
      drop_current();
      current = taken;
      current->shares[index].current = true;
    }
    void drop_current() {
      if (current == nullptr) return;
      Share& share = std::exchange(current, nullptr)->shares[index];
      share.current = false;
      share.release_if_unused();
    }
    std::atomic<Version*> newest{nullptr};
    std::atomic<Scheduler*> scheduler{nullptr};
    Version* current = nullptr;
    size_t index = 0;
  };
  Post& post_of(ShardId id) {
    SLUICE_CHECK(id.value < shards_);
    return posts_[id.value];
  }

  size_t shards_;
  std::unique_ptr<Post[]> posts_;
  std::vector<std::unique_ptr<Version>> versions_;
  uint64_t last_number_ = 0;
};

}  // namespace sluice::runtime

// Mail<T>: messages of one kind between the shards of a group, each pair with a Mailbox of its own. What is
// posted during a turn is visible at once, but the receiver is woken once, at the end of the sender's turn.
//
//   Mail<HomeQuestion> questions(directory, 256);                 // before the shards run
//   questions.open(shard, my_handler);                            // each shard, on its thread, once
//   if (!questions.post(shard, home, std::move(question))) ...    // full: the message is still ours
//   questions.close(shard);                                       // what still comes is dropped
//
// A message arrives in the order in which its sender posted it, at the start of a turn of the receiver, also
// when it was posted before the receiver had opened. Handlers record and schedule, as with the reactor's.
#pragma once

#include "io/base/check.h"
#include "io/base/ids.h"
#include "io/reactor/shard.h"
#include "io/runtime/mailbox.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace sluice::reactor {

// The shards of a group by their ids, 0 first. Which they are does not change while they run.
using ShardDirectory = std::vector<Shard*>;

template <class T>
class MailHandler {
 public:
  virtual void on_mail(ShardId from, T message) = 0;

 protected:
  ~MailHandler() = default;
};

template <class T>
class Mail {
 public:
  // `capacity` messages from each shard to each other (and to itself).
  Mail(ShardDirectory shards, size_t capacity) : shards_(std::move(shards)) {
    const size_t count = shards_.size();
    for (size_t i = 0; i < count * count; ++i)
      boxes_.push_back(std::make_unique<runtime::Mailbox<T>>(capacity));
    for (size_t i = 0; i < count; ++i) ports_.push_back(std::make_unique<Port>(*this, i));
  }
  Mail(const Mail&) = delete;
  Mail& operator=(const Mail&) = delete;

  void open(Shard& shard, MailHandler<T>& handler) {
    Port& port = *ports_[shard.id().value];
    SLUICE_CHECK(port.handler == nullptr && shards_[port.index] == &shard);
    port.handler = &handler;
    shard.attach(port);
  }
  void close(Shard& shard) {
    Port& port = *ports_[shard.id().value];
    SLUICE_CHECK(port.handler != nullptr);
    port.handler = nullptr;
    shard.detach(port);
  }
  // On `from`'s thread. False when the mailbox is full: the message is untouched.
  [[nodiscard]] bool post(Shard& from, ShardId to, T&& message) {
    SLUICE_CHECK(to.value < shards_.size());
    if (!box(from.id().value, to.value).send(std::move(message))) return false;
    from.ring_at_turn_end(*shards_[to.value]);
    return true;
  }
  size_t shard_count() const { return shards_.size(); }

 private:
  struct alignas(64) Port final : runtime::PostBox {
    Port(Mail& of, size_t shard) : mail(of), index(shard) {}
    void collect() override {
      for (size_t from = 0; from < mail.shards_.size(); ++from) {
        runtime::Mailbox<T>& box = mail.box(from, index);
        // Bounded by what can lie there, so that a fast sender cannot keep the receiver's turn from ending.
        for (size_t i = 0; i < box.capacity(); ++i)
          if (!take_one(box, ShardId{static_cast<uint16_t>(from)})) break;
      }
    }
    bool take_one(runtime::Mailbox<T>& box, ShardId from) {
      return handler != nullptr &&
             box.receive([this, from](T&& message) { handler->on_mail(from, std::move(message)); });
    }
    Mail& mail;
    size_t index;
    MailHandler<T>* handler = nullptr;
  };
  runtime::Mailbox<T>& box(size_t from, size_t to) { return *boxes_[from * shards_.size() + to]; }

  ShardDirectory shards_;
  std::vector<std::unique_ptr<runtime::Mailbox<T>>> boxes_;
  std::vector<std::unique_ptr<Port>> ports_;
};

}  // namespace sluice::reactor

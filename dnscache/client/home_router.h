// HomeRouter: how the DNS clients of a node's shards share their questions, as one client sees it. Every name
// has a home shard; what another shard does not know it asks there, so that a question leaves the node once
// for all shards. A client without a router asks everything itself.
//
// The messages own all that they hold. One shard; nothing here waits. Whatever cannot be delivered is
// refused, and the client asks the servers itself or lets its deadline decide.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/clock.h"
#include "io/base/ids.h"
#include "io/runtime/sendable.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace sluice::runtime {

// Octets in place, nothing borrowed.
template <>
inline constexpr bool kSendableByPromise<dns::DnsName> = true;
template <>
inline constexpr bool kSendableByPromise<IpAddress> = true;

}  // namespace sluice::runtime

namespace sluice::dns {

struct HomeQuestion {
  std::unique_ptr<const Question> question;  // apart, so that a mailbox's slots stay small
  uint64_t token = 0;                        // the asking shard's, handed back with the answer
  MonoTime ends;                             // an answer after this is of no use to the asking shard
  bool refresh = false;                      // what the home has kept is wanted only if it is newer
};

struct HomeAnswer {
  uint64_t token = 0;
  Answer answer;
  bool for_cache = true;  // as Completion's
};

enum class HomeNotice : uint8_t {
  Outage,    // repeated while it lasts
  NoOutage,  // it is over
  Left,      // the shard takes no questions any more and answers none of those it has
};

static_assert(runtime::Sendable<HomeQuestion> && runtime::Sendable<HomeAnswer> &&
              runtime::Sendable<HomeNotice>);

class HomeRouter {
 public:
  // Null: to be asked here, being at home here or having a home that has left.
  virtual std::optional<ShardId> home_of(const DnsName& name) const = 0;
  // So many may be without an answer at one home: as many as the answers' mailbox takes.
  virtual size_t under_way_max() const = 0;
  // False when the home's mailbox is full.
  [[nodiscard]] virtual bool ask_home(ShardId home, HomeQuestion question) = 0;
  // An answer that does not find room is dropped; the asking shard's deadline stands in for it.
  virtual void answer(ShardId asker, HomeAnswer answer) = 0;
  // Whether this shard's resolver sees an outage. To be called often; others are told when it matters.
  virtual void tell_outage(bool outage) = 0;
  virtual bool outage_elsewhere() const = 0;
  // Tells the others, and calls the client no more.
  virtual void leave() = 0;

 protected:
  ~HomeRouter() = default;
};

}  // namespace sluice::dns

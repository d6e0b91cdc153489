#include "dnscache/client/home_shards.h"

#include "io/base/check.h"

#include <algorithm>
#include <utility>

namespace sluice::dns {
namespace {

constexpr size_t kUnderWayMin = 32;  // ours: with very many shards
constexpr size_t kNotices = 16;      // ours: a few; what does not fit is repeated or believed to be over

size_t share(size_t under_way_max, size_t shards) {
  if (under_way_max != 0) return under_way_max;
  return std::max(HomeShards::kUnderWay / std::max<size_t>(shards, 1), kUnderWayMin);
}

}  // namespace

HomeShards::HomeShards(const reactor::ShardDirectory& shards, uint64_t seed, size_t under_way_max)
    : seed_(seed),
      under_way_max_(share(under_way_max, shards.size())),
      questions_(shards, under_way_max_),
      answers_(shards, under_way_max_),
      notices_(shards, kNotices) {}

ShardId HomeShards::home_of(const DnsName& name) const {
  return ShardId{static_cast<uint16_t>(name.hash(seed_) % shard_count())};
}

HomeShard::HomeShard(reactor::Shard& shard, HomeShards& homes, DnsClient& client)
    : shard_(shard), homes_(homes), client_(client), others_(homes.shard_count()) {
  homes_.questions_.open(shard, *this);
  homes_.answers_.open(shard, *this);
  homes_.notices_.open(shard, *this);
  client_.set_home_router(this);
}

HomeShard::~HomeShard() { SLUICE_CHECK(left_); }

std::optional<ShardId> HomeShard::home_of(const DnsName& name) const {
  const ShardId home = homes_.home_of(name);
  if (home == shard_.id() || others_[home.value].has_left) return std::nullopt;
  return home;
}

bool HomeShard::ask_home(ShardId home, HomeQuestion question) {
  return homes_.questions_.post(shard_, home, std::move(question));
}

void HomeShard::answer(ShardId asker, HomeAnswer answer) {
  // Full only when the other shard gave up on more than a mailbox of questions: nobody waits for this one.
  static_cast<void>(homes_.answers_.post(shard_, asker, std::move(answer)));
}

void HomeShard::tell_outage(bool outage) {
  const MonoTime now = shard_.now();
  if (outage == told_outage_ && (!outage || now < next_telling_)) return;
  told_outage_ = outage;
  next_telling_ = now + kOutageRepeated;
  tell_others(outage ? HomeNotice::Outage : HomeNotice::NoOutage);
}

bool HomeShard::outage_elsewhere() const {
  const MonoTime now = shard_.now();
  return std::ranges::any_of(others_, [now](const Other& other) { return now < other.outage_until; });
}

void HomeShard::leave() {
  SLUICE_CHECK(!std::exchange(left_, true));
  tell_others(HomeNotice::Left);
  homes_.questions_.close(shard_);
  homes_.answers_.close(shard_);
  homes_.notices_.close(shard_);
}

void HomeShard::tell_others(HomeNotice notice) {
  for (uint16_t i = 0; i < others_.size(); ++i) {
    if (i == shard_.id().value) continue;
    HomeNotice copy = notice;
    static_cast<void>(homes_.notices_.post(shard_, ShardId{i}, std::move(copy)));
  }
}

void HomeShard::on_mail(ShardId from, HomeQuestion question) { client_.on_home_question(from, question); }

void HomeShard::on_mail(ShardId /*from*/, HomeAnswer answer) { client_.on_home_answer(std::move(answer)); }

void HomeShard::on_mail(ShardId from, HomeNotice notice) {
  Other& other = others_[from.value];
  switch (notice) {
    case HomeNotice::Outage:
      other.outage_until = shard_.now() + kOutageBelieved;
      return;
    case HomeNotice::NoOutage:
      other.outage_until = {};
      return;
    case HomeNotice::Left:
      other = {.has_left = true, .outage_until = {}};
      client_.on_home_left(from);
      return;
  }
}

}  // namespace sluice::dns

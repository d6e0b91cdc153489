// HomeShards: the home shards of names, and the mail between the DNS clients of a group.
//
//   HomeShards homes(group.directory(), seed);          // before the shards run; outlives their threads
//   HomeShard home(shard, homes, client);               // each shard, after its client
//   co_await client.stop(shard);                        // leaves; only then may `home` go
//
// A home is drawn by the hash of the name under a seed that all shards share and that others do not know, so
// that nobody can choose names that burden one shard.
//
// Outages (W-35). All shards ask the same servers, so an outage that one resolver sees counts on every shard:
// one whose names are all at home elsewhere would not notice otherwise. It is told when it begins and ends
// and again while it lasts; a shard that hears no more believes it for kOutageBelieved, so that a lost
// message does no harm.
//
// HomeShards is shared: fixed at its making but for the mailboxes. HomeShard belongs to one shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "dnscache/client/home_router.h"
#include "io/reactor/mail.h"
#include "io/reactor/shard.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::dns {

class HomeShards {
 public:
  // ours: questions of one shard under way at all others together. At 88 octets each, 350 KiB a shard.
  static constexpr size_t kUnderWay = 4096;

  // `under_way_max` questions of each shard at each other; 0 takes its share of kUnderWay.
  HomeShards(const reactor::ShardDirectory& shards, uint64_t seed, size_t under_way_max = 0);

  ShardId home_of(const DnsName& name) const;
  size_t shard_count() const { return questions_.shard_count(); }

 private:
  friend class HomeShard;

  uint64_t seed_;
  size_t under_way_max_;
  reactor::Mail<HomeQuestion> questions_;
  reactor::Mail<HomeAnswer> answers_;
  reactor::Mail<HomeNotice> notices_;
};

class HomeShard final : public HomeRouter,
                        private reactor::MailHandler<HomeQuestion>,
                        private reactor::MailHandler<HomeAnswer>,
                        private reactor::MailHandler<HomeNotice> {
 public:
  static constexpr std::chrono::seconds kOutageRepeated{1};
  static constexpr std::chrono::seconds kOutageBelieved{6};  // three of the resolver's probes

  // The client is used until it has been stopped.
  HomeShard(reactor::Shard& shard, HomeShards& homes, DnsClient& client);
  ~HomeShard();
  HomeShard(const HomeShard&) = delete;
  HomeShard& operator=(const HomeShard&) = delete;

  std::optional<ShardId> home_of(const DnsName& name) const override;
  size_t under_way_max() const override { return homes_.under_way_max_; }
  bool ask_home(ShardId home, HomeQuestion question) override;
  void answer(ShardId asker, HomeAnswer answer) override;
  void tell_outage(bool outage) override;
  bool outage_elsewhere() const override;
  void leave() override;

 private:
  struct Other {
    bool has_left = false;
    MonoTime outage_until{};
  };

  void on_mail(ShardId from, HomeQuestion question) override;
  void on_mail(ShardId from, HomeAnswer answer) override;
  void on_mail(ShardId from, HomeNotice notice) override;
  void tell_others(HomeNotice notice);

  reactor::Shard& shard_;
  HomeShards& homes_;
  DnsClient& client_;
  std::vector<Other> others_;  // by id; our own is unused
  MonoTime next_telling_{};
  bool told_outage_ = false;
  bool left_ = false;
};

}  // namespace sluice::dns

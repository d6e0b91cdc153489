// A shard of a node with its DNS client, and the DNS server that it asks, in one simulated world.
#pragma once

#include "dnscache/client/dns_client.h"
#include "io/reactor/sim_world.h"
#include "io/runtime/task_group.h"
#include "tests/node_sim/sim_dns_server.h"

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::pipeline {

class NodeWithDns : public ::testing::Test {
 protected:
  explicit NodeWithDns(dns::Zone zone, dns::DnsClientSettings settings = {})
      : node_(ShardId{0}, sim_.make_reactor("node")),
        dns_(ShardId{1}, sim_.make_reactor("dns")),
        server_(std::in_place, dns_, Endpoint{sim_.address("dns"), 53}, std::move(zone)) {
    make_client(std::move(settings));
  }
  void TearDown() override {
    stop_client();
    server_.reset();
    sim_.run(shards_, sim_.now() + std::chrono::seconds(1));  // sockets that were closed come to their end
  }

  // The one before, if any, was stopped.
  void make_client(dns::DnsClientSettings settings) {
    settings.servers = {{sim_.address("dns"), 53}};
    client_.emplace(node_, std::move(settings));
  }
  void stop_client() {
    bool ended = false;
    EXPECT_TRUE(tasks_.spawn(node_, stop(node_, ended)));
    EXPECT_TRUE(run_until([&] { return ended; }));
  }
  bool run_until(const std::function<bool()>& done, std::chrono::nanoseconds within = std::chrono::hours(1)) {
    return sim_.run_until(shards_, done, sim_.now() + within);
  }

  reactor::SimWorld sim_{7};
  reactor::Shard node_;
  reactor::Shard dns_;
  std::vector<reactor::Shard*> shards_{&node_, &dns_};
  std::optional<testing::SimDnsServer> server_;
  std::optional<dns::DnsClient> client_;
  runtime::TaskGroup tasks_;

 private:
  runtime::Task<void> stop(reactor::Shard& shard, bool& ended) {
    co_await client_->stop(shard);
    ended = true;
  }
};

}  // namespace sluice::pipeline

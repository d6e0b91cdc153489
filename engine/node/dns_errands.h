// DnsErrands: what the control thread does for `sluicectl dns lookup` and `dns flush`: one request after the
// other is made an order to all shards, and answered when each has carried it out, or after
// limits::kAdminWait with what is there. A flush goes round twice: between the first time and the second a
// shard could take an answer from another that still had it.
#pragma once

#include "engine/node/admin_desk.h"
#include "engine/node/dns_order.h"
#include "engine/node/node.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

namespace sluice::node {

class DnsErrands {
 public:
  explicit DnsErrands(Node& node) : node_(node) {}  // outlives this

  void take(std::unique_ptr<AdminRequest> request);
  bool busy() const { return !waiting_.empty(); }
  void look(MonoTime now);

 private:
  void begin(MonoTime now);
  bool carried_out() const;
  AdminAnswer answer();

  Node& node_;
  std::deque<std::unique_ptr<AdminRequest>> waiting_;  // the first is under way, where `order_` says so
  DnsOrder order_;
  bool under_way_ = false;
  unsigned rounds_left_ = 0;
  MonoTime until_{};
  uint64_t removed_ = 0;
};

// Counts of every shard and their sum, as JSON.
std::string dns_stats(const std::vector<const ShardReport*>& shards);

}  // namespace sluice::node

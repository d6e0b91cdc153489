// Is the node alive, and may mail be sent to it? Two questions with two uses: a node that is not alive is
// restarted by whoever watches it; one that is not ready is only taken out of the balancer, since a restart
// would help nothing.
//
// - alive: every shard's loop has turned lately.
// - ready: running (not starting, not draining); DNS answers, or its outage does not defer mail; the journal
// takes
//   rows; no managed domain is without a next hop that can be talked to.
//
// Pure.
#pragma once

#include "engine/node/node_view.h"

#include <string>
#include <vector>

namespace sluice::node {

struct HealthReason {
  std::string
      id;  // stable: "shard_stuck", "starting", "draining", "dns_outage", "journal_refuses", "next_hops_down"
  std::string text;  // for people; names the shard, the file or the domain
};

struct Health {
  std::vector<HealthReason> reasons;  // empty: yes

  bool good() const { return reasons.empty(); }
  std::string to_json() const;  // {"status":"ok"} or {"status":"failing","reasons":[{"id":...,"text":...}]}
};

Health is_alive(const NodeView& view);
Health is_ready(const NodeView& view);

}  // namespace sluice::node

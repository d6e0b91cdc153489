#include "engine/node/health.h"

#include "io/base/json_text.h"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::node {
namespace {

// "a.example, b.example and 3 more".
std::string named(const std::vector<std::string>& names) {
  constexpr size_t kNamed = 3;
  std::string text;
  for (size_t i = 0; i < names.size() && i < kNamed; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamed) text += fmt::format(" and {} more", names.size() - kNamed);
  return text;
}

void look_at_hops(const NodeView& view, const ShardReport& sum, Health& health) {
  std::vector<std::string> cut_off;
  for (const NodeView::Domain& domain : view.domains) {
    const auto hop = std::ranges::find(sum.hop_list, domain.next_hops, &HopReport::next_hops);
    if (hop != sum.hop_list.end() && !hop->reachable) cut_off.push_back(domain.name);
  }
  if (cut_off.empty()) return;
  health.reasons.push_back({"next_hops_down", "no next hop can be reached for " + named(cut_off)});
}

}  // namespace

std::string Health::to_json() const {
  std::string text;
  JsonObject json(text);
  json.text("status", good() ? "ok" : "failing");
  if (!good()) {
    std::string list;
    for (const HealthReason& reason : reasons) {
      if (!list.empty()) list += ',';
      JsonObject each(list);
      each.text("id", reason.id).text("text", reason.text);
      each.end();
    }
    json.raw("reasons", '[' + list + ']');
  }
  json.end();
  return text + '\n';
}

Health is_alive(const NodeView& view) {
  Health health;
  for (size_t i = 0; i < view.shards.size(); ++i) {
    const ShardReport* shard = view.shards[i];
    if (shard == nullptr || shard->stopped || view.now - shard->at < view.stuck_after) continue;
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(view.now - shard->at);
    health.reasons.push_back(
        {"shard_stuck", fmt::format("shard {} has not turned for {} s", i, age.count())});
  }
  return health;
}

Health is_ready(const NodeView& view) {
  Health health = is_alive(view);
  if (view.phase == Phase::Starting) health.reasons.push_back({"starting", "the node is being started"});
  if (view.phase == Phase::Draining) health.reasons.push_back({"draining", "the node is being stopped"});
  const ShardReport sum = view.sum();
  if (sum.dns_outage && view.defers_in_dns_outage) {
    health.reasons.push_back({"dns_outage", "no DNS server answers, and dns.on_outage defers mail"});
  }
  if (sum.journal_refuses) {
    health.reasons.push_back({"journal_refuses", "the journal cannot be written: deletions are deferred"});
  }
  look_at_hops(view, sum, health);
  return health;
}

}  // namespace sluice::node

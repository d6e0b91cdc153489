#include "rules/policy/restart.h"

namespace sluice::policy {

std::vector<std::string> settings_that_need_restart(const Policy& running, const Policy& next) {
  std::vector<std::string> changed;
  const auto compare = [&changed](const auto& before, const auto& after, const char* path) {
    if (before != after) changed.emplace_back(path);
  };
  compare(running.node().shards, next.node().shards, "node.shards");
  compare(running.node().backend, next.node().backend, "node.backend");
  compare(running.node().user, next.node().user, "node.user");
  compare(running.journal().path, next.journal().path, "journal.path");
  compare(running.memory().bodies, next.memory().bodies, "memory.bodies");
  compare(running.memory().shard_bodies, next.memory().shard_bodies, "memory.shard_bodies");
  compare(running.memory().message, next.memory().message, "memory.message");
  compare(running.memory().spill_directory, next.memory().spill_directory, "memory.spill_directory");
  compare(running.memory().spill_octets, next.memory().spill_octets, "memory.spill_size");
  compare(running.admin().http, next.admin().http, "admin.http");
  compare(running.admin().listen, next.admin().listen, "admin.listen");
  compare(running.admin().control, next.admin().control, "admin.control_socket");
  compare(running.dns().servers, next.dns().servers, "dns.servers");
  compare(running.dns().resolv_conf, next.dns().resolv_conf, "dns.resolv_conf");
  compare(running.dns().timeout, next.dns().timeout, "dns.timeout_seconds");
  compare(running.dns().cache_octets, next.dns().cache_octets, "dns.cache_size");
  compare(running.dns().ttl_min, next.dns().ttl_min, "dns.ttl_min_seconds");
  compare(running.dns().ttl_max, next.dns().ttl_max, "dns.ttl_max_seconds");
  compare(running.dns().negative_ttl_max, next.dns().negative_ttl_max, "dns.negative_ttl_max_seconds");
  compare(running.dns().serve_stale, next.dns().serve_stale, "dns.serve_stale_seconds");
  compare(running.dns().refresh_percent, next.dns().refresh_percent, "dns.refresh_percent");
  compare(running.dns().mixed_case, next.dns().mixed_case, "dns.mixed_case");
  return changed;
}

}  // namespace sluice::policy

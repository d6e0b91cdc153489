#include "engine/node/hop_watch.h"

namespace sluice::node {

using runtime::LogLevel;

void HopWatch::on_timer() {
  hops_.sweep();
  hops_.for_each_loop([this](const std::string& next_hops, bool leads_to_us) {
    tell_change(leads_to_us, told_[next_hops].leads_to_us, "hop.leads_to_us", "hop.leads_away", next_hops);
  });
  hops_.for_each(
      [this](const std::string& next_hops, const serve::HopPool& pool) { look_at(next_hops, pool); });
  start();
}

void HopWatch::look_at(const std::string& next_hops, const serve::HopPool& pool) {
  Told& told = told_[next_hops];
  const auto since = pool.refusing_since();
  const bool refuses_all = since && shard_.now() - *since >= kRefusesAll;
  tell_change(!pool.healthy(), told.unreachable, "hop.unreachable", "hop.reachable", next_hops);
  tell_change(refuses_all, told.refuses_all, "hop.refuses_everyone", "hop.accepts_again", next_hops);
}

void HopWatch::tell_change(bool now, bool& told, const char* began, const char* ended,
                           const std::string& next_hops) {
  if (now == told) return;
  told = now;
  log_.write(shard_.wall_now(), now ? LogLevel::Error : LogLevel::Info, now ? began : ended,
             {{"next_hop", next_hops}, {"shard", shard_.id().value}});
}

}  // namespace sluice::node

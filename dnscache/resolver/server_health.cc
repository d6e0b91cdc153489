#include "dnscache/resolver/server_health.h"

#include "io/base/check.h"

#include <algorithm>

namespace sluice::dns {
namespace {

using std::chrono::nanoseconds;

constexpr unsigned kDoublingsMax = 6;
constexpr nanoseconds kVariationMin = std::chrono::milliseconds(20);  // ours: clock and scheduling noise

}  // namespace

ServerHealth::ServerHealth(size_t count, const HealthSettings& settings)
    : settings_(settings), servers_(count) {
  SLUICE_CHECK(count >= 1 && count <= limits::kDnsServers);
}

std::optional<size_t> ServerHealth::first_good(uint32_t except) const {
  for (const bool demoted : {false, true}) {
    for (size_t i = 0; i < servers_.size(); ++i) {
      if (servers_[i].demoted == demoted && (except >> i & 1U) == 0) return i;
    }
  }
  return std::nullopt;
}

std::optional<size_t> ServerHealth::take_trial(MonoTime now) {
  for (size_t i = 0; i < servers_.size(); ++i) {
    Server& server = servers_[i];
    if (!server.demoted || now < server.trial_at) continue;
    server.trial_at = now + server.trial_pause;
    return i;
  }
  return std::nullopt;
}

bool ServerHealth::is_last_chance(size_t server) const {
  const Server& s = servers_[server];
  if (s.demoted || s.silent + 1 < settings_.demote_after) return false;
  return std::ranges::count(servers_, false, &Server::demoted) == 1;
}

nanoseconds ServerHealth::wait(size_t server, unsigned attempt) const {
  const Server& s = servers_[server];
  const nanoseconds once =
      s.measured ? s.smoothed + std::max(4 * s.variation, kVariationMin) : settings_.wait_first;
  const nanoseconds bounded = std::clamp(once, settings_.wait_min, settings_.wait_max);
  return std::min(bounded * (1 << std::min(attempt, kDoublingsMax)), settings_.wait_max);
}

std::optional<nanoseconds> ServerHealth::round_trip(size_t server) const {
  if (!servers_[server].measured) return std::nullopt;
  return servers_[server].smoothed;
}

bool ServerHealth::on_answer(size_t server, std::optional<nanoseconds> round_trip) {
  Server& s = servers_[server];
  if (round_trip && !s.measured) {
    s.measured = true;
    s.smoothed = *round_trip;
    s.variation = *round_trip / 2;
  } else if (round_trip) {
    // RFC 6298 2.3 with its beta of 1/4 and alpha of 1/8.
    const nanoseconds error = s.smoothed > *round_trip ? s.smoothed - *round_trip : *round_trip - s.smoothed;
    s.variation += (error - s.variation) / 4;
    s.smoothed += (*round_trip - s.smoothed) / 8;
  }
  s.silent = 0;
  const bool was_demoted = s.demoted;
  s.demoted = false;
  s.trial_at = kNever;
  return was_demoted;
}

bool ServerHealth::on_time_out(size_t server, MonoTime now) {
  Server& s = servers_[server];
  ++s.silent;
  if (s.demoted) {
    s.trial_pause = std::min(2 * s.trial_pause, settings_.trial_after_max);
    s.trial_at = now + s.trial_pause;
    return false;
  }
  if (s.silent < settings_.demote_after) return false;
  s.demoted = true;
  s.trial_pause = settings_.trial_after;
  s.trial_at = now + s.trial_pause;
  return true;
}

}  // namespace sluice::dns

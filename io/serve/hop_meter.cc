#include "io/serve/hop_meter.h"

#include <utility>

namespace sluice::serve {
namespace {

constexpr std::array<const char*, HopMetrics::kFaultKinds> kFaultWords{"connect", "timeout", "lost",
                                                                       "closing", "refused", "broken"};
static_assert(static_cast<size_t>(ClientFault::Kind::Message) == HopMetrics::kFaultKinds);
constexpr double kMicrosecond = 1e-6;
constexpr uint32_t kFirstBit = 7;  // 128 us

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

HopMetrics HopMetrics::declare(runtime::MetricRegistry& registry, std::string_view hop) {
  const std::string labels = "hop=\"" + escaped(hop) + '"';
  HopMetrics metrics;
  metrics.open = registry.gauge("sluice_hop_connections", "Connections to the next hop", labels);
  metrics.idle = registry.gauge("sluice_hop_connections_idle", "Of these, without a transaction", labels);
  metrics.failing =
      registry.gauge("sluice_hop_addresses_failing", "Addresses whose last talk was a fault", labels);
  metrics.waiting =
      registry.gauge("sluice_hop_waiting", "Transactions that wait for a connection to it", labels);
  metrics.connects = registry.counter("sluice_hop_connects_total", "Connections that were tried", labels);
  for (size_t i = 0; i < kFaultWords.size(); ++i) {
    metrics.faults[i] = registry.counter("sluice_hop_faults_total", "Faults between us and the next hop",
                                         labels + ",kind=\"" + kFaultWords[i] + '"');
  }
  const char* recipients = "sluice_hop_recipients_total";
  const char* recipients_help = "What the next hop said to RCPT";
  metrics.recipients_accepted =
      registry.counter(recipients, recipients_help, labels + ",result=\"accepted\"");
  metrics.recipients_refused = registry.counter(recipients, recipients_help, labels + ",result=\"refused\"");
  const char* messages = "sluice_hop_messages_total";
  const char* messages_help = "What became of messages that were brought to the next hop";
  metrics.delivered = registry.counter(messages, messages_help, labels + ",result=\"accepted\"");
  metrics.refused = registry.counter(messages, messages_help, labels + ",result=\"refused\"");
  metrics.unknown = registry.counter(messages, messages_help, labels + ",result=\"unknown\"");
  metrics.congested = registry.counter(
      "sluice_hop_congested_total", "Transactions that were deferred since no connection came free", labels);
  metrics.connect_time = registry.histogram("sluice_hop_connect_seconds", "Connect, greeting and EHLO",
                                            kMicrosecond, kFirstBit, labels);
  metrics.delivery_time =
      registry.histogram("sluice_hop_delivery_seconds", "From DATA, or the envelope before it, to the answer",
                         kMicrosecond, kFirstBit, labels);
  return metrics;
}

HopMetricTable::HopMetricTable(runtime::MetricRegistry& registry, std::span<const std::string> hops)
    : other_(HopMetrics::declare(registry, "other")) {
  for (const std::string& hop : hops) {
    if (by_hop_.size() < kHopsMax && !by_hop_.contains(hop))
      by_hop_.emplace(hop, HopMetrics::declare(registry, hop));
  }
}

const HopMetrics& HopMetricTable::of(const std::string& hop) const {
  const auto known = by_hop_.find(hop);
  return known == by_hop_.end() ? other_ : known->second;
}

}  // namespace sluice::serve

#include "tools/sluice_load/tally.h"

namespace sluice::load {

void Tally::merge(const Tally& other) {
  connections += other.connections;
  begun += other.begun;
  sent += other.sent;
  accepted += other.accepted;
  recipients_refused += other.recipients_refused;
  errors += other.errors;
  octets += other.octets;
  for (const auto& [code, count] : other.refused) refused[code] += count;
  for (const auto& [words, count] : other.replies) replies[words] += count;
  for (const auto& [words, count] : other.faults) faults[words] += count;
  for (size_t i = 0; i < kPoints; ++i) points[i].merge(other.points[i]);
  lag.merge(other.lag);
  queue.merge(other.queue);
  late += other.late;
  unsent += other.unsent;
  saturated_seconds += other.saturated_seconds;
  series.merge(other.series);
}

}  // namespace sluice::load

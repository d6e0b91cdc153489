#include "tools/sluice_load/tally.h"

#include "io/base/json_text.h"

#include <fmt/format.h>

namespace sluice::load {

void Tally::merge(const Tally& other) {
  connections += other.connections;
  sent += other.sent;
  accepted += other.accepted;
  recipients_refused += other.recipients_refused;
  errors += other.errors;
  octets += other.octets;
  for (const auto& [code, count] : other.refused) refused[code] += count;
  for (const auto& [words, count] : other.faults) faults[words] += count;
  latency.merge(other.latency);
}

std::string Tally::to_json(double seconds) const {
  std::string line;
  JsonObject json(line);
  json.number("sent", sent).number("accepted", accepted);
  uint64_t refused_messages = 0;
  JsonObject by_code = json.object("refused");
  for (const auto& [code, count] : refused) {
    // JSON keys are ours: a code and a status hold digits, dots and a space.
    by_code.number(code, count);
    refused_messages += count;
  }
  by_code.end();
  json.number("refused_messages", refused_messages)
      .number("recipients_refused", recipients_refused)
      .number("errors", errors);
  JsonObject by_fault = json.object("faults");
  for (const auto& [words, count] : faults) by_fault.number(words, count);
  by_fault.end();
  const double rate = seconds > 0 ? static_cast<double>(sent) / seconds : 0;
  json.number("connections", connections)
      .number("octets", octets)
      .raw("seconds", fmt::format("{:.3f}", seconds))
      .raw("messages_per_second", fmt::format("{:.1f}", rate));
  JsonObject micros = json.object("latency_us");
  micros.number("p50", latency.percentile(0.5))
      .number("p90", latency.percentile(0.9))
      .number("p99", latency.percentile(0.99))
      .number("max", latency.max());
  micros.end();
  json.end();
  return line;
}

}  // namespace sluice::load

#include "tools/sluice_load/summary.h"

#include "io/base/json_text.h"

#include <array>
#include <functional>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace sluice::load {
namespace {

// One in a hundred messages may be late for a schedule that counts as kept.
constexpr double kLateShareMax = 0.01;
constexpr std::array kCurve{0.0,   0.1,    0.2,   0.3,    0.4,    0.5,     0.6,     0.7,
                            0.75,  0.8,    0.85,  0.9,    0.925,  0.95,    0.975,   0.99,
                            0.995, 0.9975, 0.999, 0.9995, 0.9999, 0.99995, 0.99999, 1.0};

using Counts = std::map<std::string, uint64_t, std::less<>>;

void add_counts(JsonObject& json, std::string_view key, const Counts& counts) {
  JsonObject object = json.object(key);
  // JSON keys are ours: codes, stages and words hold letters, digits, dots and spaces.
  for (const auto& [words, count] : counts) object.number(words, count);
  object.end();
}

void add_percentiles(JsonObject& json, std::string_view key, const Histogram& histogram) {
  const double mean = histogram.count() == 0
                          ? 0
                          : static_cast<double>(histogram.sum()) / static_cast<double>(histogram.count());
  JsonObject object = json.object(key);
  object.number("count", histogram.count())
      .raw("mean", fmt::format("{:.1f}", mean))
      .number("p50", histogram.percentile(0.5))
      .number("p90", histogram.percentile(0.9))
      .number("p99", histogram.percentile(0.99))
      .number("p999", histogram.percentile(0.999))
      .number("max", histogram.max());
  object.end();
}

void add_curve(JsonObject& json, std::string_view key, const Histogram& histogram) {
  std::string points = "[";
  for (const double share : kCurve) {
    if (points.size() > 1) points += ',';
    points += fmt::format("[{},{}]", share, histogram.percentile(share));
  }
  json.raw(key, points + "]");
}

std::string column(const TimeSeries& series, const std::function<uint64_t(const TimeBucket&)>& value) {
  std::string text = "[";
  for (const TimeBucket& bucket : series.buckets()) {
    if (text.size() > 1) text += ',';
    text += std::to_string(value(bucket));
  }
  return text + "]";
}

void add_series(JsonObject& json, const TimeSeries& series, uint64_t shards) {
  JsonObject object = json.object("series");
  object.number("width_seconds", series.width_seconds());
  const auto add = [&](std::string_view key, const std::function<uint64_t(const TimeBucket&)>& value) {
    object.raw(key, column(series, value));
  };
  add("due", [](const TimeBucket& each) { return each.due; });
  add("begun", [](const TimeBucket& each) { return each.begun; });
  add("accepted", [](const TimeBucket& each) { return each.accepted; });
  add("refused", [](const TimeBucket& each) { return each.refused; });
  add("errors", [](const TimeBucket& each) { return each.errors; });
  add("p50_us", [](const TimeBucket& each) { return each.latency.percentile(0.5); });
  add("p99_us", [](const TimeBucket& each) { return each.latency.percentile(0.99); });
  add("max_us", [](const TimeBucket& each) { return each.latency.max(); });
  add("lag_max_us", [](const TimeBucket& each) { return each.lag_max_us; });
  const uint64_t whole = series.width_seconds() * shards * 10'000;
  add("cpu_percent", [whole](const TimeBucket& each) { return each.cpu_us / whole; });
  object.end();
}

void add_schedule(JsonObject& json, const RunFacts& facts) {
  if (facts.profile.empty()) return;
  std::string phases = "[";
  for (const Phase& phase : facts.profile) {
    if (phases.size() > 1) phases += ',';
    phases += fmt::format("{{\"seconds\":{},\"from\":{},\"to\":{}}}", phase.seconds, phase.from, phase.to);
  }
  json.raw("profile", phases + "]")
      .text("arrivals", facts.arrivals == Arrivals::Poisson ? "poisson" : "constant")
      .raw("expected", fmt::format("{:.0f}", count_of(facts.profile)));
}

void add_generator(JsonObject& json, const Tally& tally, const RunFacts& facts) {
  const std::string problem = schedule_problem(tally, facts);
  JsonObject object = json.object("generator");
  object.boolean("kept_schedule", problem.empty()).text("problem", problem);
  add_percentiles(object, "lag_us", tally.lag);
  add_percentiles(object, "queue_us", tally.queue);
  object.number("late", tally.late)
      .number("queued", tally.queue.count())
      .number("unsent", tally.unsent)
      .raw("cpu_seconds", fmt::format("{:.3f}", facts.cpu_seconds))
      .number("saturated_seconds", tally.saturated_seconds)
      .number("shards", facts.shards);
  object.end();
}

}  // namespace

std::string schedule_problem(const Tally& tally, const RunFacts& facts) {
  if (facts.profile.empty()) return {};
  std::string problem;
  const auto say = [&](const std::string& words) { problem += (problem.empty() ? "" : "; ") + words; };
  const double timed = static_cast<double>(tally.lag.count() + tally.queue.count());
  if (static_cast<double>(tally.late) > kLateShareMax * timed) {
    say(fmt::format("{} messages left more than {} ms late though a connection was free", tally.late,
                    Tally::kLateMicros / 1000));
  }
  if (tally.saturated_seconds != 0) {
    say(fmt::format("the generator had no processor time to spare in {} s", tally.saturated_seconds));
  }
  if (tally.unsent != 0) {
    say(fmt::format("{} messages were never sent, all connections being busy: latencies are lower bounds",
                    tally.unsent));
  }
  return problem;
}

std::string to_json(const Tally& tally, const RunFacts& facts) {
  std::string line;
  JsonObject json(line);
  json.number("v", 1).text("name", facts.name).text("server", facts.server);
  json.text("mode", facts.profile.empty() ? "closed" : "open");
  add_schedule(json, facts);
  json.number("begun", tally.begun).number("sent", tally.sent).number("accepted", tally.accepted);
  uint64_t refused_messages = 0;
  for (const auto& [code, count] : tally.refused) refused_messages += count;
  add_counts(json, "refused", tally.refused);
  json.number("refused_messages", refused_messages)
      .number("recipients_refused", tally.recipients_refused)
      .number("errors", tally.errors);
  add_counts(json, "faults", tally.faults);
  add_counts(json, "replies", tally.replies);
  const double rate = facts.seconds > 0 ? static_cast<double>(tally.sent) / facts.seconds : 0;
  json.number("connections", tally.connections)
      .number("connections_at_once", facts.connections)
      .number("octets", tally.octets)
      .number("seed", facts.seed)
      .boolean("interrupted", facts.interrupted)
      .raw("seconds", fmt::format("{:.3f}", facts.seconds))
      .raw("messages_per_second", fmt::format("{:.1f}", rate));
  // Open loop: from when it was meant to begin. Closed loop: there is no such time.
  const Point honest = facts.profile.empty() ? Point::Service : Point::Message;
  add_percentiles(json, "latency_us", tally.point(honest));
  JsonObject points = json.object("points_us");
  for (size_t i = 0; i < kPoints; ++i) add_percentiles(points, kPointNames[i], tally.points[i]);
  points.end();
  JsonObject curves = json.object("curves_us");
  for (const Point which : {Point::End, Point::Service, Point::Message}) {
    add_curve(curves, kPointNames[static_cast<size_t>(which)], tally.point(which));
  }
  curves.end();
  add_generator(json, tally, facts);
  add_series(json, tally.series, facts.shards);
  json.end();
  return line;
}

}  // namespace sluice::load

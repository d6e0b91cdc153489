#include "engine/node/metric_text.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

TEST(MetricText, WritesHelpTypeAndSamples) {
  MetricText out;
  out.counter("things", "Things that were seen.");
  out.sample(uint64_t{3}, {{"kind", "a"}});
  out.sample(uint64_t{4}, {{"kind", "b"}, {"more", "c"}});
  out.gauge("level", "How high.", 7);
  EXPECT_EQ(out.text(),
            "# HELP things_total Things that were seen.\n# TYPE things_total counter\n"
            "things_total{kind=\"a\"} 3\nthings_total{kind=\"b\",more=\"c\"} 4\n"
            "# HELP level How high.\n# TYPE level gauge\nlevel 7\n");
}

TEST(MetricText, ALabelValueCannotForgeALine) {
  MetricText out;
  out.gauge("level", "How high.");
  out.sample(uint64_t{1}, {{"name", "a\"} 9\nforged 1\\\x01\xff"}});
  EXPECT_TRUE(out.text().ends_with("level{name=\"a\\\"} 9\\nforged 1\\\\??\"} 1\n")) << out.text();
}

TEST(MetricText, AHistogramsBucketsAreCumulativeInTheNamesUnit) {
  BucketCounts counts;
  counts.record(256);
  counts.record(300);
  counts.record(uint64_t{1} << 40);
  MetricText out;
  out.histogram("time_seconds", "How long.", counts, 0.5);
  EXPECT_NE(out.text().find("time_seconds_bucket{le=\"128\"} 1\n"), std::string::npos) << out.text();
  EXPECT_NE(out.text().find("time_seconds_bucket{le=\"256\"} 2\n"), std::string::npos);
  EXPECT_NE(out.text().find("time_seconds_bucket{le=\"+Inf\"} 3\n"), std::string::npos);
  EXPECT_NE(out.text().find("time_seconds_count 3\n"), std::string::npos);
}

// Families are declared for each hop in turn, and written as the format wants them: in one piece.
TEST(MetricText, WritesTheFamiliesOfARegistryInOnePiece) {
  runtime::MetricRegistry registry(1);
  const runtime::Counter one = registry.counter("tries_total", "Tries", "hop=\"a\"");
  const runtime::Gauge level = registry.gauge("open", "Open", "hop=\"a\"");
  const runtime::HistogramCell time = registry.histogram("time_seconds", "Time", 0.5, 1, "hop=\"a\"");
  const runtime::Counter two = registry.counter("tries_total", "Tries", "hop=\"b\"");
  registry.freeze();
  runtime::MetricCells& cells = registry.cells(0);
  cells.add(one, 2);
  cells.add(two, 3);
  cells.add(level, -1);
  cells.record(time, 3);
  cells.record(time, uint64_t{1} << 40);
  MetricText out;
  out.declared(registry.read());
  EXPECT_TRUE(
      out.text().starts_with("# HELP tries_total Tries\n# TYPE tries_total counter\n"
                             "tries_total{hop=\"a\"} 2\ntries_total{hop=\"b\"} 3\n"
                             "# HELP open Open\n# TYPE open gauge\nopen{hop=\"a\"} -1\n"
                             "# HELP time_seconds Time\n# TYPE time_seconds histogram\n"
                             "time_seconds_bucket{hop=\"a\",le=\"1\"} 0\n"
                             "time_seconds_bucket{hop=\"a\",le=\"2\"} 1\n"))
      << out.text();
  EXPECT_TRUE(out.text().contains("time_seconds_bucket{hop=\"a\",le=\"+Inf\"} 2\n")) << out.text();
  EXPECT_TRUE(out.text().contains("time_seconds_count{hop=\"a\"} 2\n"));
}

}  // namespace
}  // namespace sluice::node

// The summary, the live view and the HTML report.

#include "tools/sluice_load/html_report.h"
#include "tools/sluice_load/live_view.h"
#include "tools/sluice_load/summary.h"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

Tally some_tally() {
  Tally tally;
  tally.begun = tally.sent = tally.accepted = 1000;
  for (uint64_t i = 1; i <= 1000; ++i) {
    tally.point(Point::Message).record(i);
    tally.point(Point::End).record(i / 2);
    tally.lag.record(10);
  }
  tally.refused["550 5.7.1"] = 3;
  tally.replies["rcpt 550 5.7.1"] = 4;
  tally.series.at(1s).accepted = 1000;
  tally.series.at(1s).cpu_us = 250'000;
  return tally;
}

RunFacts open_run() {
  RunFacts facts;
  facts.name = "first </script><b>";
  facts.profile = {{2, 500, 500}};
  facts.seconds = 2;
  return facts;
}

TEST(Summary, SaysWhatWasMeasured) {
  const nlohmann::json json = nlohmann::json::parse(to_json(some_tally(), open_run()));
  EXPECT_EQ(json["mode"], "open");
  EXPECT_EQ(json["expected"], 1000);
  EXPECT_EQ(json["latency_us"]["max"], 1000);
  EXPECT_EQ(json["latency_us"], json["points_us"]["message"]);
  EXPECT_NEAR(json["points_us"]["end"]["p50"].get<double>(), 250, 9);
  EXPECT_EQ(json["refused"]["550 5.7.1"], 3);
  EXPECT_EQ(json["replies"]["rcpt 550 5.7.1"], 4);
  EXPECT_EQ(json["series"]["accepted"], (nlohmann::json{0, 1000}));
  EXPECT_EQ(json["series"]["cpu_percent"], (nlohmann::json{0, 25}));
  EXPECT_EQ(json["curves_us"]["message"].back(), (nlohmann::json{1.0, 1000}));
  EXPECT_TRUE(json["generator"]["kept_schedule"]);
}

TEST(Summary, OwnsUpToWhatTheGeneratorDidNotDo) {
  Tally tally = some_tally();
  tally.late = 5;  // within one in a hundred
  EXPECT_EQ(schedule_problem(tally, open_run()), "");
  tally.late = 50;
  EXPECT_THAT(schedule_problem(tally, open_run()), HasSubstr("late though a connection was free"));
  tally.late = 0;
  tally.saturated_seconds = 2;
  EXPECT_THAT(schedule_problem(tally, open_run()), HasSubstr("no processor time to spare in 2 s"));
  tally.saturated_seconds = 0;
  tally.unsent = 7;
  EXPECT_THAT(schedule_problem(tally, open_run()), HasSubstr("latencies are lower bounds"));
  EXPECT_FALSE(nlohmann::json::parse(to_json(tally, open_run()))["generator"]["kept_schedule"]);
  EXPECT_EQ(schedule_problem(tally, RunFacts()), "");  // a closed loop has no schedule
}

TEST(HtmlReport, IsOneFileThatFetchesNothing) {
  const std::string summary = to_json(some_tally(), open_run());
  const Result<std::string> page = html_report({summary, summary});
  ASSERT_TRUE(page.has_value());
  EXPECT_TRUE(page->starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(page->ends_with("</html>\n"));
  for (const char* fetching : {"src=", "href=", "url(", "@import", "fetch(", "XMLHttpRequest", "https://"}) {
    EXPECT_THAT(*page, Not(HasSubstr(fetching)));
  }
  // The one address is the name of SVG's vocabulary, which is not fetched.
  EXPECT_EQ(page->find("http://"), page->find("http://www.w3.org/2000/svg"));
}

TEST(HtmlReport, NamesCannotEndTheScript) {
  const Result<std::string> page = html_report({to_json(some_tally(), open_run())});
  ASSERT_TRUE(page.has_value());
  EXPECT_THAT(*page, HasSubstr("first \\u003c/script>\\u003cb>"));
  EXPECT_THAT(*page, Not(HasSubstr("first </script>")));
  // What the script reads is the summary again.
  const std::string begin = "id=\"runs\">\n";
  const size_t from = page->find(begin) + begin.size();
  const nlohmann::json runs = nlohmann::json::parse(page->substr(from, page->find("</script>", from) - from));
  EXPECT_EQ(runs[0]["name"], "first </script><b>");
  EXPECT_EQ(runs[0], nlohmann::json::parse(to_json(some_tally(), open_run())));
}

TEST(HtmlReport, RefusesWhatIsNoSummary) {
  for (const char* wrong : {"", "{", "[]", "{\"v\":1}", "3"}) EXPECT_FALSE(html_report({wrong}).has_value());
}

LiveSample some_sample() {
  LiveSample sample;
  sample.seconds = 5;
  sample.since_last = 0.5;
  sample.seconds_meant = 10;
  sample.rate_meant = 200;
  sample.begun = 1000;
  sample.accepted = 980;
  sample.refused = 7;
  sample.errors = 3;
  sample.ended_lately = 95;
  sample.latency_lately.record(1500, 95);
  sample.late_lately = 2500;
  return sample;
}

TEST(LiveView, TheLineHasRatesErrorsAndLag) {
  EXPECT_EQ(
      render_line(some_sample()),
      "5 s: 1000 begun, 980 accepted, 7 refused, 3 errors, 10 in flight; 190/s of 200/s; p50 1.50 p99 1.50 "
      "max 1.50 ms; behind 2.50 ms");
}

TEST(LiveView, RedrawsInPlaceOnATerminalOnly) {
  for (const bool terminal : {true, false}) {
    char* text = nullptr;
    size_t size = 0;
    std::FILE* out = open_memstream(&text, &size);
    LiveView view(out, terminal, "127.0.0.1:25");
    view.show(some_sample());
    view.show(some_sample());
    std::fclose(out);
    const std::string drawn(text, size);
    std::free(text);
    EXPECT_EQ(drawn.find("\x1b[8A") != drawn.npos, terminal) << drawn;
    EXPECT_EQ(drawn.find('\x1b') != drawn.npos, terminal);
  }
}

TEST(LiveView, HistoryIsBounded) {
  LiveHistory history;
  for (int i = 0; i < 1000; ++i) history.add(some_sample());
  EXPECT_EQ(history.rates.size(), LiveHistory::kSamples);
  EXPECT_EQ(history.rates.back(), 190);
}

}  // namespace
}  // namespace sluice::load

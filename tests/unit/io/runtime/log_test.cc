#include "io/runtime/log.h"

#include <cstdio>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace sluice::runtime {
namespace {

constexpr WallTime kTime{std::chrono::microseconds(1'767'323'045'000'789)};  // 2026-01-02T03:04:05.000789Z

class LogFile : public testing::Test {
 protected:
  LogFile() {
    char name[] = "/tmp/sluice_log_test_XXXXXX";
    const int file = mkstemp(name);
    EXPECT_GE(file, 0);
    ::close(file);
    path_ = name;
  }
  ~LogFile() override { std::remove(path_.c_str()); }

  std::unique_ptr<Log> open(size_t records = 64, LogLevel level = LogLevel::Info) {
    auto log = Log::open({.path = path_, .level = level, .records = records});
    EXPECT_TRUE(log.has_value());
    return std::move(*log);
  }
  std::vector<std::string> lines() const {
    std::ifstream file(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  std::string path_;
};

using LogTest = LogFile;

TEST_F(LogTest, WritesOneJsonObjectALine) {
  auto log = open();
  log->write(kTime, LogLevel::Info, "smtp.connect",
             {{"peer", "192.0.2.1"}, {"port", 25U}, {"delta", -3}, {"tls", true}, {"load", 0.5}});
  log->flush();
  EXPECT_EQ(lines(),
            std::vector<std::string>{
                "{\"time\":\"2026-01-02T03:04:05.000789Z\",\"level\":\"info\",\"event\":\"smtp.connect\","
                "\"peer\":\"192.0.2.1\",\"port\":25,\"delta\":-3,\"tls\":true,\"load\":0.5}"});
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  auto log = open(64, LogLevel::Warning);
  EXPECT_FALSE(log->enabled(LogLevel::Info));
  log->write(kTime, LogLevel::Info, "quiet", {});
  log->write(kTime, LogLevel::Error, "loud", {});
  log.reset();
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_NE(lines()[0].find("\"level\":\"error\",\"event\":\"loud\"}"), std::string::npos);
}

TEST_F(LogTest, PeersCannotForgeLines) {
  auto log = open();
  const char octets[] = "a\"b\\c\r\n{\"x\":1}\x00\x7f\xff\xc0\x80\xed\xa0\x80";
  const std::string evil(octets, sizeof octets - 1);
  log->write(kTime, LogLevel::Info, "e",
             {{"text", evil}, {"good", "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x93\xa7"}});
  log->write(kTime, LogLevel::Info, "e", {{"nan", std::numeric_limits<double>::quiet_NaN()}});
  log.reset();
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_NE(lines()[0].find(
                "\"text\":\"a\\\"b\\\\c\\u000d\\u000a{\\\"x\\\":1}\\u0000\\u007f\\u00ff\\u00c0\\u0080"
                "\\u00ed\\u00a0\\u0080\",\"good\":\"gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x93\xa7\"}"),
            std::string::npos)
      << lines()[0];
  EXPECT_NE(lines()[1].find("\"nan\":null}"), std::string::npos);
}

TEST_F(LogTest, CutsWhatIsTooLongAndSaysSo) {
  auto log = open();
  log->write(kTime, LogLevel::Info, "long", {{"text", std::string(5000, 'x')}, {"after", 1}});
  log->write(kTime, LogLevel::Info, "long", {{"text", std::string(5000, '\n')}, {std::string(2000, 'n'), 1}});
  log->write(kTime, LogLevel::Info, "many",
             {{"a", std::string(895, 'x')}, {"number", 1234567890123U}, {"b", 1}});
  log.reset();
  ASSERT_EQ(lines().size(), 3U);
  for (const std::string& line : lines()) {
    EXPECT_LT(line.size(), Log::kRecordMax);
    EXPECT_TRUE(line.ends_with(",\"cut\":true}")) << line;
  }
  EXPECT_NE(lines()[0].find("xxxx\",\"cut\""), std::string::npos);
  EXPECT_NE(lines()[1].find("\\u000a\",\"cut\""), std::string::npos);
}

TEST_F(LogTest, DropsAndCountsWhenItCannotKeepUp) {
  // Two slots and a burst: whether any is dropped depends on the other thread, but each is written or
  // counted.
  constexpr size_t kBurst = 20'000;
  auto log = open(2);
  for (size_t i = 0; i < kBurst; ++i) log->write(kTime, LogLevel::Info, "burst", {{"i", i}});
  const uint64_t dropped = log->dropped();
  log.reset();
  size_t written = 0;
  size_t told = 0;
  for (const std::string& line : lines()) {
    if (line.find("\"log.dropped\"") == std::string::npos) {
      ++written;
    } else {
      told += std::stoul(line.substr(line.rfind(':') + 1));
    }
  }
  EXPECT_EQ(written + dropped, kBurst);
  EXPECT_EQ(told, dropped);
  EXPECT_GT(dropped, 0U);
}

TEST_F(LogTest, ManyThreadsNeverMixTheirRecords) {
  constexpr size_t kThreads = 4;
  constexpr size_t kEach = 500;
  auto log = open(4096);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&log, i] {
      for (size_t n = 0; n < kEach; ++n)
        log->write(kTime, LogLevel::Info, "e", {{"thread", i}, {"text", std::string(n % 50, 'x')}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  log.reset();
  EXPECT_EQ(lines().size(), kThreads * kEach);
  for (const std::string& line : lines()) EXPECT_TRUE(line.starts_with("{\"time\"") && line.ends_with("\"}"));
}

TEST(Log, SaysWhichFileItCannotOpen) {
  const auto log = Log::open({.path = "/nowhere/at/all.log"});
  ASSERT_FALSE(log.has_value());
  EXPECT_NE(log.error().to_string().find("/nowhere/at/all.log"), std::string::npos);
}

TEST_F(LogTest, HoldsBackLinesOfOneEventThatComeTooOftenAndTellsHowMany) {
  LogOptions options;
  options.path = path_;
  options.lines_per_second = 3;
  auto log = std::move(*Log::open(options));
  for (int i = 0; i < 10; ++i) log->write(kTime, LogLevel::Info, "noisy", {{"i", i}});
  log->write(kTime, LogLevel::Info, "other", {});
  EXPECT_EQ(log->suppressed(), 7U);
  log->write(kTime + std::chrono::seconds(1), LogLevel::Info, "noisy", {{"i", 10}});
  log->flush();
  std::vector<std::string> events;
  for (const std::string& line : lines()) {
    const size_t at = line.find("\"event\":\"") + 9;
    events.push_back(line.substr(at, line.find('"', at) - at));
  }
  EXPECT_EQ(events,
            (std::vector<std::string>{"noisy", "noisy", "noisy", "other", "log.suppressed", "noisy"}));
  EXPECT_NE(lines()[4].find("\"of\":\"noisy\",\"lines\":7"), std::string::npos) << lines()[4];
}

TEST_F(LogTest, WhatWasHeldBackAtTheEndIsToldThen) {
  LogOptions options;
  options.path = path_;
  options.lines_per_second = 1;
  auto log = std::move(*Log::open(options));
  for (int i = 0; i < 5; ++i) log->write(kTime, LogLevel::Info, "noisy", {});
  log.reset();
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_NE(lines()[1].find("\"of\":\"noisy\",\"lines\":4"), std::string::npos) << lines()[1];
}

TEST_F(LogTest, ReopenGoesOnInTheFileThatHasItsNameNow) {
  auto log = open();
  log->write(kTime, LogLevel::Info, "before", {});
  log->flush();
  const std::string old = path_ + ".old";
  ASSERT_EQ(std::rename(path_.c_str(), old.c_str()), 0);
  log->reopen();
  log->write(kTime, LogLevel::Info, "after", {});
  log.reset();
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_NE(lines()[0].find("after"), std::string::npos);
  std::remove(old.c_str());
}

}  // namespace
}  // namespace sluice::runtime

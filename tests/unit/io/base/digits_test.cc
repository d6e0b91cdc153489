#include "io/base/digits.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono;

std::string timestamp(WallTime time) {
  std::string out;
  append_timestamp(out, time);
  return out;
}

std::string padded(uint64_t value, unsigned width) {
  std::string out;
  append_padded(out, value, width);
  return out;
}

TEST(Digits, NumbersOfEverySize) {
  std::string out = "n=";
  append_number(out, 0);
  append_number(out, UINT64_MAX);
  EXPECT_EQ(out, "n=018446744073709551615");
}

TEST(Digits, PaddingKeepsTheLastDigits) {
  EXPECT_EQ(padded(7, 2), "07");
  EXPECT_EQ(padded(12345, 2), "45");
  EXPECT_EQ(padded(0, 6), "000000");
  EXPECT_EQ(padded(UINT64_MAX, 20), "18446744073709551615");
  EXPECT_EQ(padded(1, 0), "");
}

TEST(Digits, TimestampsToTheMicrosecond) {
  EXPECT_EQ(timestamp(sys_days{November / 21 / 2026} + 9h + 30min + 1s + 7us), "2026-11-21T09:30:01.000007Z");
  EXPECT_EQ(timestamp(sys_days{February / 29 / 2028} + 24h - 1us), "2028-02-29T23:59:59.999999Z");
  EXPECT_EQ(timestamp(WallTime{}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(timestamp(WallTime{-1us}), "1969-12-31T23:59:59.999999Z");
}

TEST(Digits, TimestampsOutsideFourDigitYearsAreClamped) {
  EXPECT_EQ(timestamp(WallTime::max()), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(timestamp(WallTime::min()), "0000-01-01T00:00:00.000000Z");
}

}  // namespace
}  // namespace sluice

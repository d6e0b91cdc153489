#include "io/base/histogram.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Histogram, PercentilesStayWithinOneInThirtyTwo) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 100000; ++value) histogram.record(value);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = share * 100000;
    EXPECT_NEAR(static_cast<double>(histogram.percentile(share)), exact, exact / 32 + 1);
  }
  EXPECT_EQ(histogram.percentile(1.0), 100000U);
}

TEST(Histogram, MergesAndHoldsExtremes) {
  Histogram a;
  Histogram b;
  EXPECT_EQ(a.percentile(0.5), 0U);
  a.record(0);
  b.record(UINT64_MAX);
  a.merge(b);
  EXPECT_EQ(a.count(), 2U);
  EXPECT_EQ(a.percentile(0.1), 0U);
  EXPECT_EQ(a.percentile(1.0), UINT64_MAX);
}

}  // namespace
}  // namespace sluice

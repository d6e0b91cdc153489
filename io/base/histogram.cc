#include "io/base/histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice {

uint64_t Histogram::percentile(double share) const {
  if (count_ == 0) return 0;
  const auto wanted =
      static_cast<uint64_t>(std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted && seen != 0) return std::min(upper_edge(i), max_);
  }
  return max_;
}

}  // namespace sluice

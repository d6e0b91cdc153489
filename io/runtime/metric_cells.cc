#include "io/runtime/metric_cells.h"

#include "io/base/check.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::runtime {
namespace {

constexpr uint32_t kSumCell = HistogramCell::kBuckets + 1;
constexpr uint32_t kHistogramCells = HistogramCell::kBuckets + 2;

}  // namespace

void MetricCells::record(HistogramCell histogram, uint64_t value) {
  // Bucket i holds what is greater than 2^(first_bit + i - 1) and at most 2^(first_bit + i).
  const auto power = static_cast<uint32_t>(value <= 1 ? 0 : std::bit_width(value - 1));
  const uint32_t bucket = power <= histogram.first_bit
                              ? 0
                              : std::min<uint32_t>(power - histogram.first_bit, HistogramCell::kBuckets);
  bump(histogram.cell + bucket, 1);
  bump(histogram.cell + kSumCell, value);
}

MetricRegistry::MetricRegistry(size_t shards) : writers_(shards + 1) {}

uint32_t MetricRegistry::declare(Declared metric, uint32_t cells) {
  SLUICE_CHECK(cells_.empty());  // all metrics are declared before the first is written
  metric.cell = cell_count_;
  cell_count_ += cells;
  metrics_.push_back(std::move(metric));
  return metrics_.back().cell;
}

Counter MetricRegistry::counter(std::string name, std::string help, std::string labels) {
  return {declare({MetricKind::Counter, std::move(name), std::move(labels), std::move(help), 1, 0, 0}, 1)};
}

Gauge MetricRegistry::gauge(std::string name, std::string help, std::string labels) {
  return {declare({MetricKind::Gauge, std::move(name), std::move(labels), std::move(help), 1, 0, 0}, 1)};
}

HistogramCell MetricRegistry::histogram(std::string name, std::string help, double unit, uint32_t first_bit,
                                        std::string labels) {
  const uint32_t cell = declare(
      {MetricKind::Histogram, std::move(name), std::move(labels), std::move(help), unit, 0, first_bit},
      kHistogramCells);
  return {cell, first_bit};
}

void MetricRegistry::freeze() {
  SLUICE_CHECK(cells_.empty());
  for (size_t i = 0; i < writers_; ++i) cells_.push_back(std::make_unique<MetricCells>(cell_count_));
}

MetricCells& MetricRegistry::cells(size_t shard) {
  SLUICE_CHECK(shard < cells_.size());
  return *cells_[shard];
}

std::vector<MetricSample> MetricRegistry::read() const {
  std::vector<MetricSample> samples;
  samples.reserve(metrics_.size());
  const auto sum = [this](uint32_t cell) {
    uint64_t total = 0;
    for (const auto& writer : cells_) total += writer->read(cell);
    return total;
  };
  for (const Declared& metric : metrics_) {
    MetricSample& sample = samples.emplace_back();
    sample.kind = metric.kind;
    sample.name = metric.name;
    sample.labels = metric.labels;
    sample.help = metric.help;
    sample.unit = metric.unit;
    sample.first_bit = metric.first_bit;
    if (metric.kind == MetricKind::Counter) sample.value = sum(metric.cell);
    if (metric.kind == MetricKind::Gauge) sample.level = static_cast<int64_t>(sum(metric.cell));
    if (metric.kind != MetricKind::Histogram) continue;
    for (uint32_t i = 0; i < sample.buckets.size(); ++i) {
      sample.buckets[i] = sum(metric.cell + i);
      sample.value += sample.buckets[i];
    }
    sample.sum = sum(metric.cell + kSumCell);
  }
  return samples;
}

}  // namespace sluice::runtime

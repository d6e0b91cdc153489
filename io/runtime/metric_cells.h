// Metric cells: numbers that each shard counts for itself with plain stores, and that a reader (the metrics
// page, a test, the balance check) sums up when asked.
//
// All metrics are declared in a MetricRegistry before the shards run; the registry is an object that the node
// makes and passes down. A declared metric is a handle (Counter, Gauge, HistogramCell), the same on every
// shard; MetricCells are one shard's numbers. A cell has one writer, so a counter costs a load and a store
// and no lock prefix. A reader on any thread sees each number whole, and different numbers at slightly
// different moments.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::runtime {

struct Counter {
  uint32_t cell = 0;
};
struct Gauge {
  uint32_t cell = 0;
};
// Buckets double from 2^first_bit; values are in the metric's smallest unit (microseconds, octets).
struct HistogramCell {
  static constexpr unsigned kBuckets = 24;  // then one more for all that is greater, one for the sum
  uint32_t cell = 0;
  uint32_t first_bit = 0;
};

class MetricCells {
 public:
  explicit MetricCells(size_t cells) : cells_(std::make_unique<std::atomic<uint64_t>[]>(cells)) {}

  void add(Counter counter, uint64_t count = 1) { bump(counter.cell, count); }
  void add(Gauge gauge, int64_t change) { bump(gauge.cell, static_cast<uint64_t>(change)); }
  void set(Gauge gauge, int64_t value) {
    cells_[gauge.cell].store(static_cast<uint64_t>(value), std::memory_order_relaxed);
  }
  void record(HistogramCell histogram, uint64_t value);

 private:
  friend class MetricRegistry;
  void bump(uint32_t cell, uint64_t change) {
    std::atomic<uint64_t>& value = cells_[cell];
    value.store(value.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
  }
  uint64_t read(uint32_t cell) const { return cells_[cell].load(std::memory_order_relaxed); }

  std::unique_ptr<std::atomic<uint64_t>[]> cells_;
};

enum class MetricKind : uint8_t { Counter, Gauge, Histogram };

// What a reader gets: one metric, summed over the writers.
struct MetricSample {
  MetricKind kind = MetricKind::Counter;
  std::string_view name;    // valid as long as the registry
  std::string_view labels;  // as declared: `result="pass",scope="mailfrom"`
  std::string_view help;
  double unit = 1;     // multiply values by this to get the name's unit
  uint64_t value = 0;  // Counter; the count of a Histogram
  int64_t level = 0;   // Gauge
  uint64_t sum = 0;    // Histogram
  uint32_t first_bit = 0;
  std::array<uint64_t, HistogramCell::kBuckets + 1>
      buckets{};  // not cumulative; bucket i: <= 2^(first_bit+i)
};

class MetricRegistry {
 public:
  // Writers are the shards, numbered as they are, and one more for the control thread.
  explicit MetricRegistry(size_t shards);

  // --- before freeze(), on one thread ---
  Counter counter(std::string name, std::string help, std::string labels = {});
  Gauge gauge(std::string name, std::string help, std::string labels = {});
  // The bucket bounds are unit * 2^first_bit, doubling. E.g. unit 1e-6 (microseconds shown as seconds).
  HistogramCell histogram(std::string name, std::string help, double unit, uint32_t first_bit,
                          std::string labels = {});
  void freeze();

  // --- after freeze() ---
  MetricCells& cells(size_t shard);  // shard == the number of shards: the control thread's
  // Any thread, in the order of declaration.
  std::vector<MetricSample> read() const;

 private:
  struct Declared {
    MetricKind kind;
    std::string name;
    std::string labels;
    std::string help;
    double unit;
    uint32_t cell;
    uint32_t first_bit;
  };
  uint32_t declare(Declared metric, uint32_t cells);

  size_t writers_;
  uint32_t cell_count_ = 0;
  std::vector<Declared> metrics_;
  std::vector<std::unique_ptr<MetricCells>> cells_;
};

}  // namespace sluice::runtime

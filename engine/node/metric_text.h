// MetricText: writes the Prometheus text format, version 0.0.4. A family is opened once, with its help and
// type, and its samples follow; names and label values are checked or escaped here, so that no next hop or
// version string can forge a line. Not thread-safe; one page, one object.
#pragma once

#include "io/base/bucket_counts.h"
#include "io/runtime/metric_cells.h"

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace sluice::node {

struct MetricLabel {
  std::string_view name;
  std::string_view value;
};
using MetricLabels = std::initializer_list<MetricLabel>;

class MetricText {
 public:
  // `name` without _total or _bucket; `help` is one line.
  void counter(std::string_view name, std::string_view help);
  void gauge(std::string_view name, std::string_view help);
  void histogram(std::string_view name, std::string_view help, const BucketCounts& counts, double unit);
  // Of the family that was opened last.
  void sample(uint64_t value, MetricLabels labels = {});
  void sample(double value, MetricLabels labels = {});

  // A family with one sample.
  void counter(std::string_view name, std::string_view help, uint64_t value) {
    counter(name, help);
    sample(value);
  }
  void gauge(std::string_view name, std::string_view help, uint64_t value) {
    gauge(name, help);
    sample(value);
  }

  // Those of a registry, whose labels are escaped already: the samples of one family together, wherever they
  // were declared.
  void declared(std::span<const runtime::MetricSample> samples);

  const std::string& text() const { return text_; }

 private:
  void write_declared(const runtime::MetricSample& sample);
  void open(std::string_view name, std::string_view help, std::string_view type);
  void line(std::string_view name, MetricLabels labels, std::string_view value);

  std::string text_;
  std::string name_;
};

}  // namespace sluice::node

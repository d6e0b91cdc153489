#include "engine/node/metric_text.h"

#include "io/base/check.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

namespace sluice::node {
namespace {

bool is_metric_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Backslash, quote and line feed are escaped; what is not printable ASCII becomes '?', since the format wants
// UTF-8.
void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c >= ' ' && c <= '~' ? c : '?';
    }
  }
}

}  // namespace

void MetricText::open(std::string_view name, std::string_view help, std::string_view type) {
  SLUICE_CHECK(is_metric_name(name) && help.find_first_of("\\\n") == help.npos);
  name_ = name;
  text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void MetricText::counter(std::string_view name, std::string_view help) {
  open(fmt::format("{}_total", name), help, "counter");
}

void MetricText::gauge(std::string_view name, std::string_view help) { open(name, help, "gauge"); }

void MetricText::histogram(std::string_view name, std::string_view help, const BucketCounts& counts,
                           double unit) {
  open(name, help, "histogram");
  const std::string bucket = fmt::format("{}_bucket", name);
  uint64_t below = 0;
  for (size_t i = 0; i < BucketCounts::kBuckets; ++i) {
    below += counts.buckets[i];
    const std::string bound = fmt::format("{}", static_cast<double>(BucketCounts::bound(i)) * unit);
    line(bucket, {{"le", bound}}, fmt::format("{}", below));
  }
  line(bucket, {{"le", "+Inf"}}, fmt::format("{}", counts.count()));
  line(fmt::format("{}_sum", name), {}, fmt::format("{}", static_cast<double>(counts.sum) * unit));
  line(fmt::format("{}_count", name), {}, fmt::format("{}", counts.count()));
}

void MetricText::declared(std::span<const runtime::MetricSample> samples) {
  constexpr std::array kTypes{"counter", "gauge", "histogram"};
  std::set<std::string_view> written;
  for (const runtime::MetricSample& first : samples) {
    if (!written.insert(first.name).second) continue;
    open(first.name, first.help, kTypes[static_cast<size_t>(first.kind)]);
    for (const runtime::MetricSample& sample : samples) {
      if (sample.name == first.name) write_declared(sample);
    }
  }
}

void MetricText::write_declared(const runtime::MetricSample& sample) {
  const auto write = [this, &sample](std::string_view ending, std::string_view bound, const auto& value) {
    text_ += fmt::format("{}{}", sample.name, ending);
    const std::string_view comma = sample.labels.empty() || bound.empty() ? "" : ",";
    const std::string le = bound.empty() ? std::string() : fmt::format("le=\"{}\"", bound);
    if (!sample.labels.empty() || !bound.empty())
      text_ += fmt::format("{{{}{}{}}}", sample.labels, comma, le);
    text_ += fmt::format(" {}\n", value);
  };
  if (sample.kind == runtime::MetricKind::Counter) return write("", "", sample.value);
  if (sample.kind == runtime::MetricKind::Gauge) return write("", "", sample.level);
  uint64_t below = 0;
  for (size_t i = 0; i < runtime::HistogramCell::kBuckets; ++i) {
    below += sample.buckets[i];
    const double bound = static_cast<double>(uint64_t{1} << (sample.first_bit + i)) * sample.unit;
    write("_bucket", fmt::format("{}", bound), below);
  }
  write("_bucket", "+Inf", sample.value);
  write("_sum", "", static_cast<double>(sample.sum) * sample.unit);
  write("_count", "", sample.value);
}

void MetricText::sample(uint64_t value, MetricLabels labels) {
  line(name_, labels, fmt::format("{}", value));
}

void MetricText::sample(double value, MetricLabels labels) { line(name_, labels, fmt::format("{}", value)); }

void MetricText::line(std::string_view name, MetricLabels labels, std::string_view value) {
  text_ += name;
  char before = '{';
  for (const MetricLabel& label : labels) {
    SLUICE_CHECK(is_metric_name(label.name));
    text_ += before;
    text_ += label.name;
    text_ += "=\"";
    append_label_value(text_, label.value);
    text_ += '"';
    before = ',';
  }
  if (labels.size() != 0) text_ += '}';
  text_ += fmt::format(" {}\n", value);
}

}  // namespace sluice::node

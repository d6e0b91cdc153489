#include "tools/sluice_load/live_view.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace sluice::load {
namespace {

constexpr size_t kWidth = 79;

void push(std::vector<double>& values, double value) {
  if (values.size() == LiveHistory::kSamples) values.erase(values.begin());
  values.push_back(value);
}

// One character for each value, the greatest one the highest.
std::string sparkline(const std::vector<double>& values) {
  static constexpr std::array<std::string_view, 8> kBars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double greatest = values.empty() ? 0 : *std::ranges::max_element(values);
  std::string line;
  for (const double value : values) {
    const double part = greatest > 0 ? value / greatest : 0;
    line += kBars[std::min<size_t>(static_cast<size_t>(part * 8), 7)];
  }
  return line;
}

std::string millis(uint64_t micros) { return fmt::format("{:.2f}", static_cast<double>(micros) / 1000); }

double rate_of(const LiveSample& sample) {
  return sample.since_last > 0 ? static_cast<double>(sample.ended_lately) / sample.since_last : 0;
}

std::string bar(double part) {
  constexpr size_t kCells = 30;
  const auto full = static_cast<size_t>(std::clamp(part, 0.0, 1.0) * kCells);
  return std::string(full, '#') + std::string(kCells - full, '.');
}

double part_done(const LiveSample& sample) {
  if (sample.seconds_meant > 0) return sample.seconds / sample.seconds_meant;
  if (sample.messages_meant == 0) return 0;
  return static_cast<double>(sample.begun) / static_cast<double>(sample.messages_meant);
}

}  // namespace

void LiveHistory::add(const LiveSample& sample) {
  push(rates, rate_of(sample));
  push(p99_millis, static_cast<double>(sample.latency_lately.percentile(0.99)) / 1000);
}

std::string render_line(const LiveSample& sample) {
  const Histogram& latency = sample.latency_lately;
  std::string line = fmt::format(
      "{:.0f} s: {} begun, {} accepted, {} refused, {} errors, {} in flight; {:.0f}/s", sample.seconds,
      sample.begun, sample.accepted, sample.refused, sample.errors, sample.in_flight(), rate_of(sample));
  if (sample.rate_meant > 0) line += fmt::format(" of {:.0f}/s", sample.rate_meant);
  line += fmt::format("; p50 {} p99 {} max {} ms", millis(latency.percentile(0.5)),
                      millis(latency.percentile(0.99)), millis(latency.max()));
  if (sample.rate_meant > 0) line += fmt::format("; behind {} ms", millis(sample.late_lately));
  return line;
}

std::string render_live(const LiveSample& sample, const LiveHistory& history, const std::string& title) {
  const Histogram& latency = sample.latency_lately;
  std::vector<std::string> lines;
  lines.push_back(fmt::format("sluice-load  {}", title).substr(0, kWidth));
  std::string time = fmt::format("[{}] {:5.0f} s", bar(part_done(sample)), sample.seconds);
  if (sample.seconds_meant > 0) time += fmt::format(" of {:.0f} s", sample.seconds_meant);
  lines.push_back(std::move(time));
  std::string rate = fmt::format("rate      {:9.0f} /s", rate_of(sample));
  if (sample.rate_meant > 0) rate += fmt::format("   meant {:9.0f} /s", sample.rate_meant);
  lines.push_back(rate + fmt::format("   in flight {:7}", sample.in_flight()));
  lines.push_back(fmt::format("latency   p50 {:>8} p90 {:>8} p99 {:>8} p99.9 {:>8} max {:>8} ms",
                              millis(latency.percentile(0.5)), millis(latency.percentile(0.9)),
                              millis(latency.percentile(0.99)), millis(latency.percentile(0.999)),
                              millis(latency.max())));
  lines.push_back(fmt::format("messages  accepted {:9}   refused {:7}   errors {:7}", sample.accepted,
                              sample.refused, sample.errors));
  std::string own = fmt::format("generator CPU {:4.0f} %", 100 * sample.cpu_share);
  if (sample.rate_meant > 0)
    own += fmt::format("   behind its schedule {} ms at most", millis(sample.late_lately));
  lines.push_back(std::move(own));
  lines.push_back(fmt::format("rate      {}", sparkline(history.rates)));
  lines.push_back(fmt::format("p99       {}", sparkline(history.p99_millis)));
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

void LiveView::show(const LiveSample& sample) {
  history_.add(sample);
  if (!terminal_) {
    fmt::print(out_, "sluice-load: {}\n", render_line(sample));
    return;
  }
  const std::string text = render_live(sample, history_, title_);
  std::string drawn;
  if (lines_drawn_ != 0) drawn = fmt::format("\x1b[{}A", lines_drawn_);  // back to our first line
  for (const char octet : text) {
    if (octet == '\n') drawn += "\x1b[K";  // what an earlier line left behind
    drawn += octet;
  }
  lines_drawn_ = static_cast<size_t>(std::ranges::count(text, '\n'));
  fmt::print(out_, "{}", drawn);
  std::fflush(out_);
}

}  // namespace sluice::load

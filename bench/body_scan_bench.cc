// The scan over message data (io/smtp/body_scan.h): octets per second of the scalar twin and of the block
// scan on each instruction set that this machine has, on lines of text. The reason why the block scan exists.
//
//   build/release/bin/body-scan-bench
#include "io/smtp/body_scan.h"

#include <string>

#include <benchmark/benchmark.h>
#include <hwy/highway.h>

namespace sluice::smtp {
namespace {

std::string text_of(size_t octets) {
  std::string text;
  while (text.size() < octets)
    text.append("The quick brown fox jumps over the lazy dog, and then it does so once more.\r\n");
  text.resize(octets, 'x');
  return text;
}

template <ScanResult (*kScan)(std::string_view, BodyScan&)>
void scan(benchmark::State& state, int64_t target) {
  if (target != 0) hwy::GetChosenTarget().Update(target);
  const std::string text = text_of(static_cast<size_t>(state.range(0)));
  for ([[maybe_unused]] auto round : state) {
    BodyScan found;
    benchmark::DoNotOptimize(kScan(text, found));
    benchmark::DoNotOptimize(found);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}

}  // namespace
}  // namespace sluice::smtp

int main(int argc, char** argv) {
  using namespace sluice::smtp;
  benchmark::Initialize(&argc, argv);
  const auto add = [](const std::string& name, auto function, int64_t target) {
    benchmark::RegisterBenchmark(name.c_str(), function, target)->Arg(512)->Arg(4096)->Arg(20480)->Arg(32768);
  };
  add("scalar", scan<scan_body_scalar>, 0);
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    add(hwy::TargetName(target), scan<scan_body>, target);
  }
  benchmark::RunSpecifiedBenchmarks();
}

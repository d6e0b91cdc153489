// faults_run: seeded runs of whole nodes in the simulator, with everything around them failing.
//
//   faults_run --runs 10000 --seed 1 --jobs 2      a series; states runs and faults per minute, and every
//   kind faults_run --seed 4711 --verbose               one run again, with its trace
//
// Exit status: 0 all is well, 1 a violation (or a kind of fault that never happened in a long series), 2
// usage.
#include "tests/faults/series.h"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace {

bool read_number(const char* text, uint64_t& into) {
  const char* end = text + std::strlen(text);
  const auto read = std::from_chars(text, end, into);
  return read.ec == std::errc() && read.ptr == end;
}

int usage() {
  std::fputs(
      "usage: faults_run [--runs N] [--seed FIRST] [--minutes M] [--jobs J] [--verbose] [--twice EVERY] "
      "[--keep-going]\n"
      "  --runs N        that many seeds, one after the other; 1 when not given\n"
      "  --seed FIRST    the first of them\n"
      "  --minutes M     stops after so long, however many runs are left\n"
      "  --jobs J        processes side by side\n"
      "  --verbose       the trace of each run\n"
      "  --twice EVERY   every so many-th seed is run twice and must do the same; 50 when not given\n"
      "  --keep-going    does not stop at the first violation\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  sluice::faults::SeriesOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--verbose") {
      options.verbose = true;
      continue;
    }
    if (word == "--keep-going") {
      options.keep_going = true;
      continue;
    }
    uint64_t number = 0;
    if (i + 1 == argc || !read_number(argv[i + 1], number)) return usage();
    ++i;
    if (word == "--runs") {
      options.runs = number;
    } else if (word == "--seed") {
      options.first_seed = number;
    } else if (word == "--minutes") {
      options.minutes = number;
    } else if (word == "--jobs" && number > 0 && number <= 64) {
      options.jobs = number;
    } else if (word == "--twice") {
      options.twice_every = number;
    } else {
      return usage();
    }
  }
  return sluice::faults::run_series(options);
}

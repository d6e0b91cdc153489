// A series of runs: seed after seed, in processes side by side, so that one that dies or hangs costs its seed
// and names it. Prints what failed with the command that repeats it, and what the series went through.
#pragma once

#include <cstdint>

namespace sluice::faults {

struct SeriesOptions {
  uint64_t runs = 1;
  uint64_t first_seed = 1;
  uint64_t minutes = 0;  // 0: no limit
  uint64_t jobs = 1;
  uint64_t twice_every = 50;
  bool verbose = false;
  bool keep_going = false;
};

// The exit status of the program.
int run_series(const SeriesOptions& options);

}  // namespace sluice::faults

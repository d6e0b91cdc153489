#include "tests/faults/series.h"

#include "tests/faults/fault_run.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::faults {
namespace {

constexpr unsigned kRunSecondsMost = 120;  // of this machine's time: then a run is stuck
constexpr uint64_t kLongSeries = 2000;     // runs from which on every kind of fault must have happened

using Clock = std::chrono::steady_clock;

struct Sum {
  uint64_t runs = 0;
  uint64_t failed = 0;
  uint64_t faults = 0;
  uint64_t repeated = 0;
  Tally tally;
};

// --- a worker: one process, every jobs-th seed; a line for each thing that its parent must know ---

class Worker {
 public:
  Worker(const SeriesOptions& options, int out) : options_(options), out_(out) {
    runtime::LogOptions log;
    const char* path = std::getenv("SLUICE_FAULTS_LOG");
    log.path = path != nullptr ? path : "/dev/null";
    log_ = std::move(*runtime::Log::open(log));
  }
  void run(uint64_t first) {
    for (uint64_t seed = first; seed < options_.first_seed + options_.runs; seed += options_.jobs) {
      if (options_.minutes != 0 && Clock::now() - began_ > std::chrono::minutes(options_.minutes)) break;
      tell("begin {}\n", seed);
      alarm(kRunSecondsMost);
      run_seed(seed);
      if (sum_.failed != 0 && !options_.keep_going) break;
    }
    alarm(0);
    for (const auto& [kind, times] : sum_.tally.kinds()) tell("kind {} {}\n", times, kind);
    tell("end {} {} {} {}\n", sum_.runs, sum_.failed, sum_.faults, sum_.repeated);
  }

 private:
  template <class... Args>
  void tell(fmt::format_string<Args...> format, Args&&... args) {
    const std::string line = fmt::format(format, std::forward<Args>(args)...);
    size_t at = 0;
    while (at < line.size()) {
      const ssize_t wrote = write(out_, line.data() + at, line.size() - at);
      if (wrote <= 0) std::_Exit(3);
      at += static_cast<size_t>(wrote);
    }
  }

  void run_seed(uint64_t seed) {
    FaultRun run(seed, options_.verbose, *log_);
    run.run();
    ++sum_.runs;
    sum_.faults += run.faults();
    sum_.tally.add(run.ledger().tally());
    std::vector<std::string> violations = run.ledger().violations();
    const bool again = options_.twice_every != 0 && seed % options_.twice_every == 0;
    if (again) {
      ++sum_.repeated;
      FaultRun second(seed, options_.verbose, *log_);
      second.run();
      if (second.trace_hash() != run.trace_hash()) violations.emplace_back("the same seed gave another run");
    }
    if (options_.verbose)
      for (const std::string& line : run.ledger().trace()) tell("say {}\n", one_line(line));
    if (violations.empty()) return;
    ++sum_.failed;
    for (const std::string& violation : violations) tell("fail {} {}\n", seed, one_line(violation));
  }

  static std::string one_line(const std::string& text) {
    std::string line;
    for (const char c : text) {
      if (c == '\r') {
        line += "\\r";
      } else if (c == '\n') {
        line += "\\n";
      } else {
        line += c;
      }
    }
    return line;
  }

  const SeriesOptions& options_;
  const Clock::time_point began_ = Clock::now();
  int out_;
  std::unique_ptr<runtime::Log> log_;
  Sum sum_;
};

// --- the parent ---

struct Child {
  pid_t pid = 0;
  int in = -1;
  std::string text;
  uint64_t seed = 0;    // under way
  uint64_t failed = 0;  // the last that was told of
  bool ended = false;
};

Child start_worker(const SeriesOptions& options, uint64_t first) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) std::exit(2);
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    close(pipe_ends[0]);
    {
      Worker worker(options, pipe_ends[1]);
      worker.run(first);
    }
    std::exit(0);  // sanitizers look for leaks here
  }
  close(pipe_ends[1]);
  Child child;
  child.pid = pid;
  child.in = pipe_ends[0];
  return child;
}

void take_line(Child& child, const std::string& line, Sum& sum) {
  unsigned long long a = 0, b = 0, c = 0, d = 0;
  int at = 0;
  if (std::sscanf(line.c_str(), "begin %llu", &a) == 1) {
    child.seed = a;
  } else if (std::sscanf(line.c_str(), "fail %llu %n", &a, &at) == 1) {
    fmt::print("seed {}: {}\n", a, line.substr(static_cast<size_t>(at)));
    if (child.failed != a) fmt::print("  repeat: faults_run --seed {} --verbose\n", a);
    child.failed = a;
  } else if (std::sscanf(line.c_str(), "kind %llu %n", &a, &at) == 1) {
    sum.tally.count(line.substr(static_cast<size_t>(at)), a);
  } else if (std::sscanf(line.c_str(), "end %llu %llu %llu %llu", &a, &b, &c, &d) == 4) {
    sum.runs += a;
    sum.failed += b;
    sum.faults += c;
    sum.repeated += d;
    child.ended = true;
  } else if (line.starts_with("say ")) {
    fmt::print("{}\n", line.substr(4));
  }
  std::fflush(stdout);
}

// False: it has said its last.
bool read_from(Child& child, Sum& sum) {
  std::array<char, 65536> buffer{};
  const ssize_t got = read(child.in, buffer.data(), buffer.size());
  if (got <= 0) return false;
  child.text.append(buffer.data(), static_cast<size_t>(got));
  for (size_t end = child.text.find('\n'); end != child.text.npos; end = child.text.find('\n')) {
    take_line(child, child.text.substr(0, end), sum);
    child.text.erase(0, end + 1);
  }
  return true;
}

void bury(Child& child, Sum& sum) {
  int status = 0;
  waitpid(child.pid, &status, 0);
  close(child.in);
  child.in = -1;
  if (child.ended && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  ++sum.failed;
  const std::string how = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                              : fmt::format("status {}", WEXITSTATUS(status));
  fmt::print("seed {}: the process died ({}{})\n", child.seed, how,
             WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? ": the run hangs" : "");
  fmt::print("  repeat: faults_run --seed {} --verbose\n", child.seed);
}

int report(const SeriesOptions& options, const Sum& sum, double seconds) {
  if (options.runs == 1 && sum.failed == 0) fmt::print("seed {}: no violation\n", options.first_seed);
  if (options.runs == 1) return sum.failed == 0 ? 0 : 1;
  fmt::print("{} runs in {:.1f} s, {} with violations, {} repeated: {:.0f} runs and {:.0f} faults a minute\n",
             sum.runs, seconds, sum.failed, sum.repeated, static_cast<double>(sum.runs) * 60 / seconds,
             static_cast<double>(sum.faults) * 60 / seconds);
  fmt::print("{} faults of {} kinds:\n", sum.faults, sum.tally.kinds().size());
  for (const auto& [kind, times] : sum.tally.kinds()) fmt::print("  {:>10}  {}\n", times, kind);
  const std::vector<std::string> missing = sum.tally.missing();
  for (const std::string& kind : missing) fmt::print("never happened: {}\n", kind);
  return sum.failed != 0 || (sum.runs >= kLongSeries && !missing.empty()) ? 1 : 0;
}

}  // namespace

int run_series(const SeriesOptions& options) {
  const auto began = Clock::now();
  std::vector<Child> children;
  for (uint64_t i = 0; i < options.jobs; ++i)
    children.push_back(start_worker(options, options.first_seed + i));
  Sum sum;
  for (size_t alive = children.size(); alive != 0;) {
    std::vector<pollfd> waiting;
    std::vector<Child*> whose;
    for (Child& child : children) {
      if (child.in < 0) continue;
      waiting.push_back({child.in, POLLIN, 0});
      whose.push_back(&child);
    }
    (void)poll(waiting.data(), waiting.size(), 1000);
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0 || read_from(*whose[i], sum)) continue;
      bury(*whose[i], sum);
      --alive;
    }
  }
  return report(options, sum, std::chrono::duration<double>(Clock::now() - began).count());
}

}  // namespace sluice::faults

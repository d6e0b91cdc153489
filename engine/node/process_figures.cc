#include "engine/node/process_figures.h"

#include "engine/node/system_file.h"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace sluice::node {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

ProcessFigures read_process_figures() {
  ProcessFigures figures;
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  unsigned long long virtual_pages = 0;
  unsigned long long resident_pages = 0;
  const Result<std::string> pages = read_system_file("/proc/self/statm");
  if (pages && std::sscanf(pages->c_str(), "%llu %llu", &virtual_pages, &resident_pages) == 2) {
    figures.virtual_octets = virtual_pages * page;
    figures.resident_octets = resident_pages * page;
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    figures.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  std::error_code problem;
  std::filesystem::directory_iterator files("/proc/self/fd", problem);
  for (; !problem && files != std::filesystem::directory_iterator(); files.increment(problem))
    ++figures.open_files;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.open_files_max = limit.rlim_cur;
  return figures;
}

}  // namespace sluice::node

// Runs a fuzz target's entry point over files, for builds without libFuzzer: every argument is a file or a
// folder of files. An empty input and a few short ones are always run, so a target without seeds is run too.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void run(std::string_view input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

bool run_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string octets{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
  }
  run(octets);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  run({});
  run(std::string_view("\0", 1));
  run("\r\n");
  run("v=spf1 a -all");
  int files = 0;
  for (int index = 1; index < argc; ++index) {
    const std::filesystem::path path = argv[index];
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;  // a target without seeds
    if (!std::filesystem::is_directory(path, error)) {
      if (!run_file(path)) return 1;
      ++files;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (!entry.is_regular_file()) continue;
      if (!run_file(entry.path())) return 1;
      ++files;
    }
  }
  std::printf("%d files\n", files);
  return 0;
}

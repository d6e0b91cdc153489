// The fuzz target that must fail: it has a planted defect behind a four-letter word. The test that runs it is
// expected to fail, which shows that a finding in any other target would be seen.

#include "io/base/check.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  SLUICE_CHECK(!input.starts_with("ooze"));
  return 0;
}

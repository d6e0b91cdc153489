// The reader behind DATA that normalises bare line ends, over any octets: what it gives out is what the
// plainest reading of its rules gives, in whatever pieces the octets come and wherever its limit lies; no
// next hop can find an end of data in it; and its end is that of a reader that refuses. The first octet
// chooses the limit.

#include "io/base/check.h"
#include "io/base/random.h"
#include "tests/unit/io/smtp/read_message.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace sluice;

namespace {

constexpr smtp::BareLineEnds kNormalize = smtp::BareLineEnds::Normalize;

// Where a reader that refuses ends, which it does without looking at what line ends mean.
size_t end_of_refusing(std::string_view octets) {
  smtp::DataReader reader;
  for (size_t used = 0; used < octets.size();) {
    const smtp::DataReader::Result result = reader.read(octets.substr(used));
    used += result.consumed;
    if (result.step == smtp::DataReader::Step::End) return used;
  }
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 65536) return 0;
  const uint64_t octets_max = data[0] < 128 ? UINT64_MAX : data[0] - 128;
  const std::string octets =
      std::string(reinterpret_cast<const char*>(data) + 1, size - 1) + "\r\n.\r\nQUIT\r\n";
  const smtp::ReadMessage expected = smtp::model_of_normalized(octets, octets_max);
  const auto whole = [](size_t left) { return left; };
  SLUICE_CHECK(smtp::read_message(kNormalize, octets, whole, octets_max) == expected);
  Random random(data[0]);
  const auto pieces = [&random](size_t left) { return std::min<size_t>(left, 1 + random.below(7)); };
  SLUICE_CHECK(smtp::read_message(kNormalize, octets, pieces, octets_max) == expected);
  SLUICE_CHECK(smtp::danger_of(expected.wire).empty());
  SLUICE_CHECK(end_of_refusing(octets) == expected.end);
  const size_t dropped_from = random.below(static_cast<uint32_t>(octets.size()));
  SLUICE_CHECK(smtp::read_message(kNormalize, octets, pieces, octets_max, dropped_from).end == expected.end);
  return 0;
}

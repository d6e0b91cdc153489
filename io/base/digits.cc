#include "io/base/digits.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice {

void append_number(std::string& out, uint64_t value) {
  std::array<char, 20> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), written.ptr);
}

void append_padded(std::string& out, uint64_t value, unsigned width) {
  std::array<char, 20> digits{};
  width = std::min<unsigned>(width, digits.size());
  for (unsigned i = width; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits.data(), width);
}

void append_timestamp(std::string& out, WallTime time) {
  using namespace std::chrono;
  constexpr WallTime kFirst = sys_days{January / 1 / 0};
  constexpr WallTime kLast = sys_days{December / 31 / 9999} + 24h - 1us;
  time = std::clamp(time, kFirst, kLast);
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  append_padded(out, static_cast<uint64_t>(static_cast<int>(date.year())), 4);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_padded(out, static_cast<uint64_t>(clock.hours().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<uint64_t>(clock.minutes().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<uint64_t>(clock.seconds().count()), 2);
  out.push_back('.');
  append_padded(out, static_cast<uint64_t>(clock.subseconds().count()), 6);
  out.push_back('Z');
}

}  // namespace sluice

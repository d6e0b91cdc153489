#include "tools/sluice_load/distribution.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <utility>

#include <fmt/format.h>

namespace sluice::load {
namespace {

constexpr size_t kChoicesMax = 10'000;
constexpr double kLargest = 1e15;

std::optional<uint64_t> parse_whole(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  double factor = 1;
  if (text.ends_with('k')) factor = 1024;
  if (text.ends_with('m')) factor = 1024.0 * 1024;
  if (factor != 1) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  value *= factor;
  if (!(value >= 0) || value > kLargest) return std::nullopt;
  return value;
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == text.npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

double unit(Random& random) { return static_cast<double>((random() >> 11) + 1) * 0x1p-53; }

Result<Distribution> Distribution::parse(std::string_view text) {
  for (const auto& [word, kind] : {std::pair(std::string_view("lognormal:"), Kind::Lognormal),
                                   std::pair(std::string_view("uniform:"), Kind::Uniform)}) {
    if (text.starts_with(word)) return parse_pair(kind, text.substr(word.size()));
  }
  return parse_choices(text);
}

Result<Distribution> Distribution::parse_pair(Kind kind, std::string_view text) {
  const size_t colon = text.find(':');
  const std::optional<double> first = parse_number(text.substr(0, colon));
  const std::optional<double> second =
      colon == text.npos ? std::nullopt : parse_number(text.substr(colon + 1));
  Distribution made;
  made.kind_ = kind;
  if (kind == Kind::Uniform) {
    if (!first || !second || *first > *second) return fail(ErrorKind::Invalid, "uniform:LEAST:GREATEST");
    made.first_ = *first;
    made.second_ = *second;
  } else {
    if (!first || !second || *first <= 0 || *second < *first) {
      return fail(ErrorKind::Invalid, "lognormal:MEDIAN:MEAN, the mean not below the median");
    }
    made.first_ = std::log(*first);
    made.second_ = std::sqrt(2 * std::log(*second / *first));
  }
  return made;
}

Result<Distribution> Distribution::parse_choices(std::string_view text) {
  Distribution made;
  made.choices_.clear();
  double sum = 0;
  for (const std::string_view part : split_list(text)) {
    const size_t equals = part.find('=');
    const std::optional<double> value = parse_number(part.substr(0, equals));
    const std::optional<double> weight =
        equals == part.npos ? std::optional(1.0) : parse_number(part.substr(equals + 1));
    if (!value || !weight) {
      return fail(ErrorKind::Invalid, fmt::format("'{}' is not NUMBER or NUMBER=WEIGHT", part));
    }
    sum += *weight;
    made.choices_.push_back({static_cast<uint64_t>(*value), sum});
  }
  if (sum <= 0 || made.choices_.size() > kChoicesMax) return fail(ErrorKind::Invalid, "no weight at all");
  for (Choice& choice : made.choices_) choice.up_to /= sum;
  made.choices_.back().up_to = 1;
  return made;
}

uint64_t Distribution::draw(Random& random) const {
  double value = 0;
  switch (kind_) {
    case Kind::List: {
      if (choices_.size() == 1) return std::clamp(choices_.front().value, least_, most_);
      const double at = unit(random);
      const auto found = std::ranges::lower_bound(choices_, at, {}, &Choice::up_to);
      return std::clamp(found->value, least_, most_);
    }
    case Kind::Uniform:
      value = std::floor(first_ + (1 - unit(random)) * (second_ - first_ + 1));
      break;
    case Kind::Lognormal: {  // Box and Muller
      const double normal =
          std::sqrt(-2 * std::log(unit(random))) * std::cos(2 * std::numbers::pi * unit(random));
      value = std::min(std::exp(first_ + second_ * normal), kLargest);
      break;
    }
  }
  return std::clamp(static_cast<uint64_t>(value), least_, most_);
}

bool Distribution::always(uint64_t value) const {
  return kind_ == Kind::List && choices_.size() == 1 && choices_.front().value == value;
}

bool Distribution::limit(uint64_t least, uint64_t most) {
  least_ = least;
  most_ = most;
  if (kind_ == Kind::Lognormal) return true;
  if (kind_ == Kind::Uniform) {
    return first_ >= static_cast<double>(least) && second_ <= static_cast<double>(most);
  }
  return std::ranges::all_of(choices_,
                             [&](const Choice& each) { return each.value >= least && each.value <= most; });
}

Result<AddressPattern> AddressPattern::parse(std::string_view text) {
  AddressPattern made;
  const std::string whole(text);
  while (true) {
    Part part;
    const size_t open = text.find('{');
    part.before = text.substr(0, open);
    if (open == text.npos) {
      made.parts_.push_back(std::move(part));
      return made;
    }
    const size_t close = text.find('}', open);
    const std::string_view range = close == text.npos ? "" : text.substr(open + 1, close - open - 1);
    const size_t dash = range.find('-');
    const std::optional<uint64_t> least = parse_whole(range.substr(0, dash));
    const std::optional<uint64_t> most =
        dash == range.npos ? std::nullopt : parse_whole(range.substr(dash + 1));
    if (!least || !most || *least > *most || *most - *least > UINT32_MAX - 1) {
      return fail(ErrorKind::Invalid, fmt::format("'{}': what is in braces is {{FROM-TO}}", whole));
    }
    part.range = true;
    part.least = *least;
    part.most = *most;
    part.digits = range.starts_with('0') ? dash : 1;
    made.parts_.push_back(std::move(part));
    text.remove_prefix(close + 1);
  }
}

std::string AddressPattern::draw(Random& random) const {
  std::string address;
  for (const Part& part : parts_) {
    address += part.before;
    if (!part.range) continue;
    const uint64_t number = part.least + random.below(static_cast<uint32_t>(part.most - part.least + 1));
    address += fmt::format("{:0{}}", number, part.digits);
  }
  return address;
}

}  // namespace sluice::load

#include "tools/sluice_load/schedule.h"

#include "tools/sluice_load/distribution.h"

#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace sluice::load {
namespace {

constexpr size_t kPhasesMax = 1000;
constexpr double kRateMax = 1e7;
constexpr double kSecondsMax = 86'400;

std::optional<Phase> parse_phase(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  const std::string_view rates = text.substr(0, colon);
  const size_t dash = rates.find('-');
  const std::optional<double> seconds = parse_number(text.substr(colon + 1));
  const std::optional<double> from = parse_number(rates.substr(0, dash));
  const std::optional<double> to = dash == rates.npos ? from : parse_number(rates.substr(dash + 1));
  if (!seconds || !from || !to || *seconds <= 0 || *seconds > kSecondsMax) return std::nullopt;
  if (*from > kRateMax || *to > kRateMax) return std::nullopt;
  return Phase{*seconds, *from, *to};
}

}  // namespace

Result<Profile> parse_profile(std::string_view text) {
  Profile profile;
  for (const std::string_view part : split_list(text)) {
    const std::optional<Phase> phase = parse_phase(part);
    if (!phase)
      return fail(ErrorKind::Invalid, fmt::format("'{}' is not RATE:SECONDS or FROM-TO:SECONDS", part));
    profile.push_back(*phase);
  }
  if (profile.size() > kPhasesMax) return fail(ErrorKind::Invalid, "a profile of too many phases");
  if (count_of(profile) <= 0) return fail(ErrorKind::Invalid, "the profile sends nothing");
  return profile;
}

double seconds_of(const Profile& profile) {
  double sum = 0;
  for (const Phase& phase : profile) sum += phase.seconds;
  return sum;
}

double count_of(const Profile& profile) {
  double sum = 0;
  for (const Phase& phase : profile) sum += phase.count();
  return sum;
}

Schedule::Schedule(Profile profile, Arrivals arrivals, uint64_t seed, uint64_t first, uint64_t step)
    : profile_(std::move(profile)), arrivals_(arrivals), random_(seed), skip_(first), step_(step) {}

std::optional<MonoClock::duration> Schedule::next() {
  std::optional<double> seconds;
  for (uint64_t skipped = 0; skipped <= skip_; ++skipped) {
    seconds = next_of_all();
    if (!seconds) return std::nullopt;
  }
  skip_ = step_ - 1;
  return MonoClock::duration(static_cast<int64_t>(*seconds * 1e9));
}

std::optional<double> Schedule::next_of_all() {
  if (arrivals_ == Arrivals::Poisson) {
    count_ += -std::log(unit(random_));
  } else if (begun_) {
    count_ += 1;
  }
  begun_ = true;
  return time_of(count_);
}

// Inside a phase the rate is from + slope * t, so that the count is from * t + slope * t^2 / 2; solved for t
// in the form that does not cancel and needs no case for a slope of zero.
std::optional<double> Schedule::time_of(double count) {
  while (phase_ < profile_.size() && count - phase_count_ >= profile_[phase_].count()) {
    phase_count_ += profile_[phase_].count();
    phase_time_ += profile_[phase_].seconds;
    ++phase_;
  }
  if (phase_ == profile_.size()) return std::nullopt;
  const Phase& phase = profile_[phase_];
  const double inside = count - phase_count_;
  const double slope = (phase.to - phase.from) / phase.seconds;
  const double root = std::sqrt(std::max(0.0, phase.from * phase.from + 2 * slope * inside));
  return phase_time_ + (inside <= 0 ? 0 : 2 * inside / (phase.from + root));
}

}  // namespace sluice::load

#include "rules/net/intervals.h"

#include "rules/net/kernels.h"

#include <algorithm>
#include <limits>

namespace sluice::cidr {
namespace {

template <class Key>
class Sweep {
 public:
  explicit Sweep(size_t prefixes) { intervals_.reserve(2 * prefixes + 1); }

  void enter(const PrefixRow<Key>& prefix) {
    while (!open_.empty() && open_.back().last < prefix.first) leave();
    if (prefix.first != 0) end_at(prefix.first - 1);
    // Inside a prefix that comes earlier in the order, this one decides nothing.
    const bool decides = open_.empty() || prefix.rank < open_.back().rank;
    open_.push_back({prefix.last, decides ? prefix.rank : open_.back().rank,
                     decides ? prefix.answer : open_.back().answer});
  }

  std::vector<Interval<Key>> finish() {
    while (!open_.empty()) leave();
    end_at(kHighest);
    return std::move(intervals_);
  }

 private:
  static constexpr Key kHighest = static_cast<Key>(~Key{0});
  struct Open {
    Key last;
    uint32_t rank;
    uint32_t answer;
  };

  void leave() {
    end_at(open_.back().last);
    open_.pop_back();
  }

  // What is behind the last interval up to `last` belongs to the innermost prefix that is open.
  void end_at(Key last) {
    if (!intervals_.empty() && last <= intervals_.back().last) return;
    const uint32_t answer = open_.empty() ? kNoAnswer : open_.back().answer;
    if (!intervals_.empty() && intervals_.back().answer == answer) {
      intervals_.back().last = last;
    } else {
      intervals_.push_back({last, answer});
    }
  }

  std::vector<Interval<Key>> intervals_;
  std::vector<Open> open_;  // nested prefixes, the outermost first
};

template <class Key>
std::vector<Interval<Key>> sweep(std::vector<PrefixRow<Key>> prefixes) {
  // Outer before inner; of equal ones the first in the order, so that it decides.
  std::ranges::sort(prefixes, [](const PrefixRow<Key>& a, const PrefixRow<Key>& b) {
    if (a.first != b.first) return a.first < b.first;
    if (a.last != b.last) return b.last < a.last;
    return a.rank < b.rank;
  });
  Sweep<Key> state(prefixes.size());
  for (const PrefixRow<Key>& prefix : prefixes) state.enter(prefix);
  return state.finish();
}

}  // namespace

std::vector<Interval<uint32_t>> disjoint_intervals(std::vector<PrefixRow<uint32_t>> prefixes) {
  return sweep(std::move(prefixes));
}

std::vector<Interval<Key128>> disjoint_intervals(std::vector<PrefixRow<Key128>> prefixes) {
  return sweep(std::move(prefixes));
}

}  // namespace sluice::cidr

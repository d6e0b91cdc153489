// Distribution: numbers that a user describes (sizes, recipients per message, messages per connection,
// pauses) and that are drawn from a seed. Pure.
//
//   20480                      always this
//   1k=50,20k=45,5m=5          one of these, by weight; k is 1024, m 1024 times that
//   lognormal:22000:42000      of this median and mean, as the sizes of mail are
//   uniform:1:100              any whole number from 1 to 100
#pragma once

#include "io/base/random.h"
#include "io/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::load {

// A number that is not negative, with k or m behind it or not.
std::optional<double> parse_number(std::string_view text);
// At the commas.
std::vector<std::string_view> split_list(std::string_view text);
// In (0, 1].
double unit(Random& random);

class Distribution {
 public:
  explicit Distribution(uint64_t value = 1) : kind_(Kind::List), choices_{{value, 1.0}} {}
  [[nodiscard]] static Result<Distribution> parse(std::string_view text);

  uint64_t draw(Random& random) const;
  bool always(uint64_t value) const;
  // That every number drawn is within; lognormal ones are cut to it. False where it cannot be.
  bool limit(uint64_t least, uint64_t most);

 private:
  enum class Kind : uint8_t { List, Lognormal, Uniform };
  struct Choice {
    uint64_t value;
    double up_to;  // sum of the weights so far, the last one 1
  };
  [[nodiscard]] static Result<Distribution> parse_pair(Kind kind, std::string_view text);
  [[nodiscard]] static Result<Distribution> parse_choices(std::string_view text);

  Kind kind_;
  std::vector<Choice> choices_;
  double first_ = 0;   // logarithm of the median, or the least
  double second_ = 0;  // sigma, or the greatest
  uint64_t least_ = 0;
  uint64_t most_ = UINT64_MAX;
};

// Addresses with ranges: "user{1-1000}@d{1-50}.example" is a number drawn for each pair of braces.
class AddressPattern {
 public:
  [[nodiscard]] static Result<AddressPattern> parse(std::string_view text);
  std::string draw(Random& random) const;
  bool varies() const { return parts_.size() > 1; }

 private:
  struct Part {
    std::string before;
    uint64_t least = 0;
    uint64_t most = 0;
    size_t digits = 0;  // at least so many: {0001-2000} has leading zeros
    bool range = false;
  };
  std::vector<Part> parts_;
};

}  // namespace sluice::load

// Sets of prefixes of any octets: every kernel in both forms gives what the plain definition gives, for the
// addresses of the input and for those at and beside both ends of every prefix. The number of addresses
// compared is printed at the end.
//
// Input: one octet with the number of prefixes; then prefixes and, behind them, addresses, each
// [form][octets]: the lowest bit of `form` is the family, and where the next is set the octets are those of
// the entry before, changed by two octets only, so that prefixes nest and repeat. A prefix has its length
// first.

#include "io/base/check.h"
#include "rules/net/cidr_set.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <vector>

using namespace sluice;
using cidr::CidrSet;
using cidr::Form;

namespace {

constexpr size_t kPrefixesMost = 255;
constexpr size_t kAddressesMost = 64;

struct Tally {
  unsigned long long sets = 0, addresses = 0, lookups = 0;
  ~Tally() {
    std::fprintf(stderr, "cidr: %llu sets, %llu addresses, %llu lookups compared\n", sets, addresses,
                 lookups);
  }
};

class Input {
 public:
  explicit Input(std::span<const uint8_t> octets) : left_(octets) {}
  bool empty() const { return left_.empty(); }
  uint8_t octet() {
    if (left_.empty()) return 0;
    const uint8_t first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }
  IpAddress address() {
    const uint8_t form = octet();
    if ((form & 2) == 0) {
      for (size_t i = 0; i < ((form & 1) != 0 ? 16U : 4U); ++i) last_[i] = octet();
    } else {
      for (int i = 0; i < 2; ++i) {
        const uint8_t at = octet();
        last_[at % 16] = octet();
      }
    }
    return make((form & 1) == 0);
  }

 private:
  IpAddress make(bool v4) const {
    if (!v4) return IpAddress::v6(last_);
    return IpAddress::v4(uint32_t{last_[0]} << 24 | uint32_t{last_[1]} << 16 | uint32_t{last_[2]} << 8 |
                         last_[3]);
  }

  std::span<const uint8_t> left_;
  std::array<uint8_t, 16> last_{};
};

// The address `step` (1 or -1) further, around the end of the family.
IpAddress beside(const IpAddress& address, int step) {
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(address.bytes(), octets.begin());
  int carry = step;
  for (size_t i = address.bytes().size(); i-- > 0 && carry != 0;) {
    const int sum = octets[i] + carry;
    octets[i] = static_cast<uint8_t>(sum);
    carry = sum < 0 ? -1 : (sum > 255 ? 1 : 0);
  }
  if (!address.is_v4()) return IpAddress::v6(octets);
  return IpAddress::v4(uint32_t{octets[0]} << 24 | uint32_t{octets[1]} << 16 | uint32_t{octets[2]} << 8 |
                       octets[3]);
}

IpAddress last_of(const Cidr& prefix) {
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(prefix.network.bytes(), octets.begin());
  for (unsigned bit = prefix.length; bit < prefix.network.bits(); ++bit)
    octets[bit / 8] = static_cast<uint8_t>(octets[bit / 8] | 0x80 >> bit % 8);
  if (!prefix.network.is_v4()) return IpAddress::v6(octets);
  return IpAddress::v4(uint32_t{octets[0]} << 24 | uint32_t{octets[1]} << 16 | uint32_t{octets[2]} << 8 |
                       octets[3]);
}

std::vector<CidrSet> in_every_form(std::span<const Cidr> prefixes) {
  std::vector<CidrSet> sets(2 + 2 * cidr::kernels().size());
  for (CidrSet& set : sets) {
    for (uint32_t i = 0; i < prefixes.size(); ++i) set.add(prefixes[i], i / 2);  // neighbours share an index
  }
  sets[1].seal();
  size_t at = 2;
  for (const cidr::Kernel& kernel : cidr::kernels()) {
    for (const Form form : {Form::Rows, Form::Intervals}) {
      sets[at].seal(form, kernel);
      // Two ends for each prefix, the levels above them and the padding of each, in the worst case.
      SLUICE_CHECK(sets[at].bytes() <= 2048 + prefixes.size() * 120);
      SLUICE_CHECK(!prefixes.empty() || sets[at].bytes() == 0);
      ++at;
    }
  }
  return sets;
}

void compare(std::span<const Cidr> prefixes, std::span<const CidrSet> sets, const IpAddress& address,
             Tally& tally) {
  std::optional<uint32_t> expected;
  for (uint32_t i = 0; i < prefixes.size() && !expected; ++i) {
    if (prefixes[i].contains(address)) expected = i / 2;
  }
  for (const CidrSet& set : sets) SLUICE_CHECK(set.first_match(address) == expected);
  ++tally.addresses;
  tally.lookups += sets.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Tally tally;
  Input input({data, size});
  std::vector<Cidr> prefixes;
  for (size_t left = std::min<size_t>(input.octet(), kPrefixesMost); left > 0 && !input.empty(); --left) {
    const uint8_t length = input.octet();
    const IpAddress network = input.address();
    prefixes.push_back(Cidr::of(network, static_cast<uint8_t>(length % (network.bits() + 1))));
  }
  const std::vector<CidrSet> sets = in_every_form(prefixes);
  ++tally.sets;
  for (const Cidr& prefix : prefixes) {
    for (const IpAddress& end : {prefix.network, last_of(prefix)}) {
      for (const int step : {0, 1, -1}) compare(prefixes, sets, beside(end, step), tally);
    }
  }
  for (size_t left = kAddressesMost; left > 0 && !input.empty(); --left)
    compare(prefixes, sets, input.address(), tally);
  return 0;
}

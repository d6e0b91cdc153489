#include "rules/spf/program.h"

#include "rules/net/key128.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

namespace sluice::spf {
namespace {

using cidr::Key128;

// An IPv4 address is the low half.
Key128 number(const IpAddress& address) {
  Key128 value = 0;
  for (const uint8_t octet : address.bytes()) value = value << 8 | octet;
  return value;
}

IpAddress address(Key128 value, IpFamily family) {
  if (family == IpFamily::V4) return IpAddress::v4(static_cast<uint32_t>(value));
  std::array<uint8_t, 16> octets{};
  for (size_t i = octets.size(); i-- > 0; value >>= 8) octets[i] = static_cast<uint8_t>(value);
  return IpAddress::v6(octets);
}

// The last address of a prefix.
Key128 last_of(const Cidr& prefix) {
  const unsigned free = prefix.network.bits() - prefix.length;
  return number(prefix.network) | (free == 128 ? ~Key128{0} : (Key128{1} << free) - 1);
}

uint64_t add_up(uint64_t a, uint64_t b) {
  return a > std::numeric_limits<uint64_t>::max() - b ? std::numeric_limits<uint64_t>::max() : a + b;
}

// In the image: the line behind its own, so that the two make a pair.
constexpr size_t kTableAt = sizeof(ProgramImage);
static_assert(kTableAt == 64 && kTableAt % cidr::kBlockAlignment == 0);

// Images of one size would begin at few places of a second-level cache, since the allocator's steps are
// multiples of large powers of two, and push each other out of it. So large ones begin up to so much later,
// by chance.
constexpr size_t kSpread = 2048;
constexpr size_t kSpreadFrom = 1024;  // smaller ones lie in smaller steps

size_t spread_of(size_t image_bytes) { return image_bytes > kSpreadFrom ? kSpread : 0; }

// As good as chance, of where it lies: a multiple of `unit` below `spread`.
size_t shift_of(const std::byte* memory, size_t spread, size_t unit) {
  const uint64_t mixed = (reinterpret_cast<uintptr_t>(memory) / unit) * 0x9E3779B97F4A7C15U;
  return (mixed >> 32) * (spread / unit) >> 32;
}

size_t round_up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

size_t text_memory(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

}  // namespace

// --- ProgramImage ---

void ProgramImage::Free::operator()(ProgramImage* image) const {
  std::byte* const memory = reinterpret_cast<std::byte*>(image) - size_t{image->shift_} * kPair;
  image->~ProgramImage();
  LargePages::free(memory, kPair);
}

ProgramImage::Owner ProgramImage::make(IpFamily family, const Draft& draft, const Rare& rare,
                                       const LargePages& memory) {
  const cidr::CidrSet& prefixes = draft.first.prefixes;
  const size_t finals_at = kTableAt + round_up(prefixes.bytes(), kFinalUnit);
  const size_t bytes = finals_at + draft.finals.size();
  const size_t spread = spread_of(bytes);
  auto* const taken = static_cast<std::byte*>(memory.allocate(bytes + spread, kPair));
  static_assert(kSpread % kPair == 0 && kSpread / kPair - 1 <= UINT8_MAX);  // shift_
  const size_t shift = shift_of(taken, spread, kPair);
  std::byte* const begin = taken + shift * kPair;
  Owner made(new (begin) ProgramImage);
  made->shift_ = static_cast<uint8_t>(shift);
  if (family == IpFamily::V4) {
    made->first_.v4 = prefixes.v4().place(begin + kTableAt);
  } else {
    made->first_.v6 = prefixes.v6().place(begin + kTableAt);
  }
  if (!draft.finals.empty()) std::memcpy(begin + finals_at, draft.finals.data(), draft.finals.size());
  made->rare_ = &rare;
  made->finals_at_ = static_cast<uint32_t>(finals_at);
  made->otherwise_ = draft.first.otherwise;
  made->family_ = family;
  return made;
}

ProgramImage::Code ProgramImage::find(const IpAddress& client, Explain explain) const {
  if (client.family() != family_) return kStepByStep;
  Code code =
      client.is_v4() ? cidr::CidrSet::find(first_.v4, client) : cidr::CidrSet::find(first_.v6, client);
  if (code == cidr::kNoAnswer) code = otherwise_;
  // Ends: a block leads to one that lies behind an include, and an evaluation never comes back to one.
  while ((code & kIndirect) != 0) {
    const Action& action = rare_->actions[code & ~kIndirect];
    if (action.block == kStepByStep) return explain == Explain::Fetch ? action.fetch : action.skip;
    const Block& next = rare_->others[action.block - 1];
    code = next.prefixes.first_match(client).value_or(next.otherwise);
  }
  return code;
}

auth::SpfResult ProgramImage::result_at(Code code) const {
  Final found;
  std::memcpy(&found, at(code), sizeof found);
  return static_cast<auth::SpfResult>(found.result);
}

const Outcome* ProgramImage::run(const IpAddress& client, Explain explain, Outcome& into) const {
  const Code code = find(client, explain);
  if (code == kStepByStep) return nullptr;
  Final found;
  std::memcpy(&found, at(code), sizeof found);
  into.result = static_cast<auth::SpfResult>(found.result);
  into.identity = auth::Identity::MailFrom;
  into.lookups = found.lookups;
  into.void_lookups = found.void_lookups;
  const std::byte* const behind = at(code) + sizeof found;
  const std::string_view mechanism(reinterpret_cast<const char*>(behind), found.size);
  if (found.has_mechanism == 0) {
    into.mechanism.reset();
  } else if (into.mechanism) {
    into.mechanism->assign(mechanism);
  } else {
    into.mechanism.emplace(mechanism);
  }
  into.explanation.reset();
  into.problem.clear();
  into.problem_domain.clear();
  into.problem_term.clear();
  into.problem_offset = 0;
  if (found.has_rest != 0) add_rest(found, behind + found.size, into);
  return &into;
}

void ProgramImage::add_rest(const Final& found, const std::byte* behind, Outcome& into) const {
  uint32_t index = 0;
  std::memcpy(&index, behind, sizeof index);
  const Rest& rest = rare_->rests[index];
  if (found.has_mechanism != 0 && found.size == 0) into.mechanism->assign(rest.long_mechanism);
  into.explanation = rest.explanation;
  into.problem = rest.problem;
  into.problem_domain = rest.problem_domain;
  into.problem_term = rest.problem_term;
  into.problem_offset = rest.problem_offset;
}

// --- Program ---

const Outcome* Program::run(const IpAddress& client, Explain explain, Outcome& into) const {
  const Outcome* outcome = image_->run(client, explain, into);
  if (outcome != nullptr) into.domain = domain_;
  return outcome;
}

void Program::finish(ProgramImage::Draft& draft, const std::vector<Cidr>& prefixes,
                     const LargePages& memory) {
  ProgramImage::Rare& rare = *rare_;
  rare.others.shrink_to_fit();
  rare.actions.shrink_to_fit();
  rare.rests.shrink_to_fit();
  draft.first.prefixes.seal();
  const size_t image_bytes = kTableAt + draft.first.prefixes.bytes() + draft.finals.size();
  bytes_ = sizeof(Program) + sizeof(rare) + text_memory(domain_) + image_bytes + spread_of(image_bytes) +
           rare.actions.size() * sizeof(ProgramImage::Action);
  for (ProgramImage::Block& other : rare.others) {
    other.prefixes.seal();
    bytes_ += sizeof other + other.prefixes.bytes();
  }
  for (const ProgramImage::Rest& rest : rare.rests) {
    bytes_ += sizeof rest + text_memory(rest.long_mechanism) + text_memory(rest.problem) +
              text_memory(rest.problem_domain) + text_memory(rest.problem_term);
    if (rest.explanation) bytes_ += text_memory(*rest.explanation);
  }
  image_ = ProgramImage::make(family_, draft, rare, memory);
  rows_ = prefixes.size();
  measure(prefixes);
}

// Between two neighbouring bounds of prefixes all clients have the same outcome.
void Program::measure(const std::vector<Cidr>& prefixes) {
  const Key128 last = family_ == IpFamily::V4 ? Key128{UINT32_MAX} : ~Key128{0};
  std::vector<Key128> starts{0};
  for (const Cidr& prefix : prefixes) {
    starts.push_back(number(prefix.network));
    const Key128 end = last_of(prefix);
    if (end != last) starts.push_back(end + 1);
  }
  std::ranges::sort(starts);
  starts.erase(std::ranges::unique(starts).begin(), starts.end());

  breadth_ = {};
  breadth_.complete = true;
  std::optional<uint64_t> counted;  // the last /64 that was
  for (size_t i = 0; i < starts.size(); ++i) {
    const auto found = image_->find(address(starts[i], family_), Explain::Skip);
    if (found == ProgramImage::kStepByStep) breadth_.complete = false;
    if (found == ProgramImage::kStepByStep || image_->result_at(found) != auth::SpfResult::Pass) continue;
    const Key128 end = i + 1 < starts.size() ? starts[i + 1] - 1 : last;
    if (family_ == IpFamily::V4) {
      breadth_.addresses += static_cast<uint64_t>(end - starts[i]) + 1;
      continue;
    }
    const uint64_t start_network = cidr::high_half(starts[i]);
    const uint64_t end_network = cidr::high_half(end);
    const uint64_t first = counted == start_network ? start_network + 1 : start_network;
    if (first <= end_network && !(counted && *counted == end_network)) {
      breadth_.networks = add_up(add_up(breadth_.networks, end_network - first), 1);
    }
    counted = end_network;
  }
}

}  // namespace sluice::spf

#include "rules/spf/program.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice::spf {
namespace {

// An address as a number of 128 bits; an IPv4 address is the low half.
struct Number {
  uint64_t high = 0;
  uint64_t low = 0;
  friend auto operator<=>(const Number&, const Number&) = default;
};

Number number(const IpAddress& address) {
  if (address.is_v4()) return {0, address.v4_value()};
  Number value;
  for (const uint8_t octet : address.bytes().first(8)) value.high = value.high << 8 | octet;
  for (const uint8_t octet : address.bytes().last(8)) value.low = value.low << 8 | octet;
  return value;
}

IpAddress address(const Number& value, IpFamily family) {
  if (family == IpFamily::V4) return IpAddress::v4(static_cast<uint32_t>(value.low));
  std::array<uint8_t, 16> octets{};
  for (size_t i = 0; i < 8; ++i) {
    octets[i] = static_cast<uint8_t>(value.high >> (56 - 8 * i));
    octets[8 + i] = static_cast<uint8_t>(value.low >> (56 - 8 * i));
  }
  return IpAddress::v6(octets);
}

// The last address of a prefix.
Number last_of(const Cidr& prefix) {
  Number last = number(prefix.network);
  const unsigned free = prefix.network.bits() - prefix.length;
  if (free >= 64) {
    last.high |= free == 128 ? ~uint64_t{0} : (uint64_t{1} << (free - 64)) - 1;
    last.low = ~uint64_t{0};
  } else {
    last.low |= (uint64_t{1} << free) - 1;
  }
  return last;
}

Number next(Number value) {
  if (++value.low == 0) ++value.high;
  return value;
}

Number previous(Number value) {
  if (value.low-- == 0) --value.high;
  return value;
}

uint64_t add_up(uint64_t a, uint64_t b) {
  return a > std::numeric_limits<uint64_t>::max() - b ? std::numeric_limits<uint64_t>::max() : a + b;
}

size_t text_memory(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

}  // namespace

uint32_t Program::find(const IpAddress& client, Explain explain) const {
  if (client.family() != family_) return kStepByStep;
  const Block* searched = &first_;
  // Ends: a block leads to one that lies behind an include, and an evaluation never comes back to one.
  while (true) {
    const Code code = searched->prefixes.first_match(client).value_or(searched->otherwise);
    if ((code & kIndirect) == 0) return code;
    const Action& action = actions_[code & ~kIndirect];
    if (action.block == kStepByStep) return explain == Explain::Fetch ? action.fetch : action.skip;
    searched = &block(action.block);
  }
}

std::string_view Program::mechanism(const Final& outcome) const {
  if (outcome.short_size != 0 || outcome.rest == kNone)
    return {outcome.short_mechanism.data(), outcome.short_size};
  return rests_[outcome.rest].long_mechanism;
}

const Outcome* Program::run(const IpAddress& client, Explain explain, Outcome& into) const {
  const uint32_t index = find(client, explain);
  if (index == kStepByStep) return nullptr;
  const Final& found = finals_[index];
  into.result = found.result;
  into.identity = auth::Identity::MailFrom;
  into.domain = domain_;
  into.lookups = found.lookups;
  into.void_lookups = found.void_lookups;
  if (!found.has_mechanism) {
    into.mechanism.reset();
  } else if (into.mechanism) {
    into.mechanism->assign(mechanism(found));
  } else {
    into.mechanism.emplace(mechanism(found));
  }
  if (found.rest == kNone) {
    into.explanation.reset();
    into.problem.clear();
    into.problem_domain.clear();
    into.problem_term.clear();
    into.problem_offset = 0;
    return &into;
  }
  const Rest& rest = rests_[found.rest];
  into.explanation = rest.explanation;
  into.problem = rest.problem;
  into.problem_domain = rest.problem_domain;
  into.problem_term = rest.problem_term;
  into.problem_offset = rest.problem_offset;
  return &into;
}

// `outcome` is of this program's domain, and its identity MailFrom.
uint32_t Program::add(const Outcome& outcome) {
  if (finals_.empty()) domain_ = outcome.domain;
  Final made;
  made.result = outcome.result;
  made.lookups = static_cast<uint8_t>(outcome.lookups);
  made.void_lookups = static_cast<uint8_t>(outcome.void_lookups);
  made.has_mechanism = outcome.mechanism.has_value();
  const std::string_view mechanism = outcome.mechanism ? std::string_view(*outcome.mechanism) : "";
  const bool is_short = mechanism.size() <= Final::kShort;
  if (is_short) {
    std::ranges::copy(mechanism, made.short_mechanism.begin());
    made.short_size = static_cast<uint8_t>(mechanism.size());
  }
  Rest rest{is_short ? std::string() : std::string(mechanism),
            outcome.explanation,
            outcome.problem,
            outcome.problem_domain,
            outcome.problem_term,
            outcome.problem_offset};
  if (rest != Rest{}) {
    // Neighbours often have the same explanation.
    if (rests_.empty() || rests_.back() != rest) rests_.push_back(std::move(rest));
    made.rest = static_cast<uint32_t>(rests_.size() - 1);
  }
  finals_.push_back(made);
  return static_cast<uint32_t>(finals_.size() - 1);
}

Program::Code Program::code_of(uint32_t action) const {
  const Action& named = actions_[action];
  const bool is_outcome =
      named.block == kStepByStep && named.skip == named.fetch && named.skip != kStepByStep;
  return is_outcome ? named.skip : kIndirect | action;
}

// At most what add() takes for it.
size_t Program::memory_of(const Outcome& outcome) {
  size_t bytes = sizeof(Final);
  const bool has_long = outcome.mechanism && outcome.mechanism->size() > Final::kShort;
  if (!has_long && !outcome.explanation && outcome.problem.empty()) return bytes;
  bytes += sizeof(Rest);
  if (has_long) bytes += outcome.mechanism->size() + 1;
  for (const std::string* text : {&outcome.problem, &outcome.problem_domain, &outcome.problem_term}) {
    bytes += text_memory(*text);
  }
  if (outcome.explanation) bytes += text_memory(*outcome.explanation);
  return bytes;
}

void Program::finish(const std::vector<Cidr>& prefixes) {
  others_.shrink_to_fit();
  actions_.shrink_to_fit();
  finals_.shrink_to_fit();
  rests_.shrink_to_fit();
  bytes_ = sizeof(Program) + actions_.size() * sizeof(Action);
  first_.prefixes.seal();
  bytes_ += first_.prefixes.bytes();
  for (Block& other : others_) {
    other.prefixes.seal();
    bytes_ += sizeof(Block) + other.prefixes.bytes();
  }
  bytes_ += finals_.size() * sizeof(Final) + rests_.size() * sizeof(Rest) + text_memory(domain_);
  for (const Rest& rest : rests_) {
    bytes_ += text_memory(rest.long_mechanism) + text_memory(rest.problem) +
              text_memory(rest.problem_domain) + text_memory(rest.problem_term);
    if (rest.explanation) bytes_ += text_memory(*rest.explanation);
  }
  rows_ = prefixes.size();
  measure(prefixes);
}

// Between two neighbouring bounds of prefixes all clients have the same outcome.
void Program::measure(const std::vector<Cidr>& prefixes) {
  const Number last = last_of(Cidr::of(family_ == IpFamily::V4 ? IpAddress::v4(0) : IpAddress::v6({}), 0));
  std::vector<Number> starts{Number{}};
  for (const Cidr& prefix : prefixes) {
    starts.push_back(number(prefix.network));
    const Number end = last_of(prefix);
    if (end != last) starts.push_back(next(end));
  }
  std::ranges::sort(starts);
  starts.erase(std::ranges::unique(starts).begin(), starts.end());

  breadth_ = {};
  breadth_.complete = true;
  std::optional<uint64_t> counted;  // the last /64 that was
  for (size_t i = 0; i < starts.size(); ++i) {
    const uint32_t found = find(address(starts[i], family_), Explain::Skip);
    if (found == kStepByStep) breadth_.complete = false;
    if (found == kStepByStep || finals_[found].result != auth::SpfResult::Pass) continue;
    const Number end = i + 1 < starts.size() ? previous(starts[i + 1]) : last;
    if (family_ == IpFamily::V4) {
      breadth_.addresses += end.low - starts[i].low + 1;
      continue;
    }
    const uint64_t first = counted == starts[i].high ? starts[i].high + 1 : starts[i].high;
    if (first <= end.high && !(counted && *counted == end.high)) {
      breadth_.networks = add_up(add_up(breadth_.networks, end.high - first), 1);
    }
    counted = end.high;
  }
}

}  // namespace sluice::spf

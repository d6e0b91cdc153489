#include "tools/sluicectl/spf_breadth.h"

#include "io/base/limits.h"
#include "rules/spf/selected_record.h"
#include "tools/sluicectl/recording_line.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace sluice::ctl {
namespace {

// Derived: a record, and for both families each of its terms with the names that an mx has. Terms behind an
// include that does not pass may come on top; then it is a bound like any other.
constexpr size_t kQuestionsMax = 1 + 2 * size_t{limits::kSpfTerms} * (1 + limits::kSpfMxNames);

// All of the evaluation's count as one. One that fails may be that of an explanation, on which no breadth
// depends.
constexpr unsigned kFailuresMax = 2;

// Asks what is not known yet, while that gets answers.
class AskingSource final : public spf::ProgramSource {
 public:
  AskingSource(AnswerSource& source, std::span<const Exchange> known) : source_(source) {
    for (const Exchange& exchange : known) {
      if (dns::is_temporary(exchange.answer.status)) failures_ = 1;
      answers_.emplace(question_text(exchange.question), exchange.answer);
    }
  }

  const dns::Answer* find(const dns::Question& question) override {
    last_ = &answer_to(question);
    return *last_ ? &**last_ : nullptr;
  }
  // Only ever of an answer that was there.
  const spf::SelectedRecord* record(const dns::Question& /*txt*/) override {
    held_.push_back(spf::SelectedRecord::select(**last_));
    return held_.back().get();
  }

 private:
  using Known = std::optional<dns::Answer>;

  const Known& answer_to(const dns::Question& question) {
    const auto [place, is_new] = answers_.try_emplace(question_text(question));
    if (!is_new || failures_ == kFailuresMax || asked_ == kQuestionsMax ||
        std::chrono::steady_clock::now() >= deadline_) {
      return place->second;
    }
    ++asked_;
    place->second = source_.ask_aside(question);
    if (place->second && dns::is_temporary(place->second->status)) ++failures_;
    return place->second;
  }

  AnswerSource& source_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + limits::kSpfDeadline;
  size_t asked_ = 0;
  unsigned failures_ = 0;
  std::unordered_map<std::string, Known> answers_;  // by question_text()
  const Known* last_ = nullptr;
  std::vector<spf::SelectedRecordRef> held_;
};

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

struct Unit {
  std::string_view one;
  std::string_view many;
  uint64_t all;
};

std::string family_text(uint64_t count, bool complete, const Unit& unit) {
  if (complete && count == unit.all) return fmt::format("all {}", unit.many);
  if (count == 0 && complete) return fmt::format("no {}", unit.one);
  return fmt::format("{}{} {}", complete ? "" : "at least ", grouped(count),
                     count == 1 ? unit.one : unit.many);
}

}  // namespace

std::optional<SpfBreadth> breadth_of(std::string_view domain, std::span<const Exchange> known,
                                     AnswerSource& source) {
  const auto name = dns::DnsName::from_text(domain);
  if (!name) return std::nullopt;
  AskingSource asking(source, known);
  const dns::Question root{*name, dns::RecordType::Txt};
  const dns::Answer* answer = asking.find(root);
  if (answer == nullptr || answer->status != dns::AnswerStatus::Records ||
      asking.record(root)->kind() != spf::SelectedRecord::Kind::One) {
    return std::nullopt;
  }
  const LargePages ordinary;
  return SpfBreadth{spf::Program::compile(*name, IpFamily::V4, asking, ordinary).breadth(),
                    spf::Program::compile(*name, IpFamily::V6, asking, ordinary).breadth()};
}

std::string breadth_text(const SpfBreadth& breadth) {
  constexpr Unit kAddresses{"IPv4 address", "IPv4 addresses", uint64_t{1} << 32};
  // The count of networks stops one below all of them: all, or all but one.
  constexpr Unit kNetworks{"IPv6 /64 network", "IPv6 /64 networks", std::numeric_limits<uint64_t>::max()};
  return family_text(breadth.v4.addresses, breadth.v4.complete, kAddresses) + ", " +
         family_text(breadth.v6.networks, breadth.v6.complete, kNetworks);
}

}  // namespace sluice::ctl

// A DNS for DMARC tests: TXT records by policy domain, names that fail, names that exist, and an evaluation
// over it that may answer in any order.
#pragma once

#include "io/base/check.h"
#include "rules/dmarc/evaluator.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dmarc {

class DmarcZone {
 public:
  // At "_dmarc.DOMAIN"; several for one domain are several records.
  DmarcZone& record(const std::string& domain, const std::string& text) {
    records_["_dmarc." + domain].push_back(text);
    return *this;
  }
  DmarcZone& fails(const std::string& name) {
    failing_.insert(name);
    return *this;
  }
  DmarcZone& exists(const std::string& name) {
    existing_.insert(name);
    return *this;
  }
  DmarcZone& stale(const std::string& name) {
    stale_.insert(name);
    return *this;
  }

  dns::Answer answer(const dns::Question& question) const {
    const std::string name = question.name.to_text();
    dns::Answer answer;
    answer.stale = stale_.contains(name);
    if (failing_.contains(name)) {
      answer.status = dns::AnswerStatus::ServFail;
    } else if (const auto found = records_.find(name);
               found != records_.end() && question.type == dns::RecordType::Txt) {
      answer.status = dns::AnswerStatus::Records;
      for (const std::string& text : found->second) answer.records.emplace_back(text);
    } else {
      answer.status = existing_.contains(name) ? dns::AnswerStatus::NoData : dns::AnswerStatus::NxDomain;
    }
    return answer;
  }

 private:
  std::map<std::string, std::vector<std::string>> records_;
  std::set<std::string> failing_, existing_, stale_;
};

struct DmarcMessage {
  std::string from;  // the From field's value
  std::string spf{};
  std::vector<std::string> dkim{};
  std::string spf_temporary{};
  std::vector<std::string> dkim_temporary{};
};

enum class Arrival { InOrder, LastFirst };

struct Evaluated {
  Outcome outcome;
  std::vector<std::string> asked;  // "_dmarc.example.com", and "A example.com"
  std::string rua;                 // first address of the record that was applied
};

inline Evaluated evaluate(const DmarcZone& zone, const DmarcMessage& message, const Options& options = {},
                          Arrival arrival = Arrival::InOrder) {
  Evaluator evaluator;
  Evaluated result;
  evaluator.start(mail::parse_author(message.from), options);
  const std::vector<std::string_view> dkim(message.dkim.begin(), message.dkim.end());
  const std::vector<std::string_view> temporary(message.dkim_temporary.begin(), message.dkim_temporary.end());
  bool told = false;
  for (unsigned rounds = 0; evaluator.step() == auth::Progress::NeedAnswers; ++rounds) {
    SLUICE_CHECK(rounds < 10);
    std::vector<auth::PendingQuestion> asked(evaluator.questions().begin(), evaluator.questions().end());
    if (arrival == Arrival::LastFirst) std::ranges::reverse(asked);
    for (const auth::PendingQuestion& pending : asked) {
      const bool address = pending.question.type == dns::RecordType::A;
      result.asked.push_back((address ? "A " : "") + pending.question.name.to_text());
      evaluator.answer(pending.id, zone.answer(pending.question));
      if (arrival == Arrival::LastFirst && &pending != &asked.back()) (void)evaluator.step();
    }
    if (told) continue;
    told = true;
    evaluator.identifiers({message.spf, dkim, message.spf_temporary, temporary});
  }
  result.outcome = evaluator.outcome();
  if (evaluator.record() && !evaluator.record()->record().rua.empty()) {
    result.rua = evaluator.record()->record().rua.front().address;
  }
  return result;
}

}  // namespace sluice::dmarc

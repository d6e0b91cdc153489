// A DNS of a few names for tests of the evaluator: answers from a map, and a log of what was asked.
#pragma once

#include "rules/spf/evaluator.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::spf {

class FakeDns {
 public:
  FakeDns& txt(std::string_view name, std::string text) {
    return add(name, dns::RecordType::Txt, std::move(text));
  }
  FakeDns& address(std::string_view name, const char* text) {
    const IpAddress address = *IpAddress::parse(text);
    return add(name, address.is_v4() ? dns::RecordType::A : dns::RecordType::Aaaa, address);
  }
  FakeDns& mx(std::string_view name, std::string_view exchange) {
    return add(name, dns::RecordType::Mx, dns::MailExchange{10, *dns::DnsName::from_text(exchange)});
  }
  FakeDns& ptr(std::string_view name, std::string_view target) {
    return add(name, dns::RecordType::Ptr, *dns::DnsName::from_text(target));
  }
  FakeDns& status(std::string_view name, dns::RecordType type, dns::AnswerStatus status) {
    answers_[key({*dns::DnsName::from_text(name), type})].status = status;
    return *this;
  }

  dns::Answer lookup(const dns::Question& question) {
    log.push_back(key(question));
    const auto found = answers_.find(log.back());
    if (found != answers_.end()) return found->second;
    const std::string name = question.name.to_text() + " ";
    const auto same_name = answers_.lower_bound(name);
    dns::Answer answer;
    answer.status = same_name != answers_.end() && same_name->first.starts_with(name)
                        ? dns::AnswerStatus::NoData
                        : dns::AnswerStatus::NxDomain;
    return answer;
  }

  bool asked(std::string_view question) const { return std::ranges::find(log, question) != log.end(); }

  std::vector<std::string> log;  // "name TYPE", in the order asked

 private:
  static std::string key(const dns::Question& question) {
    return question.name.to_text() + " " + dns::to_string(question.type);
  }
  FakeDns& add(std::string_view name, dns::RecordType type, dns::RecordData data) {
    dns::Answer& answer = answers_[key({*dns::DnsName::from_text(name), type})];
    answer.status = dns::AnswerStatus::Records;
    answer.records.push_back(std::move(data));
    return *this;
  }
  std::map<std::string, dns::Answer> answers_;
};

inline Check check_of(const char* client, std::string sender, std::string helo = "helo.example.org") {
  Check check;
  check.client = *IpAddress::parse(client);
  check.sender = std::move(sender);
  check.helo = std::move(helo);
  check.explain = Explain::Fetch;
  return check;
}

inline const Outcome& run(FakeDns& dns, const Check& check, Evaluator& evaluator) {
  evaluator.start(check);
  while (evaluator.step() == auth::Progress::NeedAnswers) {
    const std::vector<auth::PendingQuestion> asked(evaluator.questions().begin(),
                                                   evaluator.questions().end());
    if (asked.empty()) break;  // it would wait for ever; the outcome then differs from what is expected
    for (const auth::PendingQuestion& question : asked)
      evaluator.answer(question.id, dns.lookup(question.question));
  }
  return evaluator.outcome();
}

inline Outcome run(FakeDns& dns, const Check& check) {
  Evaluator evaluator;
  return run(dns, check, evaluator);
}

inline Outcome run(FakeDns& dns, const char* client, std::string sender) {
  return run(dns, check_of(client, std::move(sender)));
}

}  // namespace sluice::spf

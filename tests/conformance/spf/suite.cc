#include "tests/conformance/spf/suite.h"

#include "dnscache/zone/zone_file.h"
#include "rules/spf/selected_record.h"

#include <algorithm>
#include <stdexcept>

#include <yaml-cpp/yaml.h>

namespace sluice::spf::suite {
namespace {

std::vector<std::string> strings(const YAML::Node& node) {
  if (!node.IsSequence()) return {node.as<std::string>()};
  return node.as<std::vector<std::string>>();
}

class ZoneSource final : public ProgramSource {
 public:
  explicit ZoneSource(const dns::Zone& zone) : zone_(zone) {}
  const dns::Answer* find(const dns::Question& question) override {
    answer_ = zone_.lookup(question);
    return &answer_;
  }
  const SelectedRecord* record(const dns::Question&) override {
    records_.push_back(SelectedRecord::select(answer_));
    return records_.back().get();
  }

 private:
  const dns::Zone& zone_;
  dns::Answer answer_;
  std::vector<SelectedRecordRef> records_;
};

}  // namespace

std::vector<Case> load(const std::string& path) {
  std::vector<Case> cases;
  for (const YAML::Node& scenario : YAML::LoadAllFromFile(path)) {
    if (!scenario.IsMap()) continue;
    const auto title = scenario["description"].as<std::string>("");
    Result<dns::Zone> zone = dns::zone_from_yaml_node(scenario["zonedata"]);
    if (!zone) throw std::runtime_error(title + ": " + zone.error().to_string());
    const auto shared = std::make_shared<const dns::Zone>(std::move(*zone));
    for (const auto& entry : scenario["tests"]) {
      const YAML::Node& test = entry.second;
      Case next;
      next.name = title + " / " + entry.first.as<std::string>();
      next.zone = shared;
      const auto client = IpAddress::parse(test["host"].as<std::string>());
      if (!client) throw std::runtime_error(next.name + ": not an address");
      next.check.client = *client;
      next.check.helo = test["helo"].as<std::string>("");
      next.check.sender = test["mailfrom"].as<std::string>("");
      next.check.explain = Explain::Fetch;
      next.results = strings(test["result"]);
      if (test["explanation"]) next.explanation = test["explanation"].as<std::string>();
      cases.push_back(std::move(next));
    }
  }
  return cases;
}

Outcome run(const Case& test) {
  Evaluator evaluator;
  evaluator.start(test.check);
  while (evaluator.step() == auth::Progress::NeedAnswers) {
    const std::vector<auth::PendingQuestion> questions(evaluator.questions().begin(),
                                                       evaluator.questions().end());
    for (const auth::PendingQuestion& asked : questions) {
      evaluator.answer(asked.id, test.zone->lookup(asked.question));
    }
  }
  return evaluator.outcome();
}

Compiled run_compiled(const Case& test, const std::string& domain) {
  const IpAddress client = test.check.client.unmap();
  ZoneSource source(*test.zone);
  const Program program =
      Program::compile(*dns::DnsName::from_text(domain), client.family(), source, LargePages());
  Compiled compiled{std::nullopt, program.gaps()};
  Outcome scratch;
  if (const Outcome* outcome = program.run(client, test.check.explain, scratch)) compiled.outcome = *outcome;
  return compiled;
}

std::string complaint(const Case& test, const Outcome& outcome) {
  const std::string result(auth::rfc_word(outcome.result));
  if (std::ranges::find(test.results, result) == test.results.end()) {
    return "result " + result + " instead of " + test.results.front() + " (" + outcome.problem + ")";
  }
  if (!test.explanation || outcome.result != auth::SpfResult::Fail) return {};
  const std::string got = outcome.explanation.value_or("DEFAULT");
  if (got != *test.explanation) return "explanation \"" + got + "\" instead of \"" + *test.explanation + "\"";
  return {};
}

}  // namespace sluice::spf::suite

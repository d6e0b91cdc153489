// SpfVerdicts: SPF for one shard: the one place where records, programs, evaluators and the DNS meet.
//
//   if (const spf::Outcome* outcome = verdicts.find(domain, client, explain)) use(*outcome);
//   else ... SpfEvaluationPtr evaluation = verdicts.begin(check, asking); ...
//
// find() asks the program that hangs on the cached record of the domain; it allocates nothing and asks
// nobody. Where there is none, or the program leaves this client to it, begin() evaluates step by step
// (spf_evaluation.h), from the cache as far as that goes. A domain whose record was in the cache already is
// compiled afterwards, one program for each address family, which lives as long as all answers that it was
// made from; so a domain that is seen once costs no compiling. A program that lacked an answer is made again
// once that is in the cache. Outcomes are never kept by client.
//
// One shard; outlives the evaluations that it began. Nothing fails.
#pragma once

#include "dnscache/client/dns_client.h"
#include "engine/pipeline/spf_evaluation.h"
#include "rules/spf/evaluator.h"
#include "rules/spf/program.h"
#include "rules/spf/selected_record.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::pipeline {

struct SpfCounters {
  uint64_t program_hits = 0;  // outcomes that a program gave
  uint64_t step_by_step = 0;  // evaluations by steps
  uint64_t waited = 0;        // of those, with an answer that was not in the cache
  uint64_t compiled = 0;      // programs
  // Of those, not whole, by reason; one may count in several.
  uint64_t with_macros = 0;
  uint64_t with_names = 0;  // ptr
  uint64_t with_missing = 0;
  uint64_t with_temporary = 0;
  uint64_t with_limits = 0;
  uint64_t asked_ahead = 0;  // questions

  void add(const SpfCounters& other);
};

class SpfVerdicts {
 public:
  SpfVerdicts(reactor::Shard& shard, dns::DnsClient& client);
  ~SpfVerdicts();
  SpfVerdicts(const SpfVerdicts&) = delete;
  SpfVerdicts& operator=(const SpfVerdicts&) = delete;

  // The outcome of a domain as an envelope gives it, of identity MailFrom whatever was asked about. Null: it
  // has to be evaluated. Valid until the next call of this object or of the client.
  const spf::Outcome* find(std::string_view domain, const IpAddress& client, spf::Explain explain);

  // Evaluates as far as the cache goes. The outcome is there when done(); else finish() brings it.
  SpfEvaluationPtr begin(const spf::Check& check, const SpfAsking& asking);

  // To be filled in for begin(); keeps its memory.
  spf::Check& check() { return check_; }
  dns::DnsClient& client() const { return client_; }
  const SpfCounters& counters() const { return counters_; }

 private:
  friend class SpfEvaluation;
  friend class SpfLookAhead;
  friend struct SpfEvaluationReturn;
  class Source;

  // What a TXT answer means, kept with the answer where it is the cache's and there is room.
  spf::SelectedRecordRef meaning(const dns::AnswerCache::Hit& hit);
  // Answers the evaluator's question, with the meaning where it is a record.
  void give(spf::Evaluator& machine, auth::QuestionId id, const dns::AnswerCache::Hit& hit);
  std::optional<dns::AnswerCache::Hit> in_cache(const dns::Question& question);
  void ended(const SpfEvaluation& evaluation);

  void compile(const dns::DnsName& domain, IpFamily family);
  template <IpFamily family>
  void compile_for(const dns::DnsName& domain);
  void count(const spf::ProgramGaps& gaps);
  void take_back(std::unique_ptr<SpfEvaluation> evaluation);

  reactor::Shard& shard_;
  dns::DnsClient& client_;
  dns::Question question_;
  spf::Check check_;
  std::string domain_;                                // A-labels of a domain that has others
  std::vector<std::unique_ptr<SpfEvaluation>> idle_;  // that keep their memory
  spf::Outcome outcome_;                              // of the last program that ran; keeps its memory
  SpfCounters counters_;
};

}  // namespace sluice::pipeline

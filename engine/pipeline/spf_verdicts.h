// SpfVerdicts: SPF for one shard: the one place where records, programs, evaluators and the DNS meet.
//
//   if (const spf::Outcome* outcome = verdicts.find(domain, client, explain)) use(*outcome);
//   else ... SpfEvaluationPtr evaluation = verdicts.begin(check, asking); ...
//
// find() asks the program that hangs on the cached record of the domain; it allocates nothing and asks
// nobody. Where there is none, or the program leaves this client to it, begin() evaluates step by step
// (spf_evaluation.h), from the cache as far as that goes. A domain whose record was in the cache already is
// compiled afterwards, one program for each address family, which lives as long as all answers that it was
// made from. A program that lacked an answer is made again once that is in the cache. Outcomes are never kept
// by client.
//
// Compiling is earned by what it saves: the evaluations by steps of one record and family, those for one
// message counted once and the first not at all, allow for kBytesEarned of program each. So a domain that is
// seen once costs no compiling, and names that an attacker makes up cost a bounded part of what their
// evaluation costs anyway, however large their programs are. A program that outgrows what was earned covers
// what came before, and is made again when twice as much was earned.
//
// One shard; outlives the evaluations that it began. Nothing fails.
#pragma once

#include "dnscache/client/dns_client.h"
#include "engine/pipeline/spf_evaluation.h"
#include "rules/spf/evaluator.h"
#include "rules/spf/program.h"
#include "rules/spf/selected_record.h"

#include <array>
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

enum class Measure : uint8_t {
  IfKnown,  // where a program is there already
  Compile,  // it is made where the record is in the cache, earned or not
};

struct Breadth {
  uint64_t count = 0;     // addresses for an IPv4 client, /64 networks for an IPv6 client
  bool at_least = false;  // some clients are evaluated step by step, and not counted
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

  // How much of the address space the record of the domain authorises. Nothing where that is not known:
  // without a program (Measure::IfKnown), or where none can be made (Compile).
  std::optional<Breadth> breadth(std::string_view domain, const IpAddress& client, Measure measure);

  // Evaluates as far as the cache goes. The outcome is there when done(); else finish() brings it.
  SpfEvaluationPtr begin(const spf::Check& check, const SpfAsking& asking);

  // For SpfAsking::message.
  uint64_t new_message() { return ++messages_; }

  // To be filled in for begin(); keeps its memory.
  spf::Check& check() { return check_; }
  dns::DnsClient& client() const { return client_; }
  const SpfCounters& counters() const { return counters_; }

 private:
  friend class SpfEvaluation;
  friend class SpfLookAhead;
  friend struct SpfEvaluationReturn;
  class Source;
  struct Earned;
  struct Known;
  struct Came {
    uint64_t message = 0;
    dns::AnswerCache::EntryId id;
    friend bool operator==(const Came&, const Came&) = default;
  };

  // What a TXT answer means, kept with the answer where it is the cache's and there is room.
  spf::SelectedRecordRef meaning(const dns::AnswerCache::Hit& hit);
  // Answers the evaluator's question, with the meaning where it is a record.
  void give(spf::Evaluator& machine, auth::QuestionId id, const dns::AnswerCache::Hit& hit);
  std::optional<dns::AnswerCache::Hit> in_cache(const dns::Question& question);
  void ended(const SpfEvaluation& evaluation);

  Known* known(dns::AnswerCache::EntryId id);
  bool earn(const SpfEvaluation& evaluation, dns::AnswerCache::EntryId id);
  template <IpFamily family>
  std::optional<Breadth> breadth_for(const dns::DnsName& domain, Measure measure);
  template <IpFamily family>
  void compile_for(const dns::DnsName& domain, dns::AnswerCache::EntryId id);
  bool would_cover_more(const spf::Program& program);
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
  uint64_t messages_ = 0;
  // The last answers that came for a message: this one's further evaluations find them in the cache. As many
  // as come while one message's header follows its envelope; where it is more, one counts that should not.
  std::array<Came, 64> came_{};
  size_t next_came_ = 0;
};

}  // namespace sluice::pipeline

// SpfInquiry: the SPF evaluations of one transaction, beside the dialogue (W-30): started when the result is
// certain to be needed, awaited only where it is.
//
// What programs and the cache can tell is there when start() returns, and nothing runs. The rest belongs to
// the shard's TaskGroup and owns what it uses; the transaction holds an SpfInquiry, which the work fills in
// when it is done. Dropping the SpfInquiry ends the work: it forgets its questions at its next turn, so that
// transactions that come to nothing leave nothing behind. One shard.
#pragma once

#include "engine/pipeline/spf_verdicts.h"
#include "io/base/bucket_counts.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"
#include "rules/evidence/evidence.h"
#include "rules/policy/verdict.h"

#include <chrono>
#include <string>
#include <string_view>

namespace sluice::pipeline {

// Read during start().
struct SpfRequest {
  const evidence::Client& client;
  const evidence::Sender& sender;
  policy::SpfIdentities identities{};
  bool find_reverse_name = false;                   // D-4: the client gave no HELO name and one is needed
  bool check_helo = false;                          // ESE-15: HELO too, also where its name is found only now
  std::string_view from_author{};                   // identity From only (ESE-16): the author's address
  std::string_view receiver{};                      // our host name, for %{r}
  std::chrono::seconds time{limits::kSpfDeadline};  // for each evaluation
  bool ask_ahead = false;                           // spf.prefetch
  Measure measure = Measure::IfKnown;               // how much the record of a Pass authorises
  uint64_t message = 0;                             // another inquiry's message(), of the same transaction
  BucketCounts* duration = nullptr;                 // where the time it took is counted; outlives the group
};

class SpfInquiry {
 public:
  SpfInquiry() = default;
  SpfInquiry(const SpfInquiry&) = delete;
  SpfInquiry& operator=(const SpfInquiry&) = delete;
  ~SpfInquiry() { drop(); }

  // Once, until dropped. False when the group is closed (the node stops): the outcome stays empty.
  bool start(reactor::Shard& shard, SpfVerdicts& verdicts, runtime::TaskGroup& group,
             const SpfRequest& request);
  bool started() const { return started_; }
  bool finished() const { return finished_; }
  // True when it is finished; false when the deadline came first. One waiter.
  runtime::Task<bool> wait(reactor::Shard& shard, MonoTime deadline);
  // What is not answered yet counts as timed out: the outcome is there at the next turn.
  void finish_now();
  // Back to not started; what runs is cancelled.
  void drop();

  // What was found; while it is not finished, TempError for each identity that was asked for. Valid until the
  // next call.
  const evidence::SpfEvidence& outcome();
  // The same into the evidence. What was found is moved there, once: then later calls change nothing.
  void put_outcome(evidence::SpfEvidence& into);
  uint64_t message() const { return message_; }  // SpfAsking's, once started
  const std::string& reverse_name() const { return reverse_name_; }

 private:
  class Work;

  Work* work_ = nullptr;  // while it runs
  bool started_ = false;
  bool finished_ = false;
  bool given_ = false;  // what was found
  uint64_t message_ = 0;
  policy::SpfIdentities identities_;
  evidence::SpfEvidence spf_;
  evidence::SpfEvidence cut_off_;
  std::string reverse_name_;
  runtime::Signal done_;
};

}  // namespace sluice::pipeline

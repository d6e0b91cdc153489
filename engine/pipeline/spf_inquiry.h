// SpfInquiry: the SPF evaluations of one transaction, run beside the dialogue (W-30): started when the result
// is certain to be needed, awaited only where it is.
//
// The work belongs to the shard's TaskGroup and owns what it uses; the transaction holds an SpfInquiry, which
// the work fills in when it is done. Dropping the SpfInquiry ends the work: it forgets its
// questions at its next turn, so that transactions that come to nothing leave nothing behind. One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "io/base/bucket_counts.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "io/runtime/task_group.h"
#include "rules/evidence/evidence.h"
#include "rules/policy/verdict.h"

#include <string>

namespace sluice::pipeline {

struct SpfRequest {
  evidence::Client client;
  evidence::Sender sender;
  policy::SpfIdentities identities;
  bool find_reverse_name = false;                   // D-4: the client gave no HELO name and one is needed
  bool check_helo = false;                          // ESE-15: HELO too, also where its name is found only now
  std::string from_author;                          // identity From only (ESE-16): the author's address
  std::string receiver;                             // our host name, for %{r}
  std::chrono::seconds time{limits::kSpfDeadline};  // for each evaluation
  BucketCounts* duration = nullptr;                 // where the time it took is counted; outlives the group
};

class SpfInquiry {
 public:
  SpfInquiry() = default;
  SpfInquiry(const SpfInquiry&) = delete;
  SpfInquiry& operator=(const SpfInquiry&) = delete;
  ~SpfInquiry() { drop(); }

  // Once, until dropped. False when the group is closed (the node stops): the outcome stays empty.
  bool start(reactor::Shard& shard, dns::DnsClient& client, runtime::TaskGroup& group, SpfRequest request);
  bool started() const { return started_; }
  bool finished() const { return finished_; }
  // True when it is finished; false when the deadline came first. One waiter.
  runtime::Task<bool> wait(reactor::Shard& shard, MonoTime deadline);
  // What is not answered yet counts as timed out: the outcome is there at the next turn.
  void finish_now();
  // Back to not started; what runs is cancelled.
  void drop();

  // What was found; while it is not finished, TempError for each identity that was asked for.
  evidence::SpfEvidence outcome() const;
  const std::string& reverse_name() const { return reverse_name_; }

 private:
  class Work;

  Work* work_ = nullptr;  // while it runs
  bool started_ = false;
  bool finished_ = false;
  policy::SpfIdentities identities_;
  evidence::SpfEvidence spf_;
  std::string reverse_name_;
  runtime::Signal done_;
};

}  // namespace sluice::pipeline

// The client's forward-confirmed reverse name: a name of its PTR records (the first ten) whose addresses
// include the client's own (RFC 1912 section 2.1; decision D-4).
//
// A search asks one question after the other and can be ended at any time; it then asks nothing more and what
// is under way is forgotten. One shard. Nothing fails: no name is an answer too.
#pragma once

#include "dnscache/client/dns_client.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"

#include <optional>
#include <string>

namespace sluice::pipeline {

class ReverseNameSearch final : public dns::AnswerReceiver {
 public:
  explicit ReverseNameSearch(dns::DnsClient& client) : client_(client) {}
  ~ReverseNameSearch() { forget(); }
  ReverseNameSearch(const ReverseNameSearch&) = delete;
  ReverseNameSearch& operator=(const ReverseNameSearch&) = delete;

  // Empty when there is none, or none was found by the deadline or before cancel(). Once.
  runtime::Task<std::string> find(reactor::Shard& shard, IpAddress address, MonoTime deadline);
  // Before, during or after find(), which ends at the next turn.
  void cancel();

 private:
  runtime::Task<dns::Answer> ask(reactor::Shard& shard, dns::Question question);
  void on_answer(uint64_t tag, const dns::Answer& answer) override;
  void forget();

  dns::DnsClient& client_;
  dns::LookupBudget budget_;
  std::optional<dns::DnsClient::AskId> under_way_;
  dns::Answer answer_;
  runtime::Signal signal_;
  bool canceled_ = false;
};

// "1.2.0.192.in-addr.arpa", or the nibbles under ip6.arpa (RFC 1035 section 3.5, RFC 3596 section 2.5).
dns::DnsName reverse_zone_name(const IpAddress& address);

}  // namespace sluice::pipeline

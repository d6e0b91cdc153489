// MessageInquiry: DKIM, DMARC and ARC of one message, beside its body: carries the questions of an
// authentication::MessageAuthenticator to the DNS and the answers back. Keys and policies are asked as soon
// as the header block is there, so that the DNS works while the body comes; nothing is awaited before
// finish().
//
// MessageInquiries keeps the objects for their memory, as far as messages have not made it large, and parsed
// keys and policies with the cached answers that they were read from, so that each is read once however many
// messages it serves.
//
// What is outstanding at the deadline, or after finish_now(), counts as timed out, and the machines end by
// their own rules (TempError). One shard.
#pragma once

#include "dnscache/client/dns_client.h"
#include "io/reactor/shard.h"
#include "io/runtime/signal.h"
#include "io/runtime/task.h"
#include "rules/authentication/message_authenticator.h"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::pipeline {

struct MessageInquiryReturn;
class MessageInquiries;

class MessageInquiry final : public dns::AnswerReceiver {
 public:
  MessageInquiry(reactor::Shard& shard, dns::DnsClient& client) : shard_(shard), client_(client) {}
  ~MessageInquiry() { release(); }
  MessageInquiry(const MessageInquiry&) = delete;
  MessageInquiry& operator=(const MessageInquiry&) = delete;

  // `block` lives until the conclusion or the end of this. A body hash of one's own is wanted of body()
  // before the first octet.
  void begin(const mail::HeaderBlock& block, const authentication::Wanted& wanted,
             const authentication::Settings& settings);
  dkim::BodyHashes& body() { return machine_.body(); }
  bool wants_body() { return !body().empty(); }
  // The body, without dot-stuffing; need not be called where it is not wanted.
  void feed(std::string_view octets);
  void body_done();

  // SPF has ended and is in the evidence. `dmarc_wanted`: as of MessageAuthenticator.
  void spf_known(const evidence::Evidence& evidence, bool dmarc_wanted) {
    machine_.spf_known(evidence, dmarc_wanted);
  }

  // Once, behind body_done() and spf_known(): ends when all that is wanted is known, and puts it into the
  // evidence. False when something was not waited for: the deadline or finish_now() came first.
  runtime::Task<bool> finish(reactor::Shard& shard, evidence::Evidence& evidence, MonoTime deadline);
  // Behind finish(): the ARC chain too, where it was not asked about. As finish().
  runtime::Task<bool> finish_chain(reactor::Shard& shard, evidence::Evidence& evidence, MonoTime deadline);
  // What is not answered yet counts as timed out.
  void finish_now();
  // Afterwards, for reports; null where no record applies.
  const dmarc::RecordRef& dmarc_record() const { return machine_.dmarc_record(); }

 private:
  friend struct MessageInquiryReturn;
  friend class MessageInquiries;
  struct Outstanding {
    auth::QuestionId id;
    dns::DnsClient::AskId asked;
  };

  bool run();  // true when it is done
  bool ask(const auth::PendingQuestion& pending);
  void take(auth::QuestionId id, const dns::AnswerCache::Hit& hit);
  void give_up();
  void release();
  size_t octets_kept() const { return machine_.octets_kept(); }
  void on_answer(uint64_t tag, const dns::Answer& answer) override;

  reactor::Shard& shard_;
  dns::DnsClient& client_;
  authentication::MessageAuthenticator machine_;
  dns::LookupBudget
      budget_;  // bounds nothing: the machines bound what they ask, and the client each question
  std::vector<Outstanding> outstanding_;
  bool news_ = false;  // answers that the machine has not been stepped with
  bool hurried_ = false;
  bool cut_off_ = false;  // something counted as timed out for that
  runtime::Signal signal_;
};

struct MessageInquiryReturn {
  MessageInquiries* inquiries = nullptr;
  void operator()(MessageInquiry* inquiry) const noexcept;
};
using MessageInquiryPtr = std::unique_ptr<MessageInquiry, MessageInquiryReturn>;

// Outlives the inquiries that it made.
class MessageInquiries {
 public:
  MessageInquiries(reactor::Shard& shard, dns::DnsClient& client) : shard_(shard), client_(client) {}
  MessageInquiries(const MessageInquiries&) = delete;
  MessageInquiries& operator=(const MessageInquiries&) = delete;

  MessageInquiryPtr make();
  // Of those that wait for a message.
  size_t octets_kept() const;

 private:
  friend struct MessageInquiryReturn;

  reactor::Shard& shard_;
  dns::DnsClient& client_;
  std::vector<std::unique_ptr<MessageInquiry>> idle_;
};

}  // namespace sluice::pipeline

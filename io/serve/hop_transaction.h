// HopTransaction: one message's talk with the next hop. Whoever has one knows nothing of sessions.
//
//   HopTransaction hop(pool, std::move(envelope));               // no packet yet
//   // The first brings MAIL along, in one flight.
//   HopReply said = co_await hop.rcpt(shard, "a@example.com");
//   // DATA, body, the hop's answer.
//   HopReply done = co_await hop.deliver(shard, octets, deadline);
//   hop.abandon();                                               // or its destructor
//
// - W-1: DATA is sent by deliver() only; an open DATA is abandoned only by closing the connection.
// - W-2: a transaction has its session for kHopBodyWait until deliver() begins, however often it is
//   called, and for less while others wait for one. Then it is parked: RSET, and the session goes back
//   to the pool. rcpt() and deliver() repeat MAIL and the accepted RCPTs by themselves; what is refused
//   then, deliver() answers.
// - W-3: a 421 or close before the body is retried once on a fresh connection, unseen by the caller.
// - W-6, W-7: every HopReply is made for our client. After Unknown nothing may be sent again.
// - W-9: a hop without 8BITMIME gets the message without BODY (counted), or not at all where the pool's
//   options say so; one without SMTPUTF8, where the envelope, a recipient or the header needs it: 550 5.6.7.
// - A hop with CHUNKING gets a message of up to kHopChunk octets by one BDAT, in one flight. What is lost
// then
//   before all of it was sent, or answered 421, is retried as behind DATA.
// - A call of rcpt() is over within kHopCommandWait, rcpt_all() within as much for each recipient, deliver()
//   at its deadline, and all at once after cancel().
//
// One call at a time, but for cancel(). Per shard; gone before its pool stops.
#pragma once

#include "io/base/clock.h"
#include "io/reactor/shard.h"
#include "io/runtime/task.h"
#include "io/runtime/timer_wheel.h"
#include "io/serve/hop_pool.h"
#include "io/serve/hop_reply.h"
#include "io/serve/smtp_client.h"
#include "io/smtp/client_session.h"
#include "io/smtp/xclient.h"

#include <cstddef>
#include <expected>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::serve {

struct HopEnvelope {
  std::string_view sender{};  // without brackets; empty for <>. Stays as long as the transaction.
  smtp::MailParameters parameters;
  bool needs_smtputf8 = false;
  smtp::XclientOverrides client;  // sent only to a HopHost with send_xclient
};

class HopTransaction final : private runtime::Timer {
 public:
  // `memory`: where the list of recipients is kept; outlives the transaction.
  HopTransaction(HopPool& pool, HopEnvelope envelope,
                 std::pmr::memory_resource* memory = std::pmr::get_default_resource());
  ~HopTransaction();  // abandon(); not while a call is under way
  HopTransaction(const HopTransaction&) = delete;
  HopTransaction& operator=(const HopTransaction&) = delete;

  // Offers a recipient (without brackets). A refusal of the sender (MAIL) is the answer of every rcpt().
  [[nodiscard]] runtime::Task<HopReply> rcpt(Shard& shard, std::string recipient);
  // Several at once; answers in the same order, to each the hop's own word as far as there is one. Where the
  // hop allows it they go in one flight, or in as many as W-3 asks for: no more are under way than the hop
  // may refuse before the session is retired.
  [[nodiscard]] runtime::Task<std::vector<HopReply>> rcpt_all(Shard& shard,
                                                              std::vector<std::string> recipients);
  // Sends the message to all accepted recipients; at least one must be. The octets stay until it is over. All
  // or nothing: where a repeated envelope (W-2) is refused for some recipients only, nothing is sent and the
  // answer is 451. After this only abandon() may be called.
  [[nodiscard]] runtime::Task<HopReply> deliver(Shard& shard, const MessageOctets& octets, MonoTime deadline);
  // Gives the session back. Also after deliver(); may be called again; not while a call is under way.
  void abandon();
  // W-16. Breaks the session off; a call that is under way ends at once, and so does every later one:
  // deliver() with Unknown if the final dot has left, else both with a Fault, 451 4.3.2.
  void cancel();

  size_t accepted_recipients() const { return accepted_.size(); }
  // W-2 took the session away meanwhile.
  bool parked() const { return !session_ && !accepted_.empty(); }

 private:
  // What ends an attempt without an answer to each recipient.
  struct Setback {
    HopReply reply;
    bool lost = false;  // 421 or a close: worth another connection
  };
  // What an offer says and hears, and until when. The caller's; `answers` is as long as `recipients`, those
  // that have no answer yet.
  struct Flight {
    MonoTime deadline;
    std::span<std::string> recipients{};
    std::span<HopReply> answers{};
    size_t answered = 0;  // of them, in this attempt
    std::optional<Setback> setback{};
    std::optional<HopReply> sender_refusal{};
    std::vector<HopReply> repeated{};  // for accepted_, where they had to be offered again
  };

  runtime::Task<std::optional<Setback>> establish(Shard& shard, MonoTime deadline);
  runtime::Task<std::optional<Setback>> declare_client(Shard& shard, MonoTime deadline);
  runtime::Task<std::optional<Setback>> ensure_session(Shard& shard, MonoTime deadline);
  runtime::Task<void> take_all(Shard& shard, std::span<std::string> recipients, std::span<HopReply> answers);
  runtime::Task<void> offer(Shard& shard, Flight& flight);
  runtime::Task<void> offer_once(Shard& shard, Flight& flight);
  void settle(Flight& flight);
  runtime::Task<std::optional<HopReply>> repeat_envelope(Shard& shard, MonoTime deadline);
  runtime::Task<std::optional<Setback>> start_data(Shard& shard, MonoTime deadline);
  using Sent = std::expected<HopReply, Setback>;
  runtime::Task<Sent> send_by_data(Shard& shard, const MessageOctets& octets, MonoTime deadline);
  runtime::Task<Sent> send_in_chunk(Shard& shard, const MessageOctets& octets, MonoTime deadline);
  std::optional<HopReply> unfit(const MessageOctets& octets);
  bool goes_in_chunk(const MessageOctets& octets) const;
  HopReply finish_session(HopReply said);
  runtime::Task<HopReply> send_message(Shard& shard, const MessageOctets& octets, MonoTime deadline);
  bool may_retry(const std::optional<Setback>& setback);
  Setback setback_of(ClientFault fault);
  // What is to be said and answered for an attempt: MAIL, unless it stands, and RCPTs.
  struct Step {
    std::string_view recipient;
    HopReply* answer = nullptr;  // of a new recipient
    bool is_mail = false;
    bool unsaid = false;  // the hop does not take such an address
  };
  struct Plan {
    bool with_mail = false;
    size_t repeated = 0;  // of accepted_
    size_t steps = 0;
  };
  Plan plan(const Flight& flight) const;
  Step step(const Plan& plan, const Flight& flight, size_t index) const;
  bool takes(std::string_view recipient) const;
  size_t last_in_flight(const Plan& plan, const Flight& flight, size_t first) const;
  bool is_worn_out() const { return session_ && session_->refusals >= pool_.options().refusals_max; }
  void say(const Step& step);
  void take_answer(Flight& flight, const Step& step, const smtp::Reply& reply);
  static void take_word(Flight& flight, const Step& step, HopReply said);
  std::optional<HopReply> late_refusal() const;
  void drop_session(ClientFault::Kind fault);
  void retire_session();
  void count(const HopReply& reply);
  void enter_call();
  void leave_call(Shard& shard);
  friend class HopDestinations;
  void park();
  void on_timer() override;

  HopPool& pool_;
  HopEnvelope envelope_;
  std::unique_ptr<HopSession> session_;
  std::pmr::vector<std::string> accepted_;
  std::optional<HopReply> sender_refusal_;
  // What a repeated envelope was answered, for the first of accepted_; the others were accepted after it.
  std::vector<HopReply> late_answers_;
  HopWaiter waiter_;
  std::string data_text_;     // of the reply to DATA
  HopMeter meter_;            // of the hop that it had last
  MonoTime hold_until_{};     // W-2
  MonoTime waiting_since_{};  // for the hop's word
  bool in_call_ = false;
  bool retried_ = false;
  bool canceled_ = false;
};

}  // namespace sluice::serve

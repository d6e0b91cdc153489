#include "io/serve/server_connection.h"

#include "io/base/limits.h"

#include <algorithm>
#include <utility>

namespace sluice::serve {
namespace {

constexpr smtp::FixedReply kTimedOut{421, {4, 4, 2}, "Timeout, closing connection"};
constexpr smtp::FixedReply kDraining{421, {4, 3, 2}, "Service is going down, try again"};
constexpr smtp::FixedReply kTalkedEarly{554, {5, 5, 0}, "You talked before I greeted you"};

// Adds whole replies, each counted where its last line is, to the counts of their first digits.
void count_replies(std::string_view text, std::array<uint64_t, 6>& counts) {
  while (text.size() > 3) {
    const auto digit = static_cast<size_t>(text[0] - '0');
    if (text[3] != '-' && digit < counts.size()) ++counts[digit];
    const size_t end = text.find('\n');
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

bool is_positive(const Answer& answer) { return !answer || !answer->refuses(); }

}  // namespace

ServerConnection::ServerConnection(SmtpServer& server, Shard& shard, net::StreamPtr stream)
    : server_(server),
      counters_(server.counters_),
      session_options_(*server.session_options_.back()),
      stream_(std::move(stream)),
      connection_{.id = server.ids_.next(shard.wall_now()),
                  .listener = server.options_.listener,
                  .peer = stream_->peer(),
                  .local = stream_->local(),
                  .client = stream_->peer(),
                  .xclient = {},
                  .hello = {}},
      handler_(nullptr),
      session_(session_options_.options, smtp::XclientPeer::NotListed),
      body_(shard.frame_pool()),
      clock_(server.options_.limits.times, shard.now()) {
  connection_.xclient_listed = server.service_.may_xclient(connection_);
  if (connection_.xclient_listed) {
    session_ = smtp::ServerSession(session_options_.options, smtp::XclientPeer::Listed);
    clock_.bind(ClientClock::Bound::Proxy);
  }
  stream_->set_write_wait(server.options_.limits.write_wait);
  server.enter(*this);
}

ServerConnection::~ServerConnection() { server_.leave(*this); }

void ServerConnection::break_off(Shard& shard) {
  if (std::exchange(broken_off_, true)) return;
  if (!std::exchange(ended_, true)) reason_ = DisconnectReason::Draining;
  stream_->abort();
  delay_.notify();
  if (handler_) handler_->on_drain_deadline(shard);
}

runtime::Task<void> ServerConnection::run(Shard& shard) {
  handler_ = server_.service_.make_handler(shard, connection_);
  co_await greet(shard);
  co_await converse(shard);
  co_await finish(shard);
}

runtime::Task<void> ServerConnection::greet(Shard& shard) {
  if (server_.draining()) {
    fail_with(kDraining, DisconnectReason::Draining);
    co_return;
  }
  Eventual<Answer> asked = handler_->on_connect(shard);
  const Answer answer = co_await std::move(asked);
  if (!is_positive(answer)) {
    ended_ = true;
    reason_ = DisconnectReason::Handler;
    session_.fail_with(*answer);
    co_return;
  }
  if (stream_->has_input()) {
    ++counters_.early_talkers;
    if (server_.options_.early_talker == EarlyTalker::Refuse) {
      fail_with(kTalkedEarly, DisconnectReason::Protocol);
      co_return;
    }
  }
  session_.greet();
}

runtime::Task<void> ServerConnection::converse(Shard& shard) {
  for (Next next = Next::GoOn; next == Next::GoOn && !broken_off_;) {
    const Event event = session_.next();
    switch (event.kind) {
      case Event::Kind::NeedInput:
        next = co_await take_input(shard);
        break;
      case Event::Kind::Flush:
        send_replies();
        if (reads_too_little()) co_await await_reader(shard);
        break;
      case Event::Kind::Body:
        clock_.heard(shard.now());
        counters_.body_octets += event.octets.size();
        body_.add(event.octets, event.carried);
        break;
      case Event::Kind::RecipientRefused:
        handler_->on_rcpt_refused(shard, *event.recipient, *event.reply);
        break;
      case Event::Kind::BodyRefused:
        body_.clear();
        co_await abort_transaction(shard, AbortReason::BodyRefused, event.reply);
        break;
      case Event::Kind::Reset:
        co_await abort_transaction(shard, AbortReason::Reset, nullptr);
        break;
      case Event::Kind::EndOfData:
        co_await end_of_data(shard, event);
        break;
      case Event::Kind::Close:
        if (!std::exchange(ended_, true)) {
          reason_ = event.close_reason == smtp::CloseReason::Quit       ? DisconnectReason::Quit
                    : event.close_reason == smtp::CloseReason::ByDriver ? DisconnectReason::Handler
                                                                        : DisconnectReason::Protocol;
        }
        next = Next::End;
        break;
      case Event::Kind::Recipient:
        if (event.recipients.size() > 1) {
          co_await ask_together(shard, event.recipients);
          break;
        }
        [[fallthrough]];
      default: {
        const MonoTime begin = shard.now();
        Eventual<Answer> asked = ask(shard, event);
        const Answer answer = co_await std::move(asked);
        settle(event, answer);
        clock_.we_took(shard.now() - begin);
        clock_.heard(shard.now());
        if (event.kind == Event::Kind::Data) clock_.body_ends();  // the time of this message begins anew
        break;
      }
    }
  }
}

// --- octets ---

runtime::Task<ServerConnection::Next> ServerConnection::take_input(Shard& shard) {
  if (collect_body()) co_await take_body(shard);
  input_.reset();
  if (server_.draining() && !session_.in_transaction()) {
    fail_with(kDraining, DisconnectReason::Draining);
    co_return Next::GoOn;
  }
  const MonoClock::duration delay = delay_due();
  if (delay > MonoClock::duration{}) co_await delay_replies(shard, delay);
  if (session_.has_output()) clock_.heard(shard.now());  // a command was complete
  send_replies();
  if (reads_too_little()) co_await await_reader(shard);
  keep_time(shard);
  const MonoTime deadline = clock_.deadline();
  if (shard.now() >= deadline) {
    ++counters_.time_outs;
    fail_with(kTimedOut, DisconnectReason::TimedOut);
    co_return Next::GoOn;
  }
  session_.return_memory(server_.replies_);
  net::Received got = co_await stream_->receive(shard, deadline);
  session_.borrow_memory(server_.replies_);
  if (!answered_.empty()) report_told(shard, /*last=*/false);
  switch (got.event) {
    case net::StreamEvent::Data:
      input_ = std::move(got.chunk);
      if (session_.dropping_body()) clock_.heard(shard.now());  // as for octets that are kept
      clock_.body_octets(input_.size());
      session_.feed(input_.view());
      co_return Next::GoOn;
    case net::StreamEvent::Interrupted:  // a drain; what it asks for is done above
      co_return Next::GoOn;
    case net::StreamEvent::Timeout:
      ++counters_.time_outs;
      fail_with(kTimedOut, DisconnectReason::TimedOut);
      co_return Next::GoOn;
    case net::StreamEvent::End:
      if (!std::exchange(ended_, true)) reason_ = DisconnectReason::ClientClosed;
      co_return Next::End;
    case net::StreamEvent::Error:
      break;
  }
  ++counters_.broken;
  if (!std::exchange(ended_, true)) reason_ = DisconnectReason::Broken;
  co_return Next::End;
}

// The octets of the message in the chunk that has been read. True: some are ready to go on.
bool ServerConnection::collect_body() {
  if (!session_.in_body()) return false;
  body_.end_chunk(input_, Adopt::Allowed);
  return body_.has_ready();
}

runtime::Task<void> ServerConnection::take_body(Shard& shard) {
  const MonoTime begin = shard.now();
  co_await pass_body(shard);
  if (session_.in_body() && !broken_off_) co_await make_room(shard);
  clock_.we_took(shard.now() - begin);
}

void ServerConnection::keep_time(Shard& shard) {
  const bool in_body = session_.in_body() || session_.dropping_body();
  if (in_body && !clock_.in_body()) clock_.body_begins(shard.now());
  if (!in_body) clock_.body_ends();
}

// Replies wait while the client does not read them; after its time the stream is broken, and the next receive
// says so.
runtime::Task<void> ServerConnection::await_reader(Shard& shard) {
  const MonoTime deadline = shard.now() + server_.options_.limits.write_wait;
  const bool sent = co_await stream_->flush(shard, deadline);
  if (!sent) stream_->abort();
}

// --- a client that errs again and again ---

MonoClock::duration ServerConnection::delay_due() {
  const size_t faults = session_.errors() + session_.refused_recipients() / limits::kClientRefusalsPerFault;
  const bool more = faults > std::exchange(faults_, faults);
  if (!more || faults <= limits::kClientFaults || connection_.xclient_listed) return {};
  const size_t doublings = std::min<size_t>(faults - limits::kClientFaults - 1, 20);
  return std::min<MonoClock::duration>(std::chrono::seconds(int64_t{1} << doublings),
                                       server_.options_.limits.delay_max);
}

// Only this client waits; nothing more of it is read meanwhile.
runtime::Task<void> ServerConnection::delay_replies(Shard& shard, MonoClock::duration delay) {
  if (server_.delayed_ >= limits::kDelayedSessions) {
    ++counters_.not_delayed;
    co_return;
  }
  ++server_.delayed_;
  ++counters_.delays;
  const MonoTime until = shard.now() + delay;
  delay_.reset();
  (void)co_await delay_.wait_until(shard, until);
  --server_.delayed_;
}

void ServerConnection::send_replies() {
  if (!session_.has_output()) return;
  session_.take_output(server_.replies_);
  count_replies(server_.replies_, counters_.replies);
  stream_->write(server_.replies_);
}

void ServerConnection::fail_with(const smtp::FixedReply& reply, DisconnectReason reason) {
  if (!std::exchange(ended_, true)) reason_ = reason;
  session_.fail_with(reply.to_reply());
}

// --- decisions ---

Eventual<Answer> ServerConnection::ask(Shard& shard, const Event& event) {
  switch (event.kind) {
    case Event::Kind::Hello:
      remember_identity();
      if (!connection_.xclient.helo.given()) connection_.hello = event.hello_name;
      if (!connection_.xclient.proto.given()) connection_.extended = event.extended;
      return handler_->on_hello(shard);
    case Event::Kind::Xclient:
      remember_identity();
      apply_xclient(*event.xclient);
      return handler_->on_xclient(shard);
    case Event::Kind::Mail:
      transaction_ = server_.ids_.next(shard.wall_now());
      return handler_->on_mail(shard, *event.mail, transaction_);
    case Event::Kind::Recipient:
      return handler_->on_rcpt(shard, event.recipients.front());
    default:
      SLUICE_CHECK(event.kind == Event::Kind::Data);
      return handler_->on_data(shard);
  }
}

void ServerConnection::settle(const Event& event, const Answer& answer) {
  const bool accepted = is_positive(answer) || (event.kind == Event::Kind::Data && answer->intermediate());
  switch (event.kind) {
    case Event::Kind::Hello:
    case Event::Kind::Xclient:
      settle_identity(accepted);
      break;
    case Event::Kind::Mail:
      in_transaction_ = accepted;
      if (accepted) ++counters_.transactions;
      break;
    default:
      break;
  }
  decide(answer);
}

void ServerConnection::decide(const Answer& answer) {
  if (!answer) {
    session_.accept();
  } else if (answer->refuses()) {
    if (ends_session(answer) && !std::exchange(ended_, true)) reason_ = DisconnectReason::Handler;
    session_.reject(*answer);
  } else {
    session_.accept(*answer);
  }
}

runtime::Task<void> ServerConnection::ask_together(Shard& shard, std::span<smtp::Recipient> recipients) {
  const MonoTime begin = shard.now();
  Eventual<std::vector<Answer>> asked = handler_->on_rcpts(shard, recipients);
  const std::vector<Answer> answers = co_await std::move(asked);
  SLUICE_CHECK(answers.size() == recipients.size() || (!answers.empty() && ends_session(answers.back())));
  for (const Answer& answer : answers) decide(answer);
  clock_.we_took(shard.now() - begin);
  clock_.heard(shard.now());
}

void ServerConnection::remember_identity() {
  before_ =
      std::make_unique<Identity>(Identity{connection_.client, connection_.client_declared,
                                          connection_.xclient, connection_.hello, connection_.extended});
}

void ServerConnection::settle_identity(bool accepted) {
  const std::unique_ptr<Identity> before = std::move(before_);
  if (accepted) return;
  connection_.client = before->client;
  connection_.client_declared = before->client_declared;
  connection_.xclient = std::move(before->xclient);
  connection_.hello = std::move(before->hello);
  connection_.extended = before->extended;
}

void ServerConnection::apply_xclient(const smtp::XclientOverrides& overrides) {
  smtp::XclientOverrides& known = connection_.xclient;
  // An address begins another client: nothing of the one before stands for it.
  if (overrides.addr.state != smtp::XclientState::Absent) known = {};
  const auto take = [](auto& mine, const auto& theirs) {
    if (theirs.state != smtp::XclientState::Absent) mine = theirs;
  };
  take(known.name, overrides.name);
  take(known.addr, overrides.addr);
  take(known.port, overrides.port);
  take(known.proto, overrides.proto);
  take(known.helo, overrides.helo);
  take(known.login, overrides.login);
  take(known.destaddr, overrides.destaddr);
  take(known.destport, overrides.destport);
  if (known.addr.state != smtp::XclientState::Absent) {
    connection_.client_declared = true;
    connection_.client = {known.addr.given() ? known.addr.value : IpAddress(),
                          known.port.given() ? known.port.value : uint16_t{0}};
  }
  // The session is as after its greeting: what is not declared comes with the next EHLO.
  connection_.hello = known.helo.given() ? known.helo.value : std::string();
  connection_.extended = known.proto.given() && known.proto.value == smtp::XclientProtocol::Esmtp;
}

// --- the message ---

runtime::Task<void> ServerConnection::pass_body(Shard& shard) {
  while (body_.has_ready()) {
    Eventual<Answer> asked = handler_->on_body(shard, body_.take_ready());
    const Answer answer = co_await std::move(asked);
    if (!is_positive(answer)) refuse_rest(answer);
    if (!broken_off_ && in_transaction_) continue;
    body_.clear();
    co_return;
  }
}

runtime::Task<void> ServerConnection::make_room(Shard& shard) {
  Eventual<Answer> asked = handler_->before_more_body(shard);
  if (asked.ready()) {
    const Answer answer = asked.take();
    if (!is_positive(answer)) refuse_rest(answer);
    co_return;
  }
  stream_->hold();
  const Answer answer = co_await std::move(asked);
  stream_->go_on();
  if (!is_positive(answer)) refuse_rest(answer);
}

void ServerConnection::refuse_rest(const Answer& answer) {
  in_transaction_ = false;
  ++counters_.aborted;
  body_.clear();
  if (broken_off_) return;
  // At the end of data the session waits for its decision; before, it is told to drop the rest.
  if (session_.awaits_decision()) {
    decide(answer);
  } else {
    session_.refuse_body(*answer);
  }
}

runtime::Task<void> ServerConnection::end_of_data(Shard& shard, const Event& event) {
  // What the session has not read yet stands in the same chunk, which therefore must stay.
  body_.end_chunk(input_, session_.unread_input() == 0 ? Adopt::Allowed : Adopt::No);
  body_.end_message();
  if (body_.has_ready()) co_await pass_body(shard);
  if (!in_transaction_ || broken_off_) co_return;
  in_transaction_ = false;
  ++counters_.messages;
  Eventual<Answer> asked = handler_->on_end_of_data(shard, *event.message);
  const Answer answer = co_await std::move(asked);
  if (is_positive(answer)) ++counters_.accepted;
  answered_.push_back(transaction_);
  decide(answer);
  clock_.heard(shard.now());
  clock_.message_ends(shard.now());
  clock_.body_ends();
}

void ServerConnection::report_told(Shard& shard, bool last) {
  const bool told = stream_->all_sent();
  if (!told && !last && !stream_->broken()) return;
  for (const TraceId transaction : answered_) {
    handler_->on_answered(shard, transaction, told ? Told::Yes : Told::No);
  }
  answered_.clear();
}

runtime::Task<void> ServerConnection::abort_transaction(Shard& shard, AbortReason reason,
                                                        const smtp::Reply* reply) {
  body_.clear();
  if (!std::exchange(in_transaction_, false)) co_return;
  ++counters_.aborted;
  Eventual<Done> asked = handler_->on_abort(shard, reason, reply);
  (void)co_await std::move(asked);
}

// --- the end ---

runtime::Task<void> ServerConnection::finish(Shard& shard) {
  input_.reset();
  co_await abort_transaction(shard, AbortReason::Disconnected, nullptr);
  send_replies();
  if (reason_ == DisconnectReason::Protocol) ++counters_.protocol_ends;
  const bool listening = reason_ != DisconnectReason::Broken;
  const MonoTime flush_deadline = shard.now() + server_.options_.limits.write_wait;
  if (listening) (void)co_await stream_->flush(shard, flush_deadline);
  if (!answered_.empty()) report_told(shard, /*last=*/true);
  const MonoTime linger_until = shard.now() + limits::kCloseLinger;
  if (reason_ == DisconnectReason::Quit || reason_ == DisconnectReason::ClientClosed) {
    co_await stream_->close(shard, net::CloseMode::Graceful);
  } else if (listening) {
    co_await stream_->finish(shard, linger_until);
  } else {
    co_await stream_->close(shard, net::CloseMode::Abort);
  }
  Eventual<Done> asked = handler_->on_disconnect(shard, reason_);
  (void)co_await std::move(asked);
  handler_.reset();
}

}  // namespace sluice::serve

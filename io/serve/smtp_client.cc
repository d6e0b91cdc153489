#include "io/serve/smtp_client.h"

#include "io/base/check.h"
#include "io/smtp/dot_stuffing.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::serve {
namespace {

std::string_view kind_words(ClientFault::Kind kind) {
  switch (kind) {
    case ClientFault::Kind::Connect:
      return "cannot connect";
    case ClientFault::Kind::Timeout:
      return "no reply in time";
    case ClientFault::Kind::Lost:
      return "connection lost";
    case ClientFault::Kind::Closing:
      return "the server closes the session";
    case ClientFault::Kind::Refused:
      return "refused";
    case ClientFault::Kind::Broken:
      return "what the server says is not SMTP";
    case ClientFault::Kind::Message:
      return "cannot read the message back";
  }
  return "fault";
}

}  // namespace

std::string ClientFault::to_string() const {
  std::string text(kind_words(kind));
  if (kind != Kind::Connect) {
    text += " at ";
    text += smtp::to_string(command);
  }
  if (os_error != 0) {
    text += ": ";
    text += std::strerror(os_error);
  }
  if (reply.code != 0) {
    text += ": ";
    text += reply.to_line();
  }
  return text;
}

SmtpClient::SmtpClient(net::StreamPtr stream, ClientOptions options)
    : stream_(std::move(stream)), options_(std::move(options)) {
  stream_->set_write_wait(options_.write_wait);
}

runtime::Task<SmtpClient::Opened> SmtpClient::open(Shard& shard, Endpoint remote, ClientOptions options,
                                                   MonoTime deadline, net::StreamStop* stop) {
  MonoTime connected_by = deadline;
  if (options.connect_wait != ClientOptions::kNoWait)
    connected_by = std::min(deadline, shard.now() + options.connect_wait);
  std::expected<net::StreamPtr, int> stream =
      co_await net::Stream::connect(shard, remote, connected_by, stop);
  if (!stream) {
    ClientFault fault;
    fault.kind = ClientFault::Kind::Connect;
    fault.os_error = stream.error();
    co_return std::unexpected(std::move(fault));
  }
  std::unique_ptr<SmtpClient> client(new SmtpClient(std::move(*stream), std::move(options)));
  client->milestones_.connected = shard.now();
  const net::StreamStop::Watch watch(stop, *client->stream_);
  ClientResult ready = co_await client->handshake(shard, deadline);
  if (!ready) co_return std::unexpected(std::move(ready.error()));
  co_return std::move(client);
}

// The greeting that is on its way (a new connection's, or XCLIENT's), then EHLO; the session falls back to
// HELO.
runtime::Task<ClientResult> SmtpClient::handshake(Shard& shard, MonoTime deadline) {
  for (const smtp::ClientCommand wanted : {smtp::ClientCommand::Greeting, smtp::ClientCommand::Hello}) {
    if (wanted == smtp::ClientCommand::Hello) session_.hello(options_.our_name);
    Eventual<ClientResult> awaited = next_reply(shard, deadline);
    ClientResult result = co_await std::move(awaited);
    if (!result) co_return result;
    if (!result->reply.positive()) {
      ClientFault refused = fault(ClientFault::Kind::Refused);
      refused.command = result->command;
      refused.reply = std::move(result->reply);
      co_return std::unexpected(std::move(refused));
    }
    if (wanted == smtp::ClientCommand::Greeting) milestones_.greeted = shard.now();
    milestones_.ready = shard.now();
    if (wanted == smtp::ClientCommand::Hello) co_return result;
  }
  co_return std::unexpected(fault(ClientFault::Kind::Broken));
}

runtime::Task<ClientResult> SmtpClient::xclient(Shard& shard, const smtp::XclientOverrides& overrides,
                                                MonoTime deadline) {
  session_.xclient(overrides);
  co_return co_await handshake(shard, deadline);
}

// --- replies ---

Eventual<ClientResult> SmtpClient::next_reply(Shard& shard, MonoTime deadline) {
  send_queued();
  if (std::optional<ClientResult> here = poll_reply()) return std::move(*here);
  return await_reply(shard, deadline);
}

std::optional<ClientResult> SmtpClient::poll_reply() {
  const smtp::ClientEvent event = session_.next();
  switch (event.kind) {
    case smtp::ClientEvent::Kind::NeedInput:
      return std::nullopt;
    case smtp::ClientEvent::Kind::Reply: {
      ClientReply reply;
      reply.command = event.command;
      reply.index = event.index;
      reply.reply = std::move(*event.reply);
      return ClientResult(std::move(reply));
    }
    case smtp::ClientEvent::Kind::Closing: {
      if (event.reply == nullptr) return ClientResult(std::unexpected(fault(ClientFault::Kind::Lost)));
      ClientFault closing = fault(ClientFault::Kind::Closing);
      closing.reply = *event.reply;
      return ClientResult(std::unexpected(std::move(closing)));
    }
    case smtp::ClientEvent::Kind::Broken:
      break;
  }
  return ClientResult(std::unexpected(fault(ClientFault::Kind::Broken)));
}

runtime::Task<ClientResult> SmtpClient::await_reply(Shard& shard, MonoTime deadline) {
  for (;;) {
    net::Received got = co_await stream_->receive(shard, deadline);
    switch (got.event) {
      case net::StreamEvent::Data:
        // What was read before is used up: the session wanted input.
        input_ = std::move(got.chunk);
        session_.feed(input_.view());
        break;
      case net::StreamEvent::End:
        session_.peer_closed();
        break;
      case net::StreamEvent::Error:
        co_return std::unexpected(fault(ClientFault::Kind::Lost, got.error));
      case net::StreamEvent::Timeout:
        co_return std::unexpected(fault(ClientFault::Kind::Timeout));
      case net::StreamEvent::Interrupted:
        break;
    }
    if (std::optional<ClientResult> here = poll_reply()) co_return std::move(*here);
    input_.reset();
    send_queued();  // the session may have gone on by itself, from EHLO to HELO
    // A peer that sends a reply octet by octet does not get more time for it.
    if (shard.now() >= deadline) co_return std::unexpected(fault(ClientFault::Kind::Timeout));
  }
}

ClientFault SmtpClient::fault(ClientFault::Kind kind, int os_error) const {
  ClientFault fault;
  fault.kind = kind;
  fault.os_error = os_error;
  if (!session_.unanswered().empty()) fault.command = session_.unanswered().front();
  if (const smtp::Reply* partial = session_.partial_reply()) fault.reply = *partial;
  return fault;
}

// --- octets out ---

void SmtpClient::send_queued() {
  if (!session_.has_output()) return;
  session_.take_output(output_);
  stream_->write(output_);
}

void SmtpClient::write_body(const MessageOctets& body) {
  SLUICE_CHECK(body.stored == nullptr);
  send_queued();
  for (const std::string_view piece : body.pieces) stream_->write_borrowed(piece);
  session_.end_of_data();
  send_queued();
}

// One read ahead of what is being sent. Stops when the peer answers before its time, or is gone: the reply is
// asked for then, but the final dot must not end a message that is not whole.
runtime::Task<std::optional<ClientFault>> SmtpClient::write_stored(Shard& shard, const MessageOctets& body,
                                                                   MonoTime deadline) {
  send_queued();
  for (const std::string_view piece : body.pieces) stream_->write_borrowed(piece);
  for (uint64_t at = body.stored_from; at < body.stored_end && !cut_;) {
    std::expected<Chunk, int> read = co_await body.stored->read(shard, at);
    if (!read) {
      cut_ = true;
      co_return fault(ClientFault::Kind::Message, read.error());
    }
    at += read->size();
    const bool taken = co_await stream_->flush(shard, deadline);
    cut_ = !taken || stream_->has_input() || stream_->ended();
    if (!cut_) stream_->write(std::move(*read));
  }
  session_.end_of_data();
  if (cut_) {
    session_.take_output(output_);
    co_return std::nullopt;
  }
  for (const std::string_view piece : body.tail) stream_->write_borrowed(piece);
  send_queued();
  co_return std::nullopt;
}

uint64_t MessageOctets::octets_in_memory() const {
  uint64_t octets = 0;
  for (const std::string_view piece : pieces) octets += piece.size();
  for (const std::string_view piece : tail) octets += piece.size();
  return octets;
}

void SmtpClient::write_chunk(const MessageOctets& body) {
  SLUICE_CHECK(body.stored == nullptr);
  if (!body.may_be_stuffed) {
    session_.bdat_last(body.octets_in_memory());
    send_queued();
    for (const std::string_view piece : body.pieces) stream_->write_borrowed(piece);
    for (const std::string_view piece : body.tail) stream_->write_borrowed(piece);
    return;
  }
  std::vector<std::string_view> spans;
  uint64_t octets = 0;
  smtp::Unstuffer unstuffer;
  const auto add = [&](std::string_view piece) {
    for (std::string_view span; unstuffer.next(piece, span);) {
      const bool goes_on = !spans.empty() && spans.back().data() + spans.back().size() == span.data();
      if (goes_on) {
        spans.back() = {spans.back().data(), spans.back().size() + span.size()};
      } else {
        spans.push_back(span);
      }
      octets += span.size();
    }
  };
  for (const std::string_view piece : body.pieces) add(piece);
  for (const std::string_view piece : body.tail) add(piece);
  session_.bdat_last(octets);
  send_queued();
  for (const std::string_view span : spans) stream_->write_borrowed(span);
}

runtime::Task<ClientResult> SmtpClient::send_chunk(Shard& shard, const MessageOctets& body,
                                                   MonoTime deadline) {
  write_chunk(body);
  Eventual<ClientResult> awaited = next_reply(shard, deadline);
  ClientResult result = co_await std::move(awaited);
  // The caller's octets must come back to it.
  if (!result || stream_->unsent() != 0) co_await stream_->close(shard, net::CloseMode::Abort);
  co_return result;
}

runtime::Task<ClientResult> SmtpClient::send_body(Shard& shard, const MessageOctets& body,
                                                  MonoTime deadline) {
  if (body.stored == nullptr) {
    write_body(body);
  } else {
    std::optional<ClientFault> unreadable = co_await write_stored(shard, body, deadline);
    if (unreadable) {
      co_await stream_->close(shard, net::CloseMode::Abort);
      co_return std::unexpected(std::move(*unreadable));
    }
  }
  Eventual<ClientResult> awaited = next_reply(shard, deadline);
  ClientResult result = co_await std::move(awaited);
  // The caller's octets must come back to it.
  if (!result || stream_->unsent() != 0 || cut_) co_await stream_->close(shard, net::CloseMode::Abort);
  co_return result;
}

// --- the end ---

bool SmtpClient::reusable() const { return session_.idle() && quiet(); }

runtime::Task<void> SmtpClient::quit(Shard& shard, MonoTime deadline) {
  if (reusable()) {
    session_.quit();
    Eventual<ClientResult> awaited = next_reply(shard, deadline);
    (void)co_await std::move(awaited);
    co_await stream_->close(shard, net::CloseMode::Graceful);
  } else {
    co_await stream_->close(shard, net::CloseMode::Abort);
  }
}

}  // namespace sluice::serve

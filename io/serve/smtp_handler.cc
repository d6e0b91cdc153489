#include "io/serve/smtp_handler.h"

#include <utility>

namespace sluice::serve {

Eventual<std::vector<Answer>> SmtpHandler::on_rcpts(Shard& shard, std::span<smtp::Recipient> recipients) {
  return one_by_one(shard, recipients);
}

runtime::Task<std::vector<Answer>> SmtpHandler::one_by_one(Shard& shard,
                                                           std::span<smtp::Recipient> recipients) {
  std::vector<Answer> answers;
  answers.reserve(recipients.size());
  for (smtp::Recipient& recipient : recipients) {
    Eventual<Answer> asked = on_rcpt(shard, recipient);
    Answer answer = co_await std::move(asked);
    answers.push_back(std::move(answer));
    if (ends_session(answers.back())) break;
  }
  co_return answers;
}

std::string_view to_string(AbortReason reason) {
  switch (reason) {
    case AbortReason::Reset:
      return "reset";
    case AbortReason::Disconnected:
      return "disconnected";
    case AbortReason::BodyRefused:
      return "body refused";
  }
  return "unknown";
}

std::string_view to_string(DisconnectReason reason) {
  switch (reason) {
    case DisconnectReason::Quit:
      return "quit";
    case DisconnectReason::ClientClosed:
      return "closed by client";
    case DisconnectReason::Broken:
      return "connection broken";
    case DisconnectReason::TimedOut:
      return "timed out";
    case DisconnectReason::Protocol:
      return "protocol errors";
    case DisconnectReason::Handler:
      return "refused";
    case DisconnectReason::Draining:
      return "draining";
  }
  return "unknown";
}

}  // namespace sluice::serve

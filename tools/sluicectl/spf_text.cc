#include "tools/sluicectl/spf_text.h"

#include <fmt/format.h>

namespace sluice::ctl {

std::string_view status_word(dns::AnswerStatus status) {
  switch (status) {
    case dns::AnswerStatus::Records:
      return "answered";
    case dns::AnswerStatus::NoData:
      return "no such record";
    case dns::AnswerStatus::NxDomain:
      return "no such name";
    case dns::AnswerStatus::ServFail:
      return "failed";
    case dns::AnswerStatus::Timeout:
      return "no answer";
    case dns::AnswerStatus::OverBudget:
      return "not asked: out of time";
  }
  return "";
}

std::string record_text(const dns::RecordData& data) {
  if (const auto* address = std::get_if<IpAddress>(&data)) return address->to_string();
  if (const auto* name = std::get_if<dns::DnsName>(&data)) return name->to_text();
  if (const auto* exchange = std::get_if<dns::MailExchange>(&data))
    return fmt::format("{} {}", exchange->preference, exchange->exchange.to_text());
  return std::get<std::string>(data);
}

}  // namespace sluice::ctl

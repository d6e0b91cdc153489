#include "engine/pipeline/reverse_name.h"

#include "io/base/limits.h"

#include <algorithm>
#include <ranges>

namespace sluice::pipeline {

using dns::Answer;
using dns::DnsName;
using dns::LookupKind;
using dns::Question;
using dns::RecordType;
using reactor::Shard;
using runtime::Task;

DnsName reverse_zone_name(const IpAddress& address) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const uint8_t octet : std::views::reverse(address.bytes())) {
    if (address.is_v4()) {
      text += std::to_string(octet);
      text += '.';
    } else {
      text += {kHex[octet & 0xFU], '.', kHex[octet >> 4U], '.'};
    }
  }
  text += address.is_v4() ? "in-addr.arpa" : "ip6.arpa";
  return *DnsName::from_text(text);  // always a name
}

Task<std::string> ReverseNameSearch::find(Shard& shard, IpAddress address, MonoTime deadline) {
  budget_.deadline = deadline;
  const Question reverse{reverse_zone_name(address), RecordType::Ptr};
  const Answer names = co_await ask(shard, reverse);
  const RecordType type = address.is_v4() ? RecordType::A : RecordType::Aaaa;
  for (const dns::RecordData& record : names.records | std::views::take(limits::kSpfPtrNames)) {
    const auto* name = std::get_if<DnsName>(&record);
    if (name == nullptr) continue;
    const Question forward{*name, type};
    const Answer addresses = co_await ask(shard, forward);
    const dns::RecordData wanted = address;
    if (std::ranges::find(addresses.records, wanted) != addresses.records.end()) co_return name->to_text();
  }
  co_return std::string();
}

Task<Answer> ReverseNameSearch::ask(Shard& shard, Question question) {
  answer_ = Answer{dns::AnswerStatus::Timeout, {}, 0, false};
  if (canceled_) co_return std::move(answer_);
  const auto asked = client_.ask(question, LookupKind::Uncounted, budget_, *this, 0);
  if (const auto* hit = std::get_if<dns::AnswerCache::Hit>(&asked)) co_return *hit->answer;
  under_way_ = std::get<dns::DnsClient::AskId>(asked);
  (void)co_await signal_.wait_until(shard, budget_.deadline);
  forget();  // unless it was answered
  co_return std::move(answer_);
}

void ReverseNameSearch::on_answer(uint64_t /*tag*/, const Answer& answer) {
  under_way_.reset();
  answer_ = answer;
  signal_.notify();
}

void ReverseNameSearch::cancel() {
  canceled_ = true;
  forget();
  signal_.cancel();
}

void ReverseNameSearch::forget() {
  if (under_way_) client_.forget(*under_way_);
  under_way_.reset();
}

}  // namespace sluice::pipeline

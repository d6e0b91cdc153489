#include "engine/node/dns_errands.h"

#include "io/base/json_text.h"
#include "io/base/limits.h"
#include "io/base/octet_text.h"

#include <array>
#include <optional>
#include <utility>

namespace sluice::node {
namespace {

constexpr std::array kTypes{dns::RecordType::A,   dns::RecordType::Aaaa, dns::RecordType::Mx,
                            dns::RecordType::Txt, dns::RecordType::Ptr,  dns::RecordType::Ns,
                            dns::RecordType::Soa, dns::RecordType::Cname};
constexpr unsigned kFlushRounds = 2;
constexpr std::chrono::seconds kOrderWait = limits::kAdminWait - std::chrono::seconds(1);

std::string_view status_word(dns::AnswerStatus status) {
  switch (status) {
    case dns::AnswerStatus::Records:
      return "records";
    case dns::AnswerStatus::NoData:
      return "no_data";
    case dns::AnswerStatus::NxDomain:
      return "nx_domain";
    case dns::AnswerStatus::ServFail:
      return "serv_fail";
    case dns::AnswerStatus::Timeout:
      return "timeout";
    case dns::AnswerStatus::OverBudget:
      return "over_budget";
  }
  return "";
}

// Octets.
std::string record_text(const dns::RecordData& data) {
  if (const auto* address = std::get_if<IpAddress>(&data)) return address->to_string();
  if (const auto* name = std::get_if<dns::DnsName>(&data)) return name->to_text();
  if (const auto* exchange = std::get_if<dns::MailExchange>(&data))
    return std::to_string(exchange->preference) + " " + exchange->exchange.to_text();
  return std::get<std::string>(data);
}

std::string kept_json(const DnsOrderResult::Kept& kept) {
  std::string out;
  JsonObject object(out);
  object.text("name", escape_octets(kept.question.name.to_text()));
  object.text("type", dns::to_string(kept.question.type));
  object.text("status", status_word(kept.answer.status));
  object.number("left_seconds", static_cast<uint64_t>(kept.left.count())).boolean("stale", kept.stale);
  std::vector<std::string> records;
  for (const dns::RecordData& data : kept.answer.records) records.push_back(escape_octets(record_text(data)));
  object.texts("records", records);
  object.end();
  return out;
}

// The order that a request asks for; null when it asks for none. That nothing was named is no wish to forget
// everything: an empty variable of a script would be one.
std::optional<DnsOrder> order_of(const AdminRequest& request) {
  DnsOrder order;
  const AdminArguments& given = request.arguments();
  const bool flushes = request.question() == AdminQuestion::DnsFlush;
  order.kind = flushes ? DnsOrder::Kind::Flush : DnsOrder::Kind::Lookup;
  if (!given.all.empty()) {
    order.kind = DnsOrder::Kind::FlushAll;
    const bool fits = flushes && given.all == "true" && given.name.empty() && given.type.empty();
    return fits ? std::optional(std::move(order)) : std::nullopt;
  }
  const auto name = dns::DnsName::from_text(given.name);
  if (!name || given.name.empty()) return std::nullopt;
  for (const dns::RecordType type : kTypes) {
    if (given.type.empty() || dns::to_string(type) == given.type) order.questions.push_back({*name, type});
  }
  if (order.questions.empty()) return std::nullopt;
  return order;
}

constexpr std::string_view kWrongLookup = "{\"status\":\"not a name, or a type that is not kept\"}\n";
constexpr std::string_view kWrongFlush =
    "{\"status\":\"not a name, or a type that is not kept; all=true stands alone\"}\n";

void append_shard(JsonObject& object, const ShardReport& report) {
  const dns::CacheStatistics& cache = report.dns_cache;
  object.number("hits", cache.hits)
      .number("negative_hits", cache.negative_hits)
      .number("stale_hits", cache.stale_hits)
      .number("misses", cache.misses)
      .number("entries", cache.entries)
      .number("bytes", cache.bytes)
      .number("puts", cache.puts)
      .number("renewals", cache.renewals)
      .number("refreshes", cache.refreshes)
      .number("evictions", cache.evictions);
  const dns::ResolverStatistics& upstream = report.resolver;
  object.number("sent_udp", upstream.sent_udp)
      .number("sent_tcp", upstream.sent_tcp)
      .number("retries", upstream.retries)
      .number("answers", upstream.answers)
      .number("time_outs", upstream.time_outs)
      .number("failures", upstream.failures)
      .number("truncated", upstream.truncated)
      .number("malformed", upstream.malformed)
      .number("unmatched", upstream.unmatched)
      .number("refused_full", upstream.refused_full)
      .number("refused_domain", upstream.refused_domain)
      .number("other_case", upstream.other_case)
      .number("forwarded", report.dns_forwarded)
      .boolean("outage", report.dns_outage);
}

}  // namespace

void DnsErrands::take(std::unique_ptr<AdminRequest> request) { waiting_.push_back(std::move(request)); }

void DnsErrands::look(MonoTime now) {
  if (waiting_.empty()) return;
  if (!under_way_) {
    begin(now);
    return;
  }
  const bool done = carried_out();
  if (!done && now < until_) {
    if (node_.shards_answered()) node_.ask_shards();
    return;
  }
  for (const ShardReport* report : node_.shard_reports()) {
    if (report != nullptr && report->dns_order.number == order_.number) removed_ += report->dns_order.removed;
  }
  if (done && --rounds_left_ > 0) {
    ++order_.number;
    node_.order_dns(order_);
    return;
  }
  waiting_.front()->answer(answer());
  waiting_.pop_front();
  under_way_ = false;
}

void DnsErrands::begin(MonoTime now) {
  std::optional<DnsOrder> order = order_of(*waiting_.front());
  if (!order) {
    const bool flushes = waiting_.front()->question() == AdminQuestion::DnsFlush;
    waiting_.front()->answer({400, "application/json", std::string(flushes ? kWrongFlush : kWrongLookup)});
    waiting_.pop_front();
    return;
  }
  order->number = order_.number + 1;
  order_ = std::move(*order);
  removed_ = 0;
  rounds_left_ = order_.kind == DnsOrder::Kind::Lookup ? 1 : kFlushRounds;
  until_ = now + kOrderWait;
  under_way_ = true;
  node_.order_dns(order_);
}

bool DnsErrands::carried_out() const {
  for (const ShardReport* report : node_.shard_reports()) {
    if (report == nullptr || (report->dns_order.number != order_.number && !report->stopped)) return false;
  }
  return true;
}

AdminAnswer DnsErrands::answer() {
  std::string out;
  JsonObject object(out);
  std::string shards;
  size_t without = 0;
  size_t number = 0;
  for (const ShardReport* report : node_.shard_reports()) {
    std::string shard;
    JsonObject one(shard);
    one.number("shard", number++);
    if (report == nullptr || report->dns_order.number != order_.number) {
      ++without;
      one.boolean("answered", false);
    } else if (order_.kind == DnsOrder::Kind::Lookup) {
      std::string kept;
      for (const DnsOrderResult::Kept& entry : report->dns_order.kept) {
        kept += kept.empty() ? "" : ",";
        kept += kept_json(entry);
      }
      one.raw("kept", "[" + kept + "]");
    }
    one.end();
    shards += shards.empty() ? "" : ",";
    shards += shard;
  }
  object.text("status", without == 0 ? "done" : "not every shard answered in time");
  if (order_.kind != DnsOrder::Kind::Lookup) object.number("removed", removed_);
  object.raw("shards", "[" + shards + "]");
  object.end();
  return {without == 0 ? 200 : 504, "application/json", out + "\n"};
}

std::string dns_stats(const std::vector<const ShardReport*>& shards) {
  std::string out;
  JsonObject object(out);
  std::string list;
  ShardReport sum;
  for (const ShardReport* report : shards) {
    std::string shard;
    JsonObject one(shard);
    if (report != nullptr) {
      append_shard(one, *report);
      sum.add(*report);
    }
    one.end();
    list += list.empty() ? "" : ",";
    list += shard;
  }
  object.raw("shards", "[" + list + "]");
  JsonObject all = object.object("sum");
  append_shard(all, sum);
  all.end();
  object.end();
  return out + "\n";
}

}  // namespace sluice::node

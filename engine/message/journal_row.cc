#include "engine/message/journal_row.h"

#include "engine/message/journal_authentication.h"
#include "io/base/json_text.h"

#include <algorithm>
#include <vector>

namespace sluice::message {
namespace {

constexpr uint64_t kSchemaVersion = 1;
constexpr size_t kNamesListed = 10;  // ours: removed fields

std::string_view to_word(evidence::ClientSource source) {
  switch (source) {
    case evidence::ClientSource::Socket:
      return "socket";
    case evidence::ClientSource::Xclient:
      return "xclient";
    case evidence::ClientSource::Proxy:
      return "proxy";
  }
  return "";
}

void write_spf(JsonObject& row, std::string_view key, const std::optional<evidence::SpfOutcome>& outcome) {
  if (!outcome) return;
  JsonObject spf = row.object(key);
  spf.text("result", auth::header_word(outcome->result))
      .text("identity", auth::identity_word(outcome->identity))
      .text("domain", outcome->domain);
  if (outcome->mechanism) spf.text("mechanism", *outcome->mechanism);
  if (outcome->explanation) spf.text("explanation", *outcome->explanation);
  spf.number("lookups", outcome->lookups).number("void_lookups", outcome->void_lookups);
  if (!outcome->problem.empty()) {
    spf.text("problem", outcome->problem)
        .text("problem_domain", outcome->problem_domain)
        .text("problem_term", outcome->problem_term);
  }
  if (outcome->stale) spf.boolean("stale", true);
  if (outcome->breadth) spf.number("breadth", *outcome->breadth);
  if (outcome->breadth && outcome->breadth_at_least) spf.boolean("breadth_at_least", true);
  spf.end();
}

void write_notes(JsonObject& row, std::span<const policy::Note> notes) {
  if (notes.empty()) return;
  JsonArray policies(row, "policies");
  for (const policy::Note& note : notes) {
    JsonObject entry(policies.next());
    entry.text("id", policy::message_key(note.id));
    if (!note.arguments.empty()) entry.texts("arguments", note.arguments);
    entry.end();
  }
  policies.end();
}

void write_tags(JsonObject& row, std::span<const policy::SubjectTag> tags) {
  if (tags.empty()) return;
  std::vector<std::string> texts;
  for (const policy::SubjectTag& tag : tags) texts.push_back(tag.text);
  row.texts("tags", texts);
}

// Field names: a message may repeat them as often as it has fields.
void write_names(JsonObject& row, std::string_view key, std::span<const std::string> names) {
  if (!names.empty()) row.texts(key, names.first(std::min(names.size(), kNamesListed)));
}

policy::MessageId subtype_of(policy::RuleKind kind) {
  switch (kind) {
    case policy::RuleKind::Spf:
      return policy::MessageId::ThreatSubtypeSpf;
    case policy::RuleKind::Dkim:
      return policy::MessageId::ThreatSubtypeDkim;
    case policy::RuleKind::Dmarc:
      return policy::MessageId::ThreatSubtypeDmarc;
  }
  return policy::MessageId::ThreatSubtypeSpf;
}

void write_facts(JsonObject& row, const TransactionFacts& facts) {
  const evidence::Evidence& evidence = facts.evidence;
  row.text("id", facts.id)
      .text("direction", evidence.direction == evidence::Direction::Inbound ? "inbound" : "outbound")
      .text("client_ip", evidence.client.address.to_string());
  if (evidence.client.source != evidence::ClientSource::Socket) {
    row.text("client_source", to_word(evidence.client.source)).text("peer_ip", facts.peer.to_string());
  }
  row.text("helo", evidence.client.helo).text("sender", evidence.sender.text());
}

}  // namespace

std::string_view to_word(EndedAt stage) {
  switch (stage) {
    case EndedAt::Rcpt:
      return "rcpt";
    case EndedAt::Data:
      return "data";
    case EndedAt::EndOfData:
      return "end-of-data";
    case EndedAt::Reset:
      return "reset";
    case EndedAt::Disconnect:
      return "disconnect";
  }
  return "";
}

void append_tracking_row(std::string& out, const TransactionFacts& facts, const TrackingRow& row,
                         WallTime now) {
  JsonObject json(out);
  json.number("v", kSchemaVersion).text("kind", "tracking").time("time", now);
  write_facts(json, facts);
  json.text("recipient", row.recipient)
      .text("disposition", to_word(row.disposition))
      .text("stage", to_word(row.stage))
      .text("reply", row.reply);
  if (!row.next_hop.empty()) json.text("next_hop", row.next_hop);
  if (!row.hop_reply.empty()) json.text("hop_reply", row.hop_reply);
  if (!row.next_hop_fault.empty()) json.text("next_hop_fault", row.next_hop_fault);
  if (facts.size != 0) json.number("size", facts.size);
  const evidence::SpfEvidence& spf = facts.evidence.spf;
  write_spf(json, "spf", spf.mail_from ? spf.mail_from : spf.helo);
  if (spf.mail_from) write_spf(json, "spf_helo", spf.helo);
  write_spf(json, "spf_from", spf.from_header);
  write_authentication_results(json, facts.evidence);
  if (row.first) write_authentication(json, facts.evidence);
  if (row.verdict != nullptr) {
    if (!row.verdict->rule_name.empty()) {
      json.text("rule", row.verdict->rule_name).text("rule_kind", policy::to_word(row.verdict->rule_kind));
    }
    json.text("action", policy::to_word(row.verdict->action));
    write_tags(json, row.verdict->tags);
    write_notes(json, row.verdict->notes);
  }
  const evidence::MessageFlags& flags = facts.evidence.flags;
  if (row.first) {
    write_names(json, "removed_fields", flags.removed_fields);
    write_names(json, "removed_signed_fields", flags.removed_signed_fields);
  }
  if (flags.long_line) json.boolean("long_line", true);
  if (flags.bare_line_ends != 0) json.number("bare_line_ends", flags.bare_line_ends);
  json.text("policy_version", facts.policy_version);
  json.end();
  out += '\n';
}

uint32_t append_policy_events(std::string& out, const TransactionFacts& facts, std::string_view recipient,
                              const policy::Verdict& verdict, WallTime now) {
  for (const policy::PolicyEvent& event : verdict.events) {
    JsonObject json(out);
    json.number("v", kSchemaVersion).text("kind", "policy_event").time("time", now);
    write_facts(json, facts);
    json.text("recipient", recipient)
        .text("threat_type", policy::message_key(policy::MessageId::ThreatDomainBasedAuthentication))
        .text("threat_subtype", policy::message_key(subtype_of(event.kind)))
        .text("result", event.result)
        .text("rule", event.rule_name)
        .text("action", policy::to_word(event.action));
    write_notes(json, event.notes);
    json.text("policy_version", facts.policy_version);
    json.end();
    out += '\n';
  }
  return static_cast<uint32_t>(verdict.events.size());
}

void append_amendment(std::string& out, std::string_view transaction, std::string_view recipient,
                      WallTime now) {
  JsonObject json(out);
  json.number("v", kSchemaVersion)
      .text("kind", "amendment")
      .time("time", now)
      .text("id", transaction)
      .text("recipient", recipient)
      .boolean("not_told", true);
  json.end();
  out += '\n';
}

}  // namespace sluice::message

#include "rules/policy/rule_reader.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "io/mail/address.h"
#include "rules/policy/catalogue.h"
#include "rules/policy/value_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr std::array kAllActions = {Action::Pass, Action::Delete, Action::Reject, Action::Defer, Action::Tag};

// Words of other products for what this version cannot do; each says what to use instead.
std::string_view advice_for(std::string_view word) {
  if (word == "quarantine") {
    return "\"quarantine\" is not available before the store exists; use \"tag\" to deliver with a marked "
           "subject, "
           "\"reject\", or \"pass\" to deliver with the result header";
  }
  if (word == "block") return "\"block\" is called \"reject\" here";
  if (word == "tempblock") return "\"tempblock\" is called \"defer\" here";
  if (word == "bypass" || word == "accept") return "the word for delivering as usual is \"pass\"";
  return {};
}

void check_reply_status(SectionReader& reader, const ReplyTriple& reply) {
  const std::optional<StatusCode> status = parse_status(reply.status);
  if (!status) {
    reader.error("status",
                 fmt::format("\"{}\" is no enhanced status code; write three numbers with dots, for instance "
                             "\"{}.7.1\" (RFC 3463)",
                             shown(reply.status), reply.code / 100));
    return;
  }
  if (status->status_class != reply.code / 100U) {
    reader.error(reader.given("status") ? "status" : "code",
                 fmt::format("code {} and status {} contradict each other: both must begin with {}",
                             reply.code, reply.status, reply.code / 100));
  }
}

void check_reply_message(SectionReader& reader, const ReplyTriple& reply) {
  if (reply.message.empty()) {
    reader.error("message", "an empty reply text; say in a few words why the message is not taken");
    return;
  }
  if (reply.message.size() > limits::kReplyText) {
    reader.error("message", fmt::format("the reply text has {} octets; at most {} may be sent",
                                        reply.message.size(), limits::kReplyText));
  }
  const auto bad = std::ranges::find_if_not(reply.message, is_ascii_printable);
  if (bad != reply.message.end()) {
    reader.error("message",
                 fmt::format("octet {} of the reply text is not printable ASCII, and SMTP replies hold "
                             "nothing else (RFC 5321 section 4.2); write it in English",
                             bad - reply.message.begin() + 1));
  }
}

}  // namespace

void RuleBinder::bind(SectionReader& reader, Diagnostics& diagnostics, unsigned number) {
  const std::string path = reader.path_of("domains");
  std::vector<ManagedDomain>& managed = draft_.sections.domains;
  for (SectionReader::PlacedDomain& placed : reader.domain_list("domains")) {
    const auto domain = std::ranges::find(managed, placed.name, &ManagedDomain::name);
    if (domain == managed.end()) {
      std::vector<std::string_view> names;
      for (const ManagedDomain& one : managed) names.emplace_back(one.name);
      const std::string_view meant = nearest(placed.name, names);
      diagnostics.error(placed.position, path,
                        fmt::format("\"{}\" is not a managed domain; {}", shown(placed.name),
                                    meant.empty() ? "add a [[domain]] with this name"
                                                  : fmt::format("did you mean \"{}\"?", meant)));
      continue;
    }
    Place& place = bound_[static_cast<size_t>(domain - managed.begin())];
    if (place.position.line != 0) {
      diagnostics.error(
          placed.position, path,
          fmt::format("\"{}\" has a rule already: {} in line {}, column {}; a domain has one {} rule",
                      placed.name, place.path, place.position.line, place.position.column, family_));
      continue;
    }
    place = {placed.position, reader.path()};
    (*domain).*index_ = number;
    domains.push_back(std::move(placed.name));
  }
}

void RuleBinder::check_name(SectionReader& reader) {
  const auto same = std::ranges::find(named_, name, &Named::name);
  if (name.empty()) {
    reader.error("name", "an empty name; leave the line out to take the first domain's");
  } else if (name == kDefaultRuleName ||
             name == message_text(MessageId::DefaultRuleName, Language::English) ||
             name == message_text(MessageId::DefaultRuleName, Language::Japanese)) {
    reader.error(
        "name",
        fmt::format("this is the name of the default rule; choose another, or write [{}.default_rule]",
                    to_ascii_lower(family_)));
  } else if (same != named_.end()) {
    reader.error("name", fmt::format("\"{}\" is the name of {} in line {}, column {} already; choose another",
                                     shown(name), same->place.path, same->place.position.line,
                                     same->place.position.column));
  }
}

void RuleBinder::read(SectionReader& reader, Diagnostics& diagnostics, unsigned number) {
  domains.clear();
  name = reader.text("name");
  bind(reader, diagnostics, number);
  const DocumentNode* list = reader.value("domains");
  if (list != nullptr && list->kind == NodeKind::Array && list->items.empty()) {
    reader.error("domains",
                 fmt::format("a rule without domains; for domains without a rule of their own write "
                             "[{}.default_rule]",
                             to_ascii_lower(family_)));
  }
  if (!reader.given("name")) name = domains.empty() ? reader.path() : domains.front();
  check_name(reader);
  named_.push_back({name, {reader.table_position(), reader.path()}});
  if (!reader.given("enabled")) {
    reader.warning("enabled",
                   "the rule is off, as every rule is unless it says otherwise; write enabled = true, or "
                   "enabled = false to be plain");
  }
}

const DocumentNode* default_rule_table(SectionReader& section) {
  const DocumentNode* value = section.value("default_rule");
  if (value == nullptr || value->kind == NodeKind::Table) return value;
  section.error("default_rule",
                fmt::format("the default rule cannot be deleted or replaced; write [{}], and enabled = "
                            "false to switch it off",
                            section.path_of("default_rule")));
  return nullptr;
}

std::optional<Action> read_action(SectionReader& reader, std::string_view key) {
  const DocumentNode* value = reader.value(key);
  const std::string_view advice =
      value != nullptr && value->kind == NodeKind::Text ? advice_for(value->text) : std::string_view();
  if (!advice.empty()) {
    reader.error(key, std::string(advice));
    return std::nullopt;
  }
  const std::optional<std::string_view> word = reader.choice_word(key);
  if (!word) return std::nullopt;
  const auto action = std::ranges::find(kAllActions, *word, [](Action one) { return to_word(one); });
  return action == kAllActions.end() ? std::nullopt : std::optional(*action);
}

SubjectTag read_tag(SectionReader& reader) {
  SubjectTag tag;
  tag.text = reader.text("tag");
  tag.tag_signed = reader.boolean("tag_signed");
  if (tag.text.empty() || tag.text.size() > limits::kSubjectTag) {
    reader.error("tag", fmt::format("a tag has 1 to {} octets; this one has {}", limits::kSubjectTag,
                                    tag.text.size()));
  } else if (!mail::is_clean_utf8(tag.text) || is_space_or_tab(tag.text.front()) ||
             is_space_or_tab(tag.text.back())) {
    reader.error("tag", "a tag holds no control characters, and no space at its ends: one is put behind it");
  }
  return tag;
}

ReplyTriple read_reply(std::string_view section, const DocumentNode* table, const std::string& path,
                       Diagnostics& diagnostics) {
  SectionReader reader(find_section(section), table, path, diagnostics);
  ReplyTriple reply;
  reply.code = static_cast<uint16_t>(reader.integer("code"));
  reply.status = reader.text("status");
  reply.message = reader.text("message");
  if (reply.code == 421 || reply.code == 521) {
    reader.error("code", fmt::format("{} would end the connection (RFC 5321 section 3.8, RFC 7504); write {}",
                                     reply.code, reply.code == 421 ? 451 : 550));
  }
  check_reply_status(reader, reply);
  check_reply_message(reader, reply);
  return reply;
}

}  // namespace sluice::policy

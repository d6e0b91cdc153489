#include "rules/policy/result_header.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/policy/domain_name.h"
#include "rules/policy/removed_fields.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::Identity;
using evidence::Sender;
using evidence::SpfOutcome;
using evidence::SpfResult;

constexpr std::string_view kNoHelo = "unknown";  // the client said nothing, and has no confirmed name
constexpr size_t kShortValue = 120;              // mechanism and problem, so that a field stays readable
constexpr size_t kLine = limits::kSmtpTextLineAdvised;

// U-labels become A-labels; what is still not printable ASCII becomes '?'.
std::string printable(std::string_view identity) {
  std::string text(identity);
  if (!std::ranges::all_of(identity, is_ascii)) {
    const size_t at = identity.rfind('@');
    const size_t domain = at == std::string_view::npos ? 0 : at + 1;
    if (const std::optional<std::string> labels = to_domain_name(identity.substr(domain))) {
      text = std::string(identity.substr(0, domain)) + *labels;
    }
  }
  for (char& c : text) {
    if (!is_ascii_printable(c)) c = '?';
  }
  return text;
}

// Puts a backslash before every octet of `special`; at most `octets`, and never half an escape.
std::string escaped(std::string_view text, std::string_view special, size_t octets) {
  std::string result;
  for (const char c : text) {
    const bool needs_escape = special.contains(c);
    if (result.size() + (needs_escape ? 2 : 1) > octets) break;
    if (needs_escape) result += '\\';
    result += c;
  }
  return result;
}

std::string quoted(std::string_view text, size_t octets) {
  return '"' + escaped(text, "\"\\", octets - 2) + '"';
}

constexpr bool is_atext(char c) {
  return is_ascii_alnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

// RFC 5322 3.2.3, as Received-SPF wants it: atoms with single dots between.
bool is_dot_atom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.contains("..")) return false;
  return std::ranges::all_of(text, [](char c) { return is_atext(c) || c == '.'; });
}

std::string received_spf_value(std::string_view text, size_t octets) {
  const std::string plain = printable(text);
  return is_dot_atom(plain) && plain.size() <= octets ? plain : quoted(plain, octets);
}

struct Names {
  std::string checked;   // {sender}
  std::string ip;        // {ip}
  std::string envelope;  // <> for the null sender
  std::string helo;
};

Names names_of(const SpfOutcome& outcome, const Client& client, const Sender& sender) {
  Names names;
  const std::string_view helo = evidence::helo_name(client);
  names.helo = helo.empty() ? kNoHelo : helo;
  names.ip = client.address.to_string();
  names.envelope = sender.is_null() ? "<>" : sender.to_string();
  if (outcome.identity == Identity::From) {
    names.checked = outcome.domain;
  } else if (outcome.identity == Identity::Helo || sender.is_null()) {
    names.checked = "postmaster@" + names.helo;
  } else {
    names.checked = names.envelope;
  }
  return names;
}

// The wording is fixed, slips included: filters of administrators match it.
std::string comment_for(SpfResult result, std::string_view sender, std::string_view ip) {
  switch (result) {
    case SpfResult::Pass:
      return fmt::format("domain of {} designates {} as permitted sender", sender, ip);
    case SpfResult::Fail:
      return fmt::format("domain of {} does not designates {} as permitted sender", sender, ip);
    case SpfResult::SoftFail:
      return fmt::format("domain of transitioning {} discourages use of {} as permitted sender", sender, ip);
    case SpfResult::Neutral:
      return fmt::format("{} is neither permitted nor denied by domain of {}", ip, sender);
    case SpfResult::None:
      return fmt::format("domain of {} does not designate permitted sender hosts", sender);
    case SpfResult::PermError:
      return fmt::format("domain of {} uses mechanism not recognized by this client", sender);
    case SpfResult::TempError:
      return fmt::format("error in processing during lookup of {}", sender);
  }
  return {};
}

}  // namespace

std::string HeaderField::to_line() const {
  std::string line = name + ": " + value;
  std::string folded;
  while (line.size() > kLine) {
    // Before a space, so that unfolding gives the value back octet for octet. There is one in every part that
    // we write; a foreign part is far shorter than a line.
    const size_t space = line.rfind(' ', kLine);
    if (space == std::string::npos || space <= name.size() + 1) break;
    folded += line.substr(0, space) + "\r\n";
    line.erase(0, space);
  }
  return folded + line + "\r\n";
}

std::string comment_text(std::string_view identity) {
  return escaped(printable(identity), "()\"\\", limits::kHeaderIdentity);
}

std::string key_value_text(std::string_view identity) {
  const std::string plain = printable(identity);
  const bool as_it_is = std::ranges::all_of(
      plain, [](char c) { return is_atext(c) || std::string_view(".@[]:<>").contains(c); });
  if (as_it_is && plain.size() <= limits::kHeaderIdentity) return plain;
  return as_it_is ? plain.substr(0, limits::kHeaderIdentity) : quoted(plain, limits::kHeaderIdentity);
}

HeaderField spf_result_field(std::string_view name, const SpfOutcome& outcome, const Client& client,
                             const Sender& sender) {
  const Names names = names_of(outcome, client, sender);
  const std::string comment = comment_for(outcome.result, comment_text(names.checked), names.ip);
  return {std::string(name),
          fmt::format("{} ({}) client-ip={}; envelope-from={}; helo={}", auth::header_word(outcome.result),
                      comment, names.ip, key_value_text(names.envelope), key_value_text(names.helo))};
}

HeaderField received_spf_field(std::string_view receiver, const SpfOutcome& outcome, const Client& client,
                               const Sender& sender) {
  const Names names = names_of(outcome, client, sender);
  const std::string comment = comment_for(outcome.result, comment_text(names.checked), names.ip);
  std::string value = fmt::format(
      "{} ({}: {}) receiver={}; client-ip={}; envelope-from={}; helo={}; identity={}",
      auth::rfc_word(outcome.result), comment_text(receiver), comment,
      received_spf_value(receiver, limits::kHeaderIdentity), received_spf_value(names.ip, 64),
      quoted(printable(names.envelope), limits::kHeaderIdentity),
      received_spf_value(names.helo, limits::kHeaderIdentity), auth::identity_word(outcome.identity));
  if (outcome.mechanism) value += "; mechanism=" + received_spf_value(*outcome.mechanism, kShortValue);
  if (!outcome.problem.empty()) value += "; problem=" + received_spf_value(outcome.problem, kShortValue);
  return {std::string(kReceivedSpfField), std::move(value)};
}

}  // namespace sluice::policy

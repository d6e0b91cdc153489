#include "rules/policy/result_header.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/policy/domain_name.h"
#include "rules/policy/removed_fields.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

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

// U-labels become A-labels; what is still not printable ASCII becomes '?'. Most identities are as they should
// be.
class Printable {
 public:
  explicit Printable(std::string_view identity) : text_(identity) {
    if (std::ranges::all_of(identity, is_ascii_printable)) return;
    std::string labelled(identity);
    if (!std::ranges::all_of(identity, is_ascii)) {
      const size_t at = identity.rfind('@');
      const size_t domain = at == std::string_view::npos ? 0 : at + 1;
      if (const std::optional<std::string> labels = to_domain_name(identity.substr(domain))) {
        labelled = std::string(identity.substr(0, domain)) + *labels;
      }
    }
    append_printable(changed_, labelled);
    text_ = changed_;
  }
  Printable(const Printable&) = delete;
  Printable& operator=(const Printable&) = delete;

  std::string_view text() const { return text_; }

 private:
  std::string changed_;
  std::string_view text_;
};

// Puts a backslash before every octet of `special`; at most `octets`, and never half an escape.
void append_escaped(std::string& out, std::string_view text, std::string_view special, size_t octets) {
  if (text.size() <= octets && text.find_first_of(special) == std::string_view::npos) {
    out.append(text);
    return;
  }
  const size_t end = out.size() + octets;
  for (const char c : text) {
    const bool needs_escape = special.contains(c);
    if (out.size() + (needs_escape ? 2 : 1) > end) break;
    if (needs_escape) out += '\\';
    out += c;
  }
}

void append_quoted(std::string& out, std::string_view text, size_t octets) {
  out += '"';
  append_escaped(out, text, "\"\\", octets - 2);
  out += '"';
}

constexpr bool is_atext(char c) {
  return is_ascii_alnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

// RFC 5322 3.2.3, as Received-SPF wants it: atoms with single dots between.
bool is_dot_atom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.contains("..")) return false;
  return std::ranges::all_of(text, [](char c) { return is_atext(c) || c == '.'; });
}

void append_received_spf_value(std::string& out, std::string_view text, size_t octets) {
  const Printable plain(text);
  if (is_dot_atom(plain.text()) && plain.text().size() <= octets) {
    out += plain.text();
  } else {
    append_quoted(out, plain.text(), octets);
  }
}

struct Names {
  std::string ip;             // {ip}
  std::string_view envelope;  // <> for the null sender
  std::string composed;
  std::string_view helo;
  std::string_view checked;  // {sender}: one of the others, or the outcome's

  Names(const SpfOutcome& outcome, const Client& client, const Sender& sender)
      : ip(client.address.to_string()),
        envelope(sender.is_null() ? "<>" : std::string_view(sender.text())),
        helo(evidence::helo_name(client)) {
    if (helo.empty()) helo = kNoHelo;
    if (outcome.identity == Identity::From) {
      checked = outcome.domain;
    } else if (outcome.identity == Identity::Helo || sender.is_null()) {
      checked = composed.append("postmaster@").append(helo);
    } else {
      checked = envelope;
    }
  }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
};

void append_comment_text(std::string& out, std::string_view identity) {
  append_escaped(out, Printable(identity).text(), "()\"\\", limits::kHeaderIdentity);
}

// The wording is fixed, slips included: filters of administrators match it.
void append_comment(std::string& out, SpfResult result, const Names& names) {
  const auto phrase = [&](std::string_view before, std::string_view between, std::string_view behind) {
    out += before;
    append_comment_text(out, names.checked);
    out.append(between).append(between.empty() ? "" : names.ip).append(behind);
  };
  switch (result) {
    case SpfResult::Pass:
      return phrase("domain of ", " designates ", " as permitted sender");
    case SpfResult::Fail:
      return phrase("domain of ", " does not designates ", " as permitted sender");
    case SpfResult::SoftFail:
      return phrase("domain of transitioning ", " discourages use of ", " as permitted sender");
    case SpfResult::Neutral:
      out += names.ip;
      return phrase(" is neither permitted nor denied by domain of ", "", "");
    case SpfResult::None:
      return phrase("domain of ", "", " does not designate permitted sender hosts");
    case SpfResult::PermError:
      return phrase("domain of ", "", " uses mechanism not recognized by this client");
    case SpfResult::TempError:
      return phrase("error in processing during lookup of ", "", "");
  }
}

void append_key_value(std::string& out, std::string_view identity) {
  const Printable plain(identity);
  const bool as_it_is = std::ranges::all_of(
      plain.text(), [](char c) { return is_atext(c) || std::string_view(".@[]:<>").contains(c); });
  if (as_it_is) {
    out += plain.text().substr(0, limits::kHeaderIdentity);
  } else {
    append_quoted(out, plain.text(), limits::kHeaderIdentity);
  }
}

// Folds the field of this name that begins at `begin`, the last of `out`, and ends its line. Before a space,
// so that unfolding gives the value back octet for octet. There is one in every part that we write; a foreign
// part is far shorter than a line.
void end_line(std::string& out, size_t begin, size_t name_octets) {
  for (size_t line = begin; out.size() - line > kLine;) {
    const size_t space = out.rfind(' ', line + kLine);
    if (space == std::string::npos || space <= std::max(line, begin + name_octets + 1)) break;
    out.insert(space, "\r\n");
    line = space + 2;
  }
  out += "\r\n";
}

void append_spf_result(std::string& out, const SpfOutcome& outcome, const Client& client,
                       const Sender& sender) {
  const Names names(outcome, client, sender);
  out.append(auth::header_word(outcome.result)).append(" (");
  append_comment(out, outcome.result, names);
  out.append(") client-ip=").append(names.ip).append("; envelope-from=");
  append_key_value(out, names.envelope);
  out.append("; helo=");
  append_key_value(out, names.helo);
}

void append_received_spf(std::string& out, std::string_view receiver, const SpfOutcome& outcome,
                         const Client& client, const Sender& sender) {
  const Names names(outcome, client, sender);
  out.append(auth::rfc_word(outcome.result)).append(" (");
  append_comment_text(out, receiver);
  out.append(": ");
  append_comment(out, outcome.result, names);
  out.append(") receiver=");
  append_received_spf_value(out, receiver, limits::kHeaderIdentity);
  out.append("; client-ip=");
  append_received_spf_value(out, names.ip, 64);
  out.append("; envelope-from=");
  append_quoted(out, Printable(names.envelope).text(), limits::kHeaderIdentity);
  out.append("; helo=");
  append_received_spf_value(out, names.helo, limits::kHeaderIdentity);
  out.append("; identity=").append(auth::identity_word(outcome.identity));
  if (outcome.mechanism) {
    out.append("; mechanism=");
    append_received_spf_value(out, *outcome.mechanism, kShortValue);
  }
  if (!outcome.problem.empty()) {
    out.append("; problem=");
    append_received_spf_value(out, outcome.problem, kShortValue);
  }
}

}  // namespace

std::string HeaderField::to_line() const {
  std::string text;
  text.reserve(name.size() + value.size() + 16);
  text.append(name).append(": ").append(value);
  end_line(text, 0, name.size());
  return text;
}

void append_spf_result_line(std::string& out, std::string_view name, const SpfOutcome& outcome,
                            const Client& client, const Sender& sender) {
  const size_t begin = out.size();
  out.append(name).append(": ");
  append_spf_result(out, outcome, client, sender);
  end_line(out, begin, name.size());
}

void append_received_spf_line(std::string& out, std::string_view receiver, const SpfOutcome& outcome,
                              const Client& client, const Sender& sender) {
  const size_t begin = out.size();
  out.append(kReceivedSpfField).append(": ");
  append_received_spf(out, receiver, outcome, client, sender);
  end_line(out, begin, kReceivedSpfField.size());
}

std::string comment_text(std::string_view identity) {
  std::string text;
  append_comment_text(text, identity);
  return text;
}

std::string key_value_text(std::string_view identity) {
  std::string text;
  append_key_value(text, identity);
  return text;
}

void append_quoted_text(std::string& out, std::string_view text) {
  append_quoted(out, Printable(text).text(), limits::kHeaderIdentity);
}

std::string quoted_text(std::string_view text) {
  std::string quoted;
  append_quoted_text(quoted, text);
  return quoted;
}

HeaderField spf_result_field(std::string_view name, const SpfOutcome& outcome, const Client& client,
                             const Sender& sender) {
  HeaderField field{std::string(name), {}};
  append_spf_result(field.value, outcome, client, sender);
  return field;
}

HeaderField received_spf_field(std::string_view receiver, const SpfOutcome& outcome, const Client& client,
                               const Sender& sender) {
  HeaderField field{std::string(kReceivedSpfField), {}};
  append_received_spf(field.value, receiver, outcome, client, sender);
  return field;
}

}  // namespace sluice::policy

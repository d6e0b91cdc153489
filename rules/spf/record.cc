#include "rules/spf/record.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/spf/macro.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace sluice::spf {
namespace {

constexpr std::string_view kVersion = "v=spf1";

struct NamedMechanism {
  std::string_view name;
  Mechanism mechanism;
};
constexpr std::array<NamedMechanism, 8> kMechanisms{{{"all", Mechanism::All},
                                                     {"include", Mechanism::Include},
                                                     {"a", Mechanism::A},
                                                     {"mx", Mechanism::Mx},
                                                     {"ptr", Mechanism::Ptr},
                                                     {"ip4", Mechanism::Ip4},
                                                     {"ip6", Mechanism::Ip6},
                                                     {"exists", Mechanism::Exists}}};

std::optional<auth::SpfResult> qualifier_of(char c) {
  switch (c) {
    case '+':
      return auth::SpfResult::Pass;
    case '-':
      return auth::SpfResult::Fail;
    case '~':
      return auth::SpfResult::SoftFail;
    case '?':
      return auth::SpfResult::Neutral;
    default:
      return std::nullopt;
  }
}

bool is_name_character(char c) { return is_ascii_alnum(c) || c == '-' || c == '_' || c == '.'; }

// The length of "name" where the text is "name=...": a modifier (4.6.1). Null: a directive.
std::optional<size_t> modifier_name(std::string_view term) {
  if (term.empty() || !is_ascii_alpha(term.front())) return std::nullopt;
  size_t i = 1;
  while (i < term.size() && is_name_character(term[i])) ++i;
  if (i == term.size() || term[i] != '=') return std::nullopt;
  return i;
}

// "0" or a number without leading zeros, at most `maximum`.
std::optional<uint8_t> prefix_length(std::string_view digits, unsigned maximum) {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0'))
    return std::nullopt;
  unsigned value = 0;
  for (const char c : digits) {
    if (!is_ascii_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > maximum) return std::nullopt;
  return static_cast<uint8_t>(value);
}

// "/digits" at the end of a text, for dual-cidr-length.
struct Tail {
  std::string_view before;
  std::string_view digits;
};
std::optional<Tail> cidr_tail(std::string_view text, std::string_view slashes) {
  size_t digits = 0;
  while (digits < text.size() && is_ascii_digit(text[text.size() - 1 - digits])) ++digits;
  const std::string_view before = text.substr(0, text.size() - digits);
  if (!before.ends_with(slashes)) return std::nullopt;
  return Tail{before.substr(0, before.size() - slashes.size()), text.substr(text.size() - digits)};
}

}  // namespace

// One pass over a record's text. Steps return a problem's words, or nothing when all is well; `wrong_at_`
// locates it where it is not the term's start.
class RecordParser {
 public:
  explicit RecordParser(std::string text) { record_.text_ = std::move(text); }

  std::expected<Record, RecordError> parse() {
    const std::string_view text = record_.text_;
    if (!Record::is_record(text)) return wrong({}, "does not start with v=spf1");
    if (text.size() > limits::kSpfRecord) {
      return wrong({},
                   fmt::format("a record of {} octets; the limit is {}", text.size(), limits::kSpfRecord));
    }
    size_t position = kVersion.size();
    size_t terms = 0;
    while (position < text.size()) {
      if (text[position] == ' ') {
        ++position;
        continue;
      }
      const size_t end = std::min(text.find(' ', position), text.size());
      const Span term{static_cast<uint32_t>(position), static_cast<uint32_t>(end - position)};
      if (++terms > limits::kSpfRecordTerms) {
        return wrong(term, fmt::format("more than {} terms", limits::kSpfRecordTerms));
      }
      wrong_at_ = position;
      const std::string_view problem = parse_term(term);
      if (!problem.empty()) return wrong(term, std::string(problem));
      position = end;
    }
    return std::move(record_);
  }

 private:
  std::unexpected<RecordError> wrong(Span term, std::string problem) const {
    const size_t offset = term.size == 0 ? 0 : std::max<size_t>(term.offset, wrong_at_);
    return std::unexpected(RecordError{offset, std::string(record_.text_of(term)), std::move(problem)});
  }
  std::string_view at(size_t offset, std::string_view problem) {
    wrong_at_ = offset;
    return problem;
  }

  std::string_view parse_term(Span term) {
    const std::string_view text = record_.text_of(term);
    if (const std::optional<size_t> name = modifier_name(text)) return parse_modifier(term, *name);
    Directive directive;
    directive.term = term;
    size_t start = 0;
    if (const auto qualifier = qualifier_of(text.front())) {
      directive.on_match = *qualifier;
      start = 1;
    }
    const size_t name_end = std::min(text.find_first_of(":/", start), text.size());
    const std::string_view name = text.substr(start, name_end - start);
    for (const NamedMechanism& candidate : kMechanisms) {
      if (!equals_ignore_case(name, candidate.name)) continue;
      directive.mechanism = candidate.mechanism;
      const Span rest{static_cast<uint32_t>(term.offset + name_end),
                      static_cast<uint32_t>(term.size - name_end)};
      const std::string_view problem = parse_argument(directive, rest);
      if (problem.empty()) record_.directives_.push_back(directive);
      return problem;
    }
    return "an unknown mechanism";
  }

  std::string_view parse_modifier(Span term, size_t name_size) {
    const std::string_view name = record_.text_of(term).substr(0, name_size);
    const Span value{static_cast<uint32_t>(term.offset + name_size + 1),
                     static_cast<uint32_t>(term.size - name_size - 1)};
    const bool is_redirect = equals_ignore_case(name, "redirect");
    if (!is_redirect && !equals_ignore_case(name, "exp")) {
      // Unknown modifiers are ignored, but must be well-formed (6, 12).
      const auto error = check_macro_string(record_.text_of(value), MacroUse::Domain);
      return error ? at(value.offset + error->offset, error->problem) : std::string_view{};
    }
    std::optional<Modifier>& slot = is_redirect ? record_.redirect_ : record_.explanation_;
    if (slot) return is_redirect ? "a second redirect=" : "a second exp=";
    if (const auto error = check_domain_spec(record_.text_of(value))) {
      return at(value.offset + error->offset, error->problem);
    }
    slot = Modifier{term, value};
    return {};
  }

  // `rest` is what follows the mechanism's name: empty, or starting with ":" or "/".
  std::string_view parse_argument(Directive& directive, Span rest) {
    const std::string_view text = record_.text_of(rest);
    switch (directive.mechanism) {
      case Mechanism::All:
        return text.empty() ? std::string_view{} : at(rest.offset, "\"all\" takes no argument");
      case Mechanism::Include:
      case Mechanism::Exists:
        if (!text.starts_with(':')) return at(rest.offset, "this mechanism needs \":\" and a domain");
        return parse_domain(directive, rest);
      case Mechanism::Ptr:
        if (text.empty()) return {};
        if (!text.starts_with(':')) return at(rest.offset, "\"ptr\" takes no prefix length");
        return parse_domain(directive, rest);
      case Mechanism::A:
      case Mechanism::Mx:
        return parse_dual_cidr(directive, rest);
      case Mechanism::Ip4:
      case Mechanism::Ip6:
        return parse_network(directive, rest);
    }
    return "an unknown mechanism";
  }

  // `rest` starts with the colon.
  std::string_view parse_domain(Directive& directive, Span rest) {
    const Span domain{rest.offset + 1, rest.size - 1};
    if (const auto error = check_domain_spec(record_.text_of(domain))) {
      return at(domain.offset + error->offset, error->problem);
    }
    directive.domain = domain;
    return {};
  }

  // [":" domain-spec] ["/" ip4-cidr] ["//" ip6-cidr]. A domain-spec may hold slashes, so lengths are taken
  // from the right.
  std::string_view parse_dual_cidr(Directive& directive, Span rest) {
    std::string_view text = record_.text_of(rest);
    if (const auto tail = cidr_tail(text, "//")) {
      const auto length = prefix_length(tail->digits, 128);
      if (!length) return at(rest.offset + tail->before.size(), "an IPv6 prefix length is 0 to 128");
      directive.v6_length = *length;
      text = tail->before;
    }
    if (const auto tail = cidr_tail(text, "/")) {
      const auto length = prefix_length(tail->digits, 32);
      if (!length) return at(rest.offset + tail->before.size(), "an IPv4 prefix length is 0 to 32");
      directive.v4_length = *length;
      text = tail->before;
    }
    if (text.empty()) return {};
    if (!text.starts_with(':')) return at(rest.offset, "a prefix length that cannot be read");
    return parse_domain(directive, {rest.offset, static_cast<uint32_t>(text.size())});
  }

  std::string_view parse_network(Directive& directive, Span rest) {
    const std::string_view text = record_.text_of(rest);
    if (!text.starts_with(':')) return at(rest.offset, "this mechanism needs \":\" and a network");
    const bool v4 = directive.mechanism == Mechanism::Ip4;
    const size_t slash = std::min(text.find('/'), text.size());
    const auto address = IpAddress::parse(text.substr(1, slash - 1));
    if (!address || address->is_v4() != v4) {
      return at(rest.offset + 1, v4 ? "not an IPv4 address" : "not an IPv6 address");
    }
    uint8_t length = static_cast<uint8_t>(address->bits());
    if (slash != text.size()) {
      const auto read = prefix_length(text.substr(slash + 1), address->bits());
      if (!read) {
        return at(rest.offset + slash,
                  v4 ? "an IPv4 prefix length is 0 to 32" : "an IPv6 prefix length is 0 to 128");
      }
      length = *read;
    }
    directive.network = Cidr::of(*address, length);
    return {};
  }

  Record record_;
  size_t wrong_at_ = 0;
};

bool Record::is_record(std::string_view text) {
  if (!starts_with_ignore_case(text, kVersion)) return false;
  return text.size() == kVersion.size() || text[kVersion.size()] == ' ';
}

std::expected<Record, RecordError> Record::parse(std::string text) {
  return RecordParser(std::move(text)).parse();
}

std::string_view Record::name_of(const Directive& directive) const {
  std::string_view text = text_of(directive.term);
  if (!text.empty() && qualifier_of(text.front())) text.remove_prefix(1);
  return text;
}

std::optional<auth::SpfResult> Record::unlisted_result() const {
  for (const Directive& directive : directives_) {
    if (directive.mechanism == Mechanism::All) return directive.on_match;
  }
  if (redirect_) return std::nullopt;
  return auth::SpfResult::Neutral;
}

}  // namespace sluice::spf

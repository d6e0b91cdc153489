#include "rules/dmarc/record.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "io/mail/address.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <variant>

namespace sluice::dmarc {
namespace {

struct Tag {
  std::string_view name;  // empty: not a tag
  std::string_view value;
};

// Takes what stands before the next semicolon off the text.
Tag take_tag(std::string_view& text) {
  const size_t end = std::min(text.find(';'), text.size());
  const std::string_view item = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  const size_t equals = item.find('=');
  if (equals == std::string_view::npos) return {{}, trim(item)};
  const std::string_view name = trim(item.substr(0, equals));
  const std::string_view value = trim(item.substr(equals + 1));
  const bool well_formed = !name.empty() && !value.empty() && std::ranges::all_of(name, is_ascii_alpha) &&
                           std::ranges::all_of(value, is_ascii_printable);
  return {well_formed ? name : std::string_view(), value};
}

constexpr std::array<std::string_view, 10> kTags = {"p",   "sp", "np", "adkim", "aspf",
                                                    "psd", "t",  "fo", "rua",   "ruf"};
enum class TagName : uint8_t { P, Sp, Np, Adkim, Aspf, Psd, T, Fo, Rua, Ruf, Unknown };

TagName tag_name(std::string_view name) {
  const auto* found = std::ranges::find_if(kTags, [&](auto tag) { return equals_ignore_case(tag, name); });
  return static_cast<TagName>(found - kTags.begin());
}

std::optional<Policy> policy_of(std::string_view value) {
  for (const Policy policy : {Policy::None, Policy::Quarantine, Policy::Reject}) {
    if (equals_ignore_case(value, rfc_word(policy))) return policy;
  }
  return std::nullopt;
}

// Where in `letters` the value stands; null where it is not one of them.
std::optional<size_t> letter_of(std::string_view value, std::string_view letters) {
  if (value.size() != 1) return std::nullopt;
  const size_t found = letters.find(ascii_lower(value.front()));
  if (found == std::string_view::npos) return std::nullopt;
  return found;
}

// RFC 9989 4.8 has "0", "1", "d", "s" and the last two together; RFC 7489 6.3 any list of them.
bool is_failure_options(std::string_view value) {
  for (size_t i = 0; i < value.size(); ++i) {
    const bool letter = i % 2 == 0;
    const std::string_view wanted = letter ? "01ds" : ":";
    if (!wanted.contains(ascii_lower(value[i]))) return false;
  }
  return value.size() % 2 == 1;
}

class RecordReader {
 public:
  explicit RecordReader(Record& record) : record_(record) {}

  void read(std::string_view text) {
    while (!text.empty()) {
      const Tag tag = take_tag(text);
      if (tag.name.empty()) {
        if (!tag.value.empty()) note(RecordProblem::BadTag);
        continue;
      }
      const TagName name = tag_name(tag.name);
      if (name == TagName::Unknown) continue;
      const auto bit = static_cast<uint16_t>(1U << static_cast<unsigned>(name));
      if ((seen_ & bit) != 0) {
        note(RecordProblem::DoubledTag);
        continue;
      }
      seen_ = static_cast<uint16_t>(seen_ | bit);
      take(name, tag.value);
    }
    settle();
  }

 private:
  void note(RecordProblem problem) {
    record_.problems = static_cast<uint16_t>(record_.problems | static_cast<uint16_t>(problem));
  }

  void take_policy(std::optional<Policy>& into, std::string_view value, RecordProblem problem) {
    into = policy_of(value);
    if (!into) note(problem);
  }
  void take_mode(AlignmentMode& into, std::string_view value) {
    const auto mode = letter_of(value, "rs");
    if (!mode) return note(RecordProblem::BadValue);
    into = static_cast<AlignmentMode>(*mode);
  }

  void take(TagName name, std::string_view value) {
    switch (name) {
      case TagName::P:
        return take_policy(p_, value, RecordProblem::BadP);
      case TagName::Sp:
        return take_policy(sp_, value, RecordProblem::BadSp);
      case TagName::Np:
        return take_policy(np_, value, RecordProblem::BadNp);
      case TagName::Adkim:
        return take_mode(record_.adkim, value);
      case TagName::Aspf:
        return take_mode(record_.aspf, value);
      case TagName::Psd:
      case TagName::T:
      case TagName::Fo:
        return take_flag(name, value);
      case TagName::Rua:
        record_.rua = parse_uris(value, record_.problems);
        return;
      case TagName::Ruf:
        record_.ruf = parse_uris(value, record_.problems);
        return;
      case TagName::Unknown:
        return;
    }
  }

  void take_flag(TagName name, std::string_view value) {
    if (name == TagName::Fo) {
      if (!is_failure_options(value)) return note(RecordProblem::BadValue);
      record_.fo = to_ascii_lower(value);
      return;
    }
    const auto found = letter_of(value, name == TagName::Psd ? "uyn" : "ny");
    if (!found) return note(RecordProblem::BadValue);
    if (name == TagName::Psd) {
      record_.psd = static_cast<Psd>(*found);
    } else {
      record_.testing = *found == 1;
    }
  }

  // RFC 9989 4.10.1, RFC 7489 6.6.3: what a fault of p, sp or np means.
  void settle() {
    const bool watched = !record_.rua.empty();
    if (!p_ && !record_.has(RecordProblem::BadP)) note(RecordProblem::NoP);
    record_.has_sp = sp_.has_value();
    record_.has_np = np_.has_value();
    const bool sound = p_ && !record_.has(RecordProblem::BadSp);
    const auto filled = [&](bool valid, std::optional<Policy> np) -> std::optional<Policies> {
      if (!valid && watched) return Policies{};
      if (!valid) return std::nullopt;
      const Policy sp = sp_.value_or(*p_);
      return Policies{*p_, sp, np.value_or(sp)};
    };
    record_.policies = filled(sound && !record_.has(RecordProblem::BadNp), np_);
    record_.policies_7489 = filled(sound, std::nullopt);
  }

  Record& record_;
  std::optional<Policy> p_, sp_, np_;
  uint16_t seen_ = 0;
};
static_assert(kTags.size() <= 16);

// --- URIs ---

constexpr bool is_uri_character(char c) {
  return is_ascii_alnum(c) || std::string_view("-._~:/?#[]@!$&'()*+,;=%").contains(c);
}

// RFC 3986 2.1; null where a '%' is not followed by two digits.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  const auto digit = [](char c) -> unsigned {
    if (is_ascii_digit(c)) return static_cast<unsigned>(c - '0');
    const char low = ascii_lower(c);
    return low >= 'a' && low <= 'f' ? static_cast<unsigned>(low - 'a' + 10) : 16;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const unsigned high = digit(text[i + 1]);
    const unsigned low = digit(text[i + 2]);
    if (high > 15 || low > 15) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

// "10m" as octets; null where it is not a size. What is too large to say is as large as can be said.
std::optional<uint64_t> size_of(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty() && !is_ascii_digit(text.back())) {
    const size_t unit = std::string_view("kmgt").find(ascii_lower(text.back()));
    if (unit == std::string_view::npos) return std::nullopt;
    shift = 10 * static_cast<unsigned>(unit + 1);
    text.remove_suffix(1);
  }
  if (text.empty() || !std::ranges::all_of(text, is_ascii_digit)) return std::nullopt;
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  uint64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (kMost - digit) / 10) return kMost;
    value = value * 10 + digit;
  }
  return value > kMost >> shift ? kMost : value << shift;
}

// A scheme (RFC 3986 3.1) and something behind its colon.
std::optional<ReportUri> uri_of(std::string_view text) {
  ReportUri uri;
  const size_t mark = text.find('!');
  if (mark != std::string_view::npos) {
    uri.octets_max = size_of(text.substr(mark + 1));
    if (!uri.octets_max) return std::nullopt;
    text = text.substr(0, mark);
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return std::nullopt;
  const std::string_view scheme = text.substr(0, colon);
  const auto in_scheme = [](char c) { return is_ascii_alnum(c) || c == '+' || c == '-' || c == '.'; };
  if (!is_ascii_alpha(scheme.front()) || !std::ranges::all_of(scheme, in_scheme)) return std::nullopt;
  if (!std::ranges::all_of(text, is_uri_character)) return std::nullopt;
  uri.uri = text;
  if (!equals_ignore_case(scheme, "mailto")) return uri;
  const auto decoded = percent_decoded(text.substr(colon + 1, text.find('?') - colon - 1));
  if (!decoded) return std::nullopt;
  const auto address = mail::parse_mailbox(*decoded);
  if (!address || address->domain_kind() != mail::DomainKind::Name) return std::nullopt;
  uri.address = address->text();
  return uri;
}

size_t bytes_of(const std::vector<ReportUri>& uris) {
  size_t bytes = uris.capacity() * sizeof(ReportUri);
  for (const ReportUri& uri : uris) bytes += uri.uri.capacity() + uri.address.capacity();
  return bytes;
}

}  // namespace

std::string_view to_text(RecordProblem problem) {
  switch (problem) {
    case RecordProblem::NoP:
      return "p is missing";
    case RecordProblem::BadP:
      return "p is not valid";
    case RecordProblem::BadSp:
      return "sp is not valid";
    case RecordProblem::BadNp:
      return "np is not valid";
    case RecordProblem::BadValue:
      return "a tag has a value that is not valid";
    case RecordProblem::BadTag:
      return "something is not a tag";
    case RecordProblem::DoubledTag:
      return "a tag is there twice; the first one counts";
    case RecordProblem::BadUri:
      return "a URI in rua or ruf is not valid";
    case RecordProblem::TooManyUris:
      return "rua or ruf has more URIs than are looked at";
  }
  return {};
}

std::vector<ReportUri> parse_uris(std::string_view value, uint16_t& problems) {
  std::vector<ReportUri> uris;
  const auto note = [&](RecordProblem problem) {
    problems = static_cast<uint16_t>(problems | static_cast<uint16_t>(problem));
  };
  while (!value.empty()) {
    const size_t end = std::min(value.find(','), value.size());
    std::optional<ReportUri> uri = uri_of(trim(value.substr(0, end)));
    value.remove_prefix(std::min(end + 1, value.size()));
    if (!uri) {
      note(RecordProblem::BadUri);
    } else if (uris.size() == limits::kDmarcReportUris) {
      note(RecordProblem::TooManyUris);
      break;
    } else {
      uris.push_back(std::move(*uri));
    }
  }
  return uris;
}

bool is_record(std::string_view text) {
  if (text.empty() || ascii_lower(text.front()) != 'v') return false;
  const size_t end = std::min(text.find(';'), text.size());
  const std::string_view item = text.substr(1, end - 1);
  const size_t equals = item.find('=');
  return equals != std::string_view::npos && trim(item.substr(0, equals)).empty() &&
         trim(item.substr(equals + 1)) == "DMARC1";
}

std::optional<Record> parse_record(std::string_view text) {
  if (!is_record(text)) return std::nullopt;
  text.remove_prefix(std::min(text.find(';'), text.size()));
  Record record;
  RecordReader(record).read(text);
  return record;
}

SelectedRecord::SelectedRecord(const dns::Answer& answer) {
  const std::string* found = nullptr;
  for (const dns::RecordData& data : answer.records) {
    const auto* text = std::get_if<std::string>(&data);
    if (text == nullptr || !is_record(*text)) continue;
    kind_ = found == nullptr ? Kind::One : Kind::Several;
    found = text;
  }
  if (found == nullptr || kind_ != Kind::One) return;
  if (found->size() > limits::kDmarcRecord) {
    kind_ = Kind::TooLong;
    return;
  }
  record_ = parse_record(*found);
  bytes_ += bytes_of(record_->rua) + bytes_of(record_->ruf) + record_->fo.capacity();
}

}  // namespace sluice::dmarc

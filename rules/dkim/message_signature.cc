#include "rules/dkim/message_signature.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "io/mail/address.h"
#include "io/mail/domain.h"
#include "rules/auth/tag_list.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::dkim {
namespace {

using auth::TagList;

constexpr std::string_view kKeyInfix = "._domainkey.";  // RFC 6376 3.6.2.1
constexpr size_t kNameText = limits::kDnsName - 2;      // of a name as text: no first length, no final root
constexpr size_t kTimeDigits = 12;                      // RFC 6376 3.5, t= and x=
constexpr size_t kLengthDigits = 76;                    // ... and l=
constexpr size_t kInstanceDigits = 2;                   // RFC 8617 4.2.1

bool is_label_octet(char c) { return is_ascii_alnum(c) || c == '-' || c == '_'; }
// Of field names (RFC 5322 section 2.2); the colon ends an item before it gets here.
bool is_name_octet(char c) { return c > 0x20 && c < 0x7f; }

// Labels of letters, digits, hyphens and, because they occur, underscores; at least `labels_min` of them.
// U-labels become A-labels (RFC 8616). Null for what is no such name.
std::optional<std::string> read_domain(std::string_view text, size_t labels_min) {
  if (text.empty() || text.size() > limits::kSmtpDomain * 4 || text.back() == '.') return std::nullopt;
  std::optional<std::string> name = mail::to_a_labels(text);
  if (!name || name->size() > limits::kSmtpDomain) return std::nullopt;
  size_t labels = 0;
  auth::ItemList items(*name, '.');
  while (const auto label = items.next()) {
    if (label->empty() || label->size() > limits::kDnsLabel) return std::nullopt;
    ++labels;
  }
  const bool clean = std::ranges::all_of(*name, [](char c) { return is_label_octet(c) || c == '.'; });
  if (!clean || labels < labels_min) return std::nullopt;
  return name;
}

// dkim-quoted-printable (RFC 6376 section 2.11): white space means nothing. Null where '=' is not followed by
// two hexadecimal digits.
std::optional<std::string> decode_quoted_printable(std::string_view text) {
  const auto digit = [](char c) {
    if (is_ascii_digit(c)) return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  const std::string octets = auth::without_white_space(text);
  std::string out;
  for (size_t i = 0; i < octets.size(); ++i) {
    if (octets[i] != '=') {
      out.push_back(octets[i]);
      continue;
    }
    const int high = i + 1 < octets.size() ? digit(octets[i + 1]) : -1;
    const int low = i + 2 < octets.size() ? digit(octets[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return out;
}

std::optional<Canonicalization> canonicalization_of(std::string_view word) {
  if (word == "simple") return Canonicalization::Simple;
  if (word == "relaxed") return Canonicalization::Relaxed;
  return std::nullopt;
}

Algorithm algorithm_of(std::string_view word) {
  for (const Algorithm one : {Algorithm::RsaSha256, Algorithm::Ed25519Sha256, Algorithm::RsaSha1}) {
    if (to_word(one) == word) return one;
  }
  return Algorithm::Unknown;
}

class Reader {
 public:
  Reader(const TagList& tags, SignatureKind kind, MessageSignature& signature)
      : tags_(tags), kind_(kind), signature_(signature) {}

  void read() {
    read_names();
    read_version();
    read_required();
    read_algorithm();
    read_canonicalization();
    read_numbers();
    read_hashes();
    read_identity();
    read_query();
    read_header_names();
  }

 private:
  // The first problem stays.
  void problem(Reason reason) {
    if (!signature_.problem) signature_.problem = reason;
  }
  bool is_seal() const { return kind_ == SignatureKind::ArcSeal; }

  void read_names() {
    if (const auto text = tags_.find("d")) {
      auto domain = read_domain(*text, 2);
      domain_right_ = domain.has_value();
      signature_.domain = domain ? std::move(*domain) : std::string(*text);
    }
    if (const auto text = tags_.find("s")) {
      auto selector = read_domain(*text, 1);
      selector_right_ = selector.has_value();
      signature_.selector = selector ? std::move(*selector) : std::string(*text);
    }
  }

  void read_version() {
    if (kind_ != SignatureKind::Dkim) return;
    const auto version = tags_.find("v");
    if (!version) return problem(Reason::MissingTag);
    if (*version != "1") problem(Reason::UnknownVersion);
  }

  void read_required() {
    for (const std::string_view name : {"a", "b", "d", "s"}) {
      if (tags_.tag(name) == nullptr) problem(Reason::MissingTag);
    }
    for (const std::string_view name : {"bh", "h"}) {
      if (!is_seal() && tags_.tag(name) == nullptr) problem(Reason::MissingTag);
    }
    // RFC 8617 4.1.3 forbids h= in a seal; other tags that it does not have are ignored like unknown ones.
    if (is_seal() && tags_.tag("h") != nullptr) problem(Reason::MalformedTag);
    if (kind_ != SignatureKind::Dkim && tags_.tag("i") == nullptr) problem(Reason::MissingTag);
    if (const auto* b = tags_.tag("b")) signature_.b_whole = b->whole;
    signature_.names = tags_.find("h").value_or("");
  }

  void read_algorithm() {
    signature_.algorithm = algorithm_of(tags_.find("a").value_or(""));
    if (signature_.algorithm == Algorithm::Unknown) problem(Reason::UnknownAlgorithm);
    if (signature_.algorithm == Algorithm::RsaSha1) problem(Reason::WeakAlgorithm);
    const bool fits = signature_.selector.size() + signature_.domain.size() + kKeyInfix.size() <= kNameText;
    if (!domain_right_ || !selector_right_ || !fits) problem(Reason::MalformedTag);
  }

  void read_canonicalization() {
    if (is_seal()) {
      signature_.header = Canonicalization::Relaxed;
      return;
    }
    const auto text = tags_.find("c");
    if (!text) return;
    const size_t slash = std::min(text->find('/'), text->size());
    const auto header = canonicalization_of(text->substr(0, slash));
    const auto body =
        slash == text->size() ? Canonicalization::Simple : canonicalization_of(text->substr(slash + 1));
    if (!header || !body) return problem(Reason::UnknownCanonicalization);
    signature_.header = *header;
    signature_.body = *body;
  }

  std::optional<uint64_t> number(std::string_view name, size_t digits_max) {
    const auto text = tags_.find(name);
    if (!text) return std::nullopt;
    const auto value = auth::read_number(*text, digits_max);
    if (!value) problem(Reason::MalformedTag);
    return value;
  }

  void read_numbers() {
    using std::chrono::seconds;
    using std::chrono::sys_seconds;
    const auto at = [](uint64_t value) { return sys_seconds(seconds(static_cast<int64_t>(value))); };
    if (const auto value = number("t", kTimeDigits)) signature_.signed_at = at(*value);
    if (const auto value = number("x", kTimeDigits)) signature_.expires_at = at(*value);
    if (signature_.signed_at && signature_.expires_at && *signature_.expires_at <= *signature_.signed_at) {
      problem(Reason::ExpiresBeforeSigned);
    }
    if (!is_seal()) signature_.body_length = number("l", kLengthDigits);
    if (kind_ == SignatureKind::Dkim) return;
    const uint64_t instance = number("i", kInstanceDigits).value_or(0);
    if (instance >= 1 && instance <= limits::kArcSets) {
      signature_.instance = static_cast<unsigned>(instance);
    } else {
      problem(Reason::MalformedTag);
    }
  }

  void read_hashes() {
    auto b = auth::base64_decode(tags_.find("b").value_or(""), limits::kDkimSignatureOctets);
    if (!b || b->empty()) problem(Reason::MalformedTag);
    if (b) signature_.signature = std::move(*b);
    if (is_seal()) return;
    const auto bh = auth::base64_decode(tags_.find("bh").value_or(""), signature_.body_hash.size());
    if (!bh || bh->size() != signature_.body_hash.size()) return problem(Reason::MalformedTag);
    std::ranges::copy(*bh, signature_.body_hash.begin());
  }

  void read_identity() {
    if (kind_ != SignatureKind::Dkim) return;
    signature_.identity = "@" + signature_.domain;
    const auto text = tags_.find("i");
    if (!text) return;
    const auto decoded =
        text->size() <= limits::kSmtpPath * 3 ? decode_quoted_printable(*text) : std::nullopt;
    const size_t at = decoded ? decoded->rfind('@') : std::string::npos;
    if (at == std::string::npos || decoded->size() > limits::kSmtpPath || !mail::is_clean_utf8(*decoded)) {
      return problem(Reason::MalformedTag);
    }
    const auto domain = read_domain(std::string_view(*decoded).substr(at + 1), 2);
    if (!domain) return problem(Reason::MalformedTag);
    signature_.identity = decoded->substr(0, at + 1) + *domain;
    if (*domain != signature_.domain && !domain->ends_with("." + signature_.domain)) {
      problem(Reason::IdentityOutsideDomain);
    }
  }

  void read_query() {
    const auto methods = tags_.find("q");
    if (methods && !is_seal() && !auth::list_contains(*methods, "dns/txt")) {
      problem(Reason::UnknownQueryMethod);
    }
  }

  void read_header_names() {
    if (is_seal()) return;
    bool from = false;
    size_t count = 0;
    auth::ItemList names(signature_.names);
    while (const auto name = names.next()) {
      if (++count > limits::kDkimHeaderNames) return problem(Reason::TooManyHeaderNames);
      if (name->empty() || !std::ranges::all_of(*name, is_name_octet)) return problem(Reason::MalformedTag);
      from = from || equals_ignore_case(*name, "from");
      // RFC 8617 4.1.2.
      const bool seal = kind_ == SignatureKind::ArcMessage && equals_ignore_case(*name, "arc-seal");
      if (seal) problem(Reason::MalformedTag);
    }
    if (!from) problem(Reason::FromNotSigned);
  }

  const TagList& tags_;
  SignatureKind kind_;
  MessageSignature& signature_;
  bool domain_right_ = false;
  bool selector_right_ = false;
};

}  // namespace

MessageSignature read_signature(std::string_view value, SignatureKind kind) {
  MessageSignature signature;
  const auto tags = TagList::parse(value);
  if (tags) {
    Reader(*tags, kind, signature).read();
  } else {
    signature.problem = Reason::MalformedTags;
  }
  return signature;
}

std::optional<Reason> problem_of_time(const MessageSignature& signature, WallTime now,
                                      std::chrono::seconds skew) {
  if (signature.expires_at && now > *signature.expires_at) return Reason::Expired;
  if (signature.signed_at && *signature.signed_at > now + skew) return Reason::SignedInTheFuture;
  return std::nullopt;
}

std::optional<dns::DnsName> key_name(const MessageSignature& signature) {
  std::array<char, kNameText> text;
  size_t size = 0;
  for (const std::string_view part :
       {std::string_view(signature.selector), kKeyInfix, std::string_view(signature.domain)}) {
    if (part.size() > text.size() - size) return std::nullopt;
    size += part.copy(text.data() + size, part.size());
  }
  return dns::DnsName::from_text({text.data(), size});
}

}  // namespace sluice::dkim

#include "rules/dkim/signer.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/dkim/header_hash.h"
#include "rules/dkim/sha256.h"
#include "rules/dkim/signed_names.h"
#include "rules/dkim/tag_writer.h"

#include <algorithm>

namespace sluice::dkim {
namespace {

// A dot-string of labels. `wide`: selectors and domains may hold underscores in practice; so may ours.
bool is_dns_name(std::string_view text) {
  if (text.empty() || text.size() > limits::kDnsName - 2) return false;
  size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else {
      if (!is_ascii_alnum(c) && c != '-' && c != '_') return false;
      if (++label > limits::kDnsLabel) return false;
    }
  }
  return label > 0;
}

bool is_field_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_ascii_printable(c) && c != ' ' && c != ':' && c != ';';
  });
}

// i= (RFC 6376 section 3.5): [local-part] "@" the domain or one below it.
bool is_identity_of(std::string_view identity, std::string_view domain) {
  const size_t at = identity.rfind('@');
  if (at == std::string_view::npos) return false;
  const std::string_view below = identity.substr(at + 1);
  const bool printable =
      std::ranges::all_of(identity, [](char c) { return is_ascii_printable(c) && c != ' ' && c != ';'; });
  if (!printable || !is_dns_name(below) || !ends_with_ignore_case(below, domain)) return false;
  return below.size() == domain.size() || below[below.size() - domain.size() - 1] == '.';
}

std::unexpected<Error> wrong(std::string_view what, std::string_view value) {
  return fail(ErrorKind::Invalid, "signing: '" + std::string(value) + "' " + std::string(what));
}

std::string_view text_of(std::span<const uint8_t, 32> digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string canonicalizations(const SignSpec& spec) {
  return std::string(to_word(spec.header)) + "/" + std::string(to_word(spec.body));
}

}  // namespace

const std::vector<std::string>& default_signed_headers() {
  static const std::vector<std::string> names = {"From",
                                                 "Sender",
                                                 "Reply-To",
                                                 "Subject",
                                                 "Date",
                                                 "Message-ID",
                                                 "To",
                                                 "Cc",
                                                 "MIME-Version",
                                                 "Content-Type",
                                                 "Content-Transfer-Encoding",
                                                 "Content-Disposition",
                                                 "Resent-Date",
                                                 "Resent-From",
                                                 "Resent-To",
                                                 "Resent-Cc",
                                                 "In-Reply-To",
                                                 "References",
                                                 "List-Id",
                                                 "List-Help",
                                                 "List-Unsubscribe",
                                                 "List-Unsubscribe-Post",
                                                 "List-Subscribe",
                                                 "List-Post",
                                                 "List-Owner",
                                                 "List-Archive"};
  return names;
}

const std::vector<std::string>& default_oversigned_headers() {
  static const std::vector<std::string> names = {"From",         "Reply-To",     "Subject",
                                                 "Date",         "To",           "Cc",
                                                 "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};
  return names;
}

sluice::Result<void> check(const SignSpec& spec) {
  if (!is_dns_name(spec.domain)) return wrong("is no domain for d=", spec.domain);
  if (!is_dns_name(spec.selector)) return wrong("is no selector for s=", spec.selector);
  if (spec.selector.size() + spec.domain.size() + sizeof("._domainkey.") > limits::kDnsName) {
    return wrong("and its domain make a name that is too long for the DNS", spec.selector);
  }
  if (!spec.identity.empty() && !is_identity_of(spec.identity, spec.domain)) {
    return wrong("is no identity for i= of " + spec.domain, spec.identity);
  }
  for (const auto* list : {&spec.headers, &spec.oversigned}) {
    for (const std::string& name : *list) {
      if (!is_field_name(name)) return wrong("is no name of a header field", name);
    }
  }
  if (spec.lifetime && spec.lifetime->count() <= 0) return wrong("is no lifetime", "0");
  return {};
}

sluice::Result<std::string> sign(std::span<const std::string_view> fields,
                                 std::span<const uint8_t, 32> body_digest, const SignSpec& spec,
                                 const SigningKey& key, WallTime now) {
  if (auto usable = check(spec); !usable) return std::unexpected(usable.error());
  const auto signed_at = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
  const std::vector<std::string> names = names_to_sign(fields, spec.headers, spec.oversigned);

  TagWriter writer("DKIM-Signature");
  writer.tag("v", "1").tag("a", to_word(key.algorithm())).tag("c", canonicalizations(spec));
  writer.tag("d", spec.domain).tag("s", spec.selector);
  if (!spec.identity.empty()) writer.tag("i", spec.identity);
  writer.number("t", static_cast<uint64_t>(signed_at.count()));
  if (spec.lifetime) writer.number("x", static_cast<uint64_t>((signed_at + *spec.lifetime).count()));
  writer.list("h", names).base64("bh", text_of(body_digest)).begin_signature();

  auto signature = key.sign(hash_of_signed(fields, names, writer.text(), spec.header));
  if (!signature) return std::unexpected(signature.error());
  return writer.finish(*signature);
}

}  // namespace sluice::dkim

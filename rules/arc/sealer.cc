#include "rules/arc/sealer.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/arc/chain.h"
#include "rules/dkim/header_hash.h"
#include "rules/dkim/sha256.h"
#include "rules/dkim/signed_names.h"
#include "rules/dkim/signer.h"
#include "rules/dkim/tag_writer.h"

#include <algorithm>
#include <chrono>

namespace sluice::arc {
namespace {

std::string_view text_of(std::span<const uint8_t, 32> digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Lines that are folded as header fields must be, of octets that may stand in one. The last line has no end.
bool is_folded_text(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r') {
      if (i + 2 >= text.size() || text[i + 1] != '\n' || !is_space_or_tab(text[i + 2])) return false;
      ++i;
    } else if (!is_ascii_printable(c) && c != '\t' && is_ascii(c)) {
      return false;
    }
  }
  return true;
}

bool is_authserv_id(std::string_view id) {
  return !id.empty() && id.size() <= limits::kHeaderIdentity && std::ranges::all_of(id, [](char c) {
    return is_ascii_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  });
}

// Tags that both signatures of a set begin with.
void begin(dkim::TagWriter& writer, unsigned instance, const dkim::SigningKey& key) {
  writer.number("i", instance).tag("a", dkim::to_word(key.algorithm()));
}

uint64_t seconds_of(WallTime now) {
  return static_cast<uint64_t>(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
}

std::string results_field(unsigned instance, const SealRequest& request) {
  std::string field = std::string(field_name(Part::Results)) + ": i=" + std::to_string(instance) + "; ";
  field += request.authserv_id;
  field += request.results.empty() ? std::string_view("; none") : request.results;
  field += "\r\n";
  return field;
}

struct MessageField {
  std::span<const std::string_view> fields;
  std::span<const uint8_t, 32> body_digest;
  unsigned instance;
  WallTime now;
};

sluice::Result<std::string> message_field(const MessageField& what, const SealSpec& spec,
                                          const dkim::SigningKey& key) {
  const std::vector<std::string> names = dkim::names_to_sign(what.fields, spec.headers, {});
  dkim::TagWriter writer(field_name(Part::Message));
  begin(writer, what.instance, key);
  writer.tag("c", "relaxed/relaxed").tag("d", spec.domain).tag("s", spec.selector);
  writer.number("t", seconds_of(what.now)).list("h", names);
  writer.base64("bh", text_of(what.body_digest)).begin_signature();
  const auto signature =
      key.sign(dkim::hash_of_signed(what.fields, names, writer.text(), dkim::Canonicalization::Relaxed));
  if (!signature) return std::unexpected(signature.error());
  return writer.finish(*signature);
}

// `covered`: the canonical fields of all sets, this set's other two included (section 5.1.1).
sluice::Result<std::string> seal_field(unsigned instance, std::string covered, const SealSpec& spec,
                                       const dkim::SigningKey& key, WallTime now) {
  dkim::TagWriter writer(field_name(Part::Seal));
  begin(writer, instance, key);
  writer.number("t", seconds_of(now))
      .tag("cv", rfc_word(instance == 1 ? ChainValue::None : ChainValue::Pass));
  writer.tag("d", spec.domain).tag("s", spec.selector).begin_signature();
  const std::string own = std::string(writer.text()) + "\r\n";
  dkim::append_signature_field(covered, dkim::Canonicalization::Relaxed, own,
                               std::string_view(own).substr(own.size() - 2, 0));
  const auto signature = key.sign(dkim::sha256(covered));
  if (!signature) return std::unexpected(signature.error());
  return writer.finish(*signature);
}

}  // namespace

const std::vector<std::string>& default_sealed_headers() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = dkim::default_signed_headers();
    all.emplace_back("DKIM-Signature");
    return all;
  }();
  return names;
}

sluice::Result<void> check(const SealSpec& spec) {
  for (const std::string& name : spec.headers) {
    if (part_of(name) || equals_ignore_case(name, "Authentication-Results")) {
      return fail(ErrorKind::Invalid,
                  "sealing: " + name + " may not be covered by an ARC-Message-Signature (RFC 8617 4.1.2)");
    }
  }
  dkim::SignSpec as_signature;
  as_signature.domain = spec.domain;
  as_signature.selector = spec.selector;
  as_signature.headers = spec.headers;
  return dkim::check(as_signature);
}

std::string_view why_not_sealed(const Outcome& chain) {
  switch (chain.result) {
    case Result::Fail:
      return "the chain is broken, and a broken chain is not continued";
    case Result::TempError:
      return "the chain could not be verified now";
    case Result::None:
    case Result::Pass:
      break;
  }
  if (chain.sets.size() >= limits::kArcSets) return "the chain has as many sets as there may be";
  return {};
}

sluice::Result<std::string> seal(std::span<const std::string_view> fields,
                                 std::span<const uint8_t, 32> body_digest, const Outcome& chain,
                                 const SealRequest& request, const SealSpec& spec,
                                 const dkim::SigningKey& key) {
  if (const std::string_view reason = why_not_sealed(chain); !reason.empty()) {
    return fail(ErrorKind::Invalid, "sealing: " + std::string(reason));
  }
  if (auto usable = check(spec); !usable) return std::unexpected(usable.error());
  if (!is_authserv_id(request.authserv_id))
    return fail(ErrorKind::Invalid, "sealing: the authserv-id is no name");
  if (!is_folded_text(request.results) || !(request.results.empty() || request.results.starts_with(';'))) {
    return fail(ErrorKind::Invalid, "sealing: the results cannot stand in a header field");
  }
  const Chain present = Chain::of(fields);
  if (present.newest() != chain.sets.size()) {
    return fail(ErrorKind::Invalid, "sealing: the fields are not those of the chain that was validated");
  }
  const unsigned instance = present.newest() + 1;
  const std::string results = results_field(instance, request);
  const auto message = message_field({fields, body_digest, instance, request.now}, spec, key);
  if (!message) return std::unexpected(message.error());

  std::string covered;
  append_sets(covered, present, present.newest());
  dkim::append_canonical_field(covered, dkim::Canonicalization::Relaxed, results);
  dkim::append_canonical_field(covered, dkim::Canonicalization::Relaxed, *message);
  const auto sealed = seal_field(instance, std::move(covered), spec, key, request.now);
  if (!sealed) return std::unexpected(sealed.error());
  return *sealed + *message + results;
}

}  // namespace sluice::arc

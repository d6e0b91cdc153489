// Any octets as the value of DKIM-Signature, ARC-Message-Signature and ARC-Seal: what has no problem holds
// all that its kind must have, within its limits, and a key can be asked for. Canonical forms of the field
// end.
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/dkim/header_hash.h"
#include "rules/dkim/message_signature.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace sluice;
using namespace sluice::dkim;

void check_right(const MessageSignature& signature, SignatureKind kind) {
  SLUICE_CHECK(signature.algorithm == Algorithm::RsaSha256 ||
               signature.algorithm == Algorithm::Ed25519Sha256);
  SLUICE_CHECK(!signature.signature.empty() && signature.signature.size() <= limits::kDkimSignatureOctets);
  SLUICE_CHECK(key_name(signature).has_value());
  SLUICE_CHECK(signature.domain.find('.') != std::string::npos);
  for (const std::string& name : {signature.domain, signature.selector}) {
    SLUICE_CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos);
  }
  SLUICE_CHECK((kind == SignatureKind::Dkim) == (signature.instance == 0));
  SLUICE_CHECK(signature.instance <= limits::kArcSets);
  if (kind == SignatureKind::Dkim) SLUICE_CHECK(signature.identity.ends_with(signature.domain));
  SLUICE_CHECK((kind == SignatureKind::ArcSeal) == signature.names.empty());
}

void check_forms(std::string_view value, const MessageSignature& signature) {
  const std::string raw = "DKIM-Signature:" + std::string(value) + "\r\n";
  const std::string_view whole =
      signature.b_whole.data() == nullptr
          ? std::string_view(raw).substr(15, 0)
          : std::string_view(raw).substr(15 + static_cast<size_t>(signature.b_whole.data() - value.data()),
                                         signature.b_whole.size());
  for (const Canonicalization form : {Canonicalization::Simple, Canonicalization::Relaxed}) {
    std::string out;
    append_signature_field(out, form, raw, whole);
    SLUICE_CHECK(out.size() <= raw.size() - 2 - whole.size());
    std::string field;
    append_canonical_field(field, form, raw);
    SLUICE_CHECK(field.ends_with("\r\n") && field.size() <= raw.size());
    // Canonical forms of canonical forms are the same.
    std::string again;
    append_canonical_field(again, form, field);
    SLUICE_CHECK(again == field || value.contains('\r') || value.contains('\n'));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string value(data, data + size);
  for (const SignatureKind kind : {SignatureKind::Dkim, SignatureKind::ArcMessage, SignatureKind::ArcSeal}) {
    const MessageSignature signature = read_signature(value, kind);
    if (!signature.problem) {
      check_right(signature, kind);
      (void)problem_of_time(signature, WallTime(std::chrono::seconds(1'700'000'000)),
                            std::chrono::seconds(300));
    } else {
      SLUICE_CHECK(result_of(*signature.problem) != Result::Pass);
    }
    check_forms(value, signature);
  }
  return 0;
}

// Any body, cut anywhere: the same digests as whole, for both forms and any length, and the same as from the
// canonical body written out octet by octet as RFC 6376 sections 3.4.3 and 3.4.4 put it.
#include "io/base/check.h"
#include "rules/dkim/body_hashes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace sluice;
using namespace sluice::dkim;

std::string canonical(Canonicalization form, std::string_view body) {
  std::string out;
  size_t spaces = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    const bool space = form == Canonicalization::Relaxed && (c == ' ' || c == '\t');
    if (space) {
      ++spaces;
      continue;
    }
    if (spaces != 0 && !body.substr(i).starts_with("\r\n")) out.push_back(' ');
    spaces = 0;
    out.push_back(c);
  }
  while (out.ends_with("\r\n")) out.resize(out.size() - 2);
  if (!out.empty() || form == Canonicalization::Simple) out.append("\r\n");
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  // The first two octets say where to cut, the third which length.
  uint32_t dice = static_cast<uint32_t>(data[0]) << 8 | data[1];
  const uint64_t length = data[2];
  const std::string input(data + 3, data + size);
  // Long enough now and then for the vector kernels.
  std::string body;
  for (size_t i = 0; i < 1 + (dice & 3) * 40; ++i) body += input;
  BodyHashes hashes;
  const size_t simple = *hashes.want(Canonicalization::Simple);
  const size_t relaxed = *hashes.want(Canonicalization::Relaxed);
  const size_t simple_part = *hashes.want(Canonicalization::Simple, length);
  const size_t relaxed_part = *hashes.want(Canonicalization::Relaxed, length);
  for (size_t at = 0; at < body.size();) {
    dice = dice * 1664525 + 1013904223;
    const size_t piece =
        std::min<size_t>(body.size() - at, 1 + (dice >> 16) % (dice >> 28 == 0 ? 20000 : 200));
    hashes.feed(std::string_view(body).substr(at, piece));
    at += piece;
  }
  hashes.finish();
  const auto check = [&](Canonicalization form, size_t whole, size_t part) {
    const std::string text = canonical(form, body);
    SLUICE_CHECK(std::ranges::equal(hashes.digest(whole), sha256(text)));
    SLUICE_CHECK(hashes.canonical_octets(whole) == text.size());
    const Digest expected = length <= text.size() ? sha256(text.substr(0, length)) : Digest{};
    SLUICE_CHECK(std::ranges::equal(hashes.digest(part), expected));
  };
  check(Canonicalization::Simple, simple, simple_part);
  check(Canonicalization::Relaxed, relaxed, relaxed_part);
  return 0;
}

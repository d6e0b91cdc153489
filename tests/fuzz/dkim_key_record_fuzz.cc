// Any octets as one or two TXT records of a selector: a key that is there has a size within the limits, order
// does not matter, and nothing verifies a signature of noise.
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/dkim/key_record.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace {

using namespace sluice;
using namespace sluice::dkim;

void check_record(const KeyRecord& record) {
  const auto rsa = record.problem_for(Algorithm::RsaSha256, true, limits::kDkimRsaBitsMin);
  const auto ed25519 = record.problem_for(Algorithm::Ed25519Sha256, true, limits::kDkimRsaBitsMin);
  SLUICE_CHECK(rsa || ed25519);  // never good for both
  if (record.kind() != KeyRecord::Kind::One) SLUICE_CHECK(rsa && ed25519);
  if (!rsa) {
    SLUICE_CHECK(record.bits() >= limits::kDkimRsaBitsMin && record.bits() <= limits::kDkimRsaBitsMax);
    SLUICE_CHECK(!record.verifies(Digest{}, std::string(record.bits() / 8, 'x')));
  }
  if (!ed25519) SLUICE_CHECK(record.bits() == 256 && !record.verifies(Digest{}, std::string(64, '\xff')));
  SLUICE_CHECK(record.bytes() >= sizeof(record));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(data, data + size);
  check_record(KeyRecord(std::string_view(input)));
  const size_t cut = input.find('\n');
  dns::Answer answer{.status = dns::AnswerStatus::Records};
  answer.records.emplace_back(input.substr(0, cut));
  if (cut != std::string::npos) answer.records.emplace_back(input.substr(cut + 1));
  const KeyRecordRef one = KeyRecord::from(answer);
  check_record(*one);
  if (answer.records.size() == 2) std::swap(answer.records[0], answer.records[1]);
  const KeyRecordRef other = KeyRecord::from(answer);
  const bool malformed = one->kind() == KeyRecord::Kind::Malformed;  // of two such, the flags are the first's
  SLUICE_CHECK(one->kind() == other->kind() && (malformed || one->bits() == other->bits()));
  return 0;
}

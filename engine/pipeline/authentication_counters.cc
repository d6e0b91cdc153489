#include "engine/pipeline/authentication_counters.h"

namespace sluice::pipeline {
namespace {

template <size_t kCount>
void add_each(std::array<uint64_t, kCount>& sum, const std::array<uint64_t, kCount>& other) {
  for (size_t i = 0; i < kCount; ++i) sum[i] += other[i];
}

}  // namespace

void AuthenticationCounters::count(const evidence::Evidence& evidence) {
  ++messages;
  for (const dkim::SignatureOutcome& signature : evidence.dkim.signatures)
    ++dkim[static_cast<size_t>(signature.result)];
  if (evidence.arc) ++arc[static_cast<size_t>(evidence.arc->result)];
  if (!evidence.dmarc) return;
  if (evidence.arc_override.applied && evidence.dmarc->result == dmarc::Result::Fail) ++overrides;
  ++dmarc[static_cast<size_t>(evidence.dmarc->result)];
  if (evidence.dmarc_other && evidence.dmarc_other->result != evidence.dmarc->result) ++standards_differ;
}

void AuthenticationCounters::add(const AuthenticationCounters& other) {
  messages += other.messages;
  cut_off += other.cut_off;
  add_each(dkim, other.dkim);
  add_each(dmarc, other.dmarc);
  add_each(arc, other.arc);
  overrides += other.overrides;
  standards_differ += other.standards_differ;
  signatures += other.signatures;
  seals += other.seals;
  not_sealed += other.not_sealed;
  signature_failures += other.signature_failures;
}

}  // namespace sluice::pipeline

// ARC (rules/arc): what validating a chain costs with its keys cached, and what adding a set costs.
//
//   build/release/bin/arc-bench [--benchmark_repetitions=5 --benchmark_report_aggregates_only=true]
//
// chain/SETS/BITS/OCTETS/RESULTS: from reading the fields to the outcome with the body of so many octets,
// every set by an RSA key of so many bits, or Ed25519 (256): SETS seals and SETS message signatures.
// `operations` is the number of public key operations, whose own cost dkim-bench measures. RESULTS: octets of
// each set's ARC-Authentication-Results. The outcome is looked at before anything is timed. seal/BITS: the
// three fields of a first set. sign/BITS: one DKIM signature; both without the body hash.
#include "rules/arc/sealer.h"
#include "rules/arc/validator.h"
#include "rules/dkim/signer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace sluice::arc {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

const dkim::SigningKey& key_of(unsigned bits) {
  static std::map<unsigned, dkim::SigningKey> keys;
  const auto known = keys.find(bits);
  if (known != keys.end()) return known->second;
  const auto algorithm = bits == 256 ? dkim::Algorithm::Ed25519Sha256 : dkim::Algorithm::RsaSha256;
  return keys.emplace(bits, *dkim::SigningKey::generate(algorithm, bits == 256 ? 2048 : bits)).first->second;
}

dns::Answer answer_of(const dkim::SigningKey& key) {
  dns::Answer answer;
  answer.status = dns::AnswerStatus::Records;
  answer.records.emplace_back(key.public_record());
  return answer;
}

struct Message {
  std::string text;
  mail::HeaderReader reader;
  std::vector<std::string_view> fields;
  std::string_view body;

  explicit Message(std::string octets) : text(std::move(octets)) {
    const size_t taken = reader.feed(text);
    reader.finish();
    body = std::string_view(text).substr(taken);
    for (size_t i = 0; i < reader.block().size(); ++i) fields.push_back(reader.block()[i].raw);
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
};

std::array<uint8_t, 32> digest_of(const Message& message) {
  dkim::BodyHashes hashes;
  const auto id = hashes.want(dkim::Canonicalization::Relaxed);
  hashes.feed(message.body);
  hashes.finish();
  std::array<uint8_t, 32> digest{};
  std::ranges::copy(hashes.digest(*id), digest.begin());
  return digest;
}

Outcome validate(const Message& message, const dns::Answer& answer, const dkim::KeyRecordRef& record,
                 Validator& validator, dkim::BodyHashes& hashes) {
  hashes.reset();
  ArcOptions options;
  options.now = kNow;
  validator.start(message.reader.block(), hashes, options);
  hashes.feed(message.body);
  hashes.finish();
  validator.body_done();
  while (validator.step() == auth::Progress::NeedAnswers) {
    for (const auto& question : validator.questions()) validator.answer(question.id, answer, record);
  }
  return validator.outcome();
}

std::string plain(size_t octets) {
  std::string text =
      "From: Author <author@example.com>\r\nTo: Reader <reader@example.net>\r\nSubject: A subject of some "
      "words\r\n"
      "Date: Sun, 22 Nov 2026 03:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n\r\n";
  const size_t end = text.size() + octets;
  while (text.size() < end)
    text += "some words of a line of text that is not long and not short, as they are\r\n";
  return text;
}

std::string results_of(size_t octets) {
  std::string text = "; spf=pass smtp.mailfrom=example.com";
  while (text.size() < octets) text += ";\r\n\tdkim=fail header.d=some.name.example";
  return text;
}

SealSpec spec_of() {
  SealSpec spec;
  spec.domain = "sealer.example";
  spec.selector = "s";
  return spec;
}

void chain(benchmark::State& state) {
  const dkim::SigningKey& key = key_of(static_cast<unsigned>(state.range(1)));
  const dns::Answer answer = answer_of(key);
  const dkim::KeyRecordRef record = dkim::KeyRecord::from(answer);
  Validator validator;
  dkim::BodyHashes hashes;
  std::string text = plain(static_cast<size_t>(state.range(2)));
  const std::string results = results_of(static_cast<size_t>(state.range(3)));
  for (int64_t i = 0; i < state.range(0); ++i) {
    const Message message(text);
    const Outcome before = validate(message, answer, record, validator, hashes);
    text.insert(0, *seal(message.fields, digest_of(message), before, {"mx.sealer.example", results, kNow},
                         spec_of(), key));
  }
  const Message message(text);
  const Outcome outcome = validate(message, answer, record, validator, hashes);
  if (outcome.result != Result::Pass || outcome.oldest_pass != 1) {
    std::fprintf(stderr, "arc-bench: the chain does not pass\n");
    std::exit(1);
  }
  for (auto _ : state) benchmark::DoNotOptimize(validate(message, answer, record, validator, hashes));
  state.counters["operations"] = static_cast<double>(2 * state.range(0));
}
BENCHMARK(chain)
    ->ArgNames({"sets", "bits", "octets", "results"})
    ->Args({1, 2048, 4096, 40})
    ->Args({3, 2048, 4096, 40})
    ->Args({3, 256, 4096, 40})
    ->Args({3, 2048, 41000, 40})
    ->Args({50, 2048, 4096, 40})
    ->Args({50, 2048, 4096, 8192})
    ->Unit(benchmark::kMicrosecond);

void seal_first(benchmark::State& state) {
  const dkim::SigningKey& key = key_of(static_cast<unsigned>(state.range(0)));
  const Message message(plain(4096));
  const auto digest = digest_of(message);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        seal(message.fields, digest, {}, {"mx.sealer.example", "; none", kNow}, spec_of(), key));
  }
}
BENCHMARK(seal_first)->ArgName("bits")->Arg(2048)->Arg(256)->Unit(benchmark::kMicrosecond);

void sign(benchmark::State& state) {
  const dkim::SigningKey& key = key_of(static_cast<unsigned>(state.range(0)));
  const Message message(plain(4096));
  const auto digest = digest_of(message);
  dkim::SignSpec spec;
  spec.domain = "example.com";
  spec.selector = "s";
  for (auto _ : state) benchmark::DoNotOptimize(dkim::sign(message.fields, digest, spec, key, kNow));
}
BENCHMARK(sign)->ArgName("bits")->Arg(2048)->Arg(256)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::arc

BENCHMARK_MAIN();

// DKIM (rules/dkim): what verifying a signature costs with its key cached, beside what no verifier can do
// without; and the canonical forms of bodies beside SHA-256 alone.
//
//   build/release/bin/dkim-bench [--benchmark_repetitions=5 --benchmark_report_aggregates_only=true]
//
// verify/...: one message with one signature, its header block read before. Each round measures, one after
// the other: the verifier from reading the field to the outcome with the whole body; SHA-256 over the same
// canonical octets, body and header apart, contexts prepared; the public key operation alone, prepared. Their
// sum is the floor, and `ratio` is the verifier against it (target: at most 1.25). The digests are compared
// before anything is timed. Counters are medians over the rounds.
// hostile_names: one message just under 1 MiB whose 9,900 field names begin and end alike, and ten signatures
// that each list 255 such names which no field has: building the index and selecting.
// hostile_fields/OCTETS: as many signature fields as are read, of so many octets each, none of which a key is
// asked for.
// body/...: GB/s of body octets; `ratio` is the time against SHA-256 alone over the canonical body.
#include "rules/dkim/body_hashes.h"
#include "rules/dkim/verifier.h"
#include "rules/dkim/white_space.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <hwy/highway.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace sluice::dkim {
namespace {

using Clock = std::chrono::steady_clock;

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "dkim-bench: %s\n", what);
  std::exit(1);
}

// --- Bodies ---
enum class Shape : uint8_t { Text, Base64, Html };

std::string body_of(Shape shape, size_t octets) {
  uint32_t dice = 1;
  const auto roll = [&](uint32_t sides) {
    dice = dice * 1664525 + 1013904223;
    return (dice >> 16) % sides;
  };
  std::string text;
  while (text.size() < octets) {
    if (shape == Shape::Base64) {
      for (size_t i = 0; i < 76; ++i) text.push_back(static_cast<char>('A' + roll(26)));
    } else {
      // Indentation of HTML, and now and then the blank that ends a line of flowed text.
      if (shape == Shape::Html) text.append(roll(5) * 2, ' ');
      const size_t end = text.size() + (shape == Shape::Html ? 20 + roll(60) : 60 + roll(16));
      while (text.size() < end) {
        for (size_t letters = 2 + roll(8); letters != 0; --letters) {
          text.push_back(static_cast<char>('a' + roll(26)));
        }
        text.push_back(' ');
      }
      if (shape == Shape::Text && roll(4) != 0) text.pop_back();
    }
    text.append("\r\n");
  }
  text.resize(octets - 2);
  return text.append("\r\n");
}

const char* name_of(Shape shape) {
  return shape == Shape::Text ? "text" : shape == Shape::Base64 ? "base64" : "html";
}

// The octets that are hashed, as one text.
std::string canonical_body(Canonicalization canonicalization, const std::string& body) {
  if (canonicalization == Canonicalization::Simple) return body;
  std::string out(body.size() + kReduceSlack, '\0');
  const Reduced done = reduce_white_space_scalar(body, out.data());
  require(done.consumed == body.size(), "the body ends in white space");
  out.resize(done.written);
  return out;
}

// --- Messages ---
const std::string kFields =
    "Received: from mail-oi1-f171.sender.example (mail-oi1-f171.sender.example [198.51.100.171])\r\n"
    "\tby mx.example.org (Postfix) with ESMTPS id 4XyZ0B1c2dz3sQ for <someone@example.org>;\r\n"
    "\tSat, 21 Nov 2026 09:30:00 +0000 (UTC)\r\n"
    "MIME-Version: 1.0\r\n"
    "References: <CAFz1a2b3c4d5e6f7g8h9i0j@mail.sender.example>\r\n"
    "In-Reply-To: <CAFz1a2b3c4d5e6f7g8h9i0j@mail.sender.example>\r\n"
    "From: Some Body <some.body@sender.example>\r\n"
    "Date: Sat, 21 Nov 2026 09:29:58 +0000\r\n"
    "Message-ID: <CAFk9l8m7n6o5p4q3r2s1t0u@mail.sender.example>\r\n"
    "Subject: Re: the agenda of the meeting on Tuesday, and who brings what\r\n"
    "To: Someone Else <someone@example.org>\r\n"
    "Cc: Third Person <third.person@example.com>\r\n"
    "Content-Type: multipart/alternative; boundary=\"000000000000abcdef0123456789\"\r\n";
constexpr std::string_view kNames =
    "mime-version:references:in-reply-to:from:date:message-id:subject:to:cc:content-type:from:subject:date";

struct PublicKey {
  EVP_PKEY* key = nullptr;
  std::string record;
};

std::string base64(const std::string& octets) {
  std::string text((octets.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                  reinterpret_cast<const unsigned char*>(octets.data()),
                                                  static_cast<int>(octets.size()))));
  return text;
}

PublicKey make_key(unsigned rsa_bits) {
  PublicKey made;
  std::string octets(32, '\0');
  if (rsa_bits == 0) {
    made.key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    size_t size = octets.size();
    EVP_PKEY_get_raw_public_key(made.key, reinterpret_cast<unsigned char*>(octets.data()), &size);
  } else {
    made.key = EVP_RSA_gen(rsa_bits);
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(made.key, &der);
    octets.assign(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
    OPENSSL_free(der);
  }
  made.record = std::string("v=DKIM1; k=") + (rsa_bits == 0 ? "ed25519" : "rsa") + "; p=" + base64(octets);
  return made;
}

std::string sign(EVP_PKEY* key, const Digest& digest) {
  std::string signature(1024, '\0');
  size_t size = signature.size();
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key, nullptr);
    require(EVP_PKEY_sign_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
                EVP_PKEY_sign(context, out, &size, digest.data(), digest.size()) == 1,
            "cannot sign");
    EVP_PKEY_CTX_free(context);
  } else {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    require(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key) == 1 &&
                EVP_DigestSign(context, out, &size, digest.data(), digest.size()) == 1,
            "cannot sign");
    EVP_MD_CTX_free(context);
  }
  signature.resize(size);
  return signature;
}

// A signed message, and what verifying it must hash and compute.
class Message {
 public:
  Message(unsigned rsa_bits, size_t octets) : key_(make_key(rsa_bits)), body_(body_of(Shape::Text, octets)) {
    canonical_body_ = canonical_body(Canonicalization::Relaxed, body_);
    const Digest body_digest = sha256(canonical_body_);
    std::string field = std::string("DKIM-Signature: v=1; a=") + (rsa_bits == 0 ? "ed25519" : "rsa") +
                        "-sha256; c=relaxed/relaxed; d=sender.example; s=20261121;\r\n\tt=1795253398; h=" +
                        std::string(kNames) +
                        ";\r\n\tbh=" + base64(std::string(body_digest.begin(), body_digest.end())) +
                        ";\r\n\tb=";
    const std::string bare = field + "\r\n";
    read(bare + kFields + "\r\n");
    FieldIndex index;
    index.build(reader_.block());
    append_signed_header(canonical_header_, index,
                         {.names = kNames,
                          .own_field = reader_.block()[0].raw,
                          .b_whole = reader_.block()[0].raw.substr(field.size(), 0),
                          .canonicalization = Canonicalization::Relaxed});
    header_digest_ = sha256(canonical_header_);
    signature_ = sign(key_.key, header_digest_);
    std::string b = base64(signature_);
    for (size_t at = 72; at < b.size(); at += 75) b.insert(at, "\r\n\t");
    reader_.reset();
    read(field + b + "\r\n" + kFields + "\r\n");
    answer_.status = dns::AnswerStatus::Records;
    answer_.records.emplace_back(key_.record);
    record_ = KeyRecord::from(answer_);
    prepare();
    require(verify(), "the message does not verify");
    require(public_key_operation(), "the bare public key operation fails");
  }

  bool verify() {
    hashes_.reset();
    verifier_.start(reader_.block(), hashes_, options_);
    (void)verifier_.step();
    for (const auth::PendingQuestion& question : verifier_.questions())
      verifier_.answer(question.id, answer_, record_);
    hashes_.feed(body_);
    hashes_.finish();
    verifier_.body_done();
    (void)verifier_.step();
    return verifier_.outcome().front().result == Result::Pass;
  }
  void hash() {
    bare_.reset();
    bare_.update(canonical_body_);
    benchmark::DoNotOptimize(bare_.finish());
    bare_.reset();
    bare_.update(canonical_header_);
    benchmark::DoNotOptimize(bare_.finish());
  }
  bool public_key_operation() {
    const auto* signature = reinterpret_cast<const unsigned char*>(signature_.data());
    if (context_ != nullptr) {
      return EVP_PKEY_verify(context_, signature, signature_.size(), header_digest_.data(),
                             header_digest_.size()) == 1;
    }
    return EVP_DigestVerify(digest_context_, signature, signature_.size(), header_digest_.data(),
                            header_digest_.size()) == 1;
  }

 private:
  void read(const std::string& head) {
    (void)reader_.feed(head);
    reader_.finish();
  }
  void prepare() {
    if (EVP_PKEY_get_base_id(key_.key) == EVP_PKEY_RSA) {
      context_ = EVP_PKEY_CTX_new(key_.key, nullptr);
      require(EVP_PKEY_verify_init(context_) == 1 &&
                  EVP_PKEY_CTX_set_rsa_padding(context_, RSA_PKCS1_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_signature_md(context_, sha256_algorithm()) == 1,
              "cannot prepare");
    } else {
      digest_context_ = EVP_MD_CTX_new();
      require(EVP_DigestVerifyInit(digest_context_, nullptr, nullptr, nullptr, key_.key) == 1,
              "cannot prepare");
    }
  }

  PublicKey key_;
  std::string body_, canonical_body_, canonical_header_, signature_;
  Digest header_digest_{};
  mail::HeaderReader reader_;
  dns::Answer answer_;
  KeyRecordRef record_;
  BodyHashes hashes_;
  Verifier verifier_;
  VerifyOptions options_{.now = WallTime(std::chrono::seconds(1'795'260'000))};
  Sha256 bare_;
  EVP_PKEY_CTX* context_ = nullptr;
  EVP_MD_CTX* digest_context_ = nullptr;
};

// The middle of the samples: others run on the machine too.
class Samples {
 public:
  void add(Clock::duration one) { times_.push_back(std::chrono::duration<double, std::micro>(one).count()); }
  double median() {
    if (times_.empty()) return 0;
    const auto middle = times_.begin() + static_cast<ptrdiff_t>(times_.size() / 2);
    std::ranges::nth_element(times_, middle);
    return *middle;
  }

 private:
  std::vector<double> times_;
};

void verify(benchmark::State& state, unsigned rsa_bits) {
  Message message(rsa_bits, static_cast<size_t>(state.range(0)));
  Samples verifying, hashing, operating;
  for ([[maybe_unused]] auto round : state) {
    const auto begin = Clock::now();
    benchmark::DoNotOptimize(message.verify());
    const auto verified = Clock::now();
    message.hash();
    const auto hashed = Clock::now();
    benchmark::DoNotOptimize(message.public_key_operation());
    const auto end = Clock::now();
    verifying.add(verified - begin);
    hashing.add(hashed - verified);
    operating.add(end - hashed);
    state.SetIterationTime(std::chrono::duration<double>(verified - begin).count());
  }
  const double floor = hashing.median() + operating.median();
  state.counters["verify_us"] = verifying.median();
  state.counters["sha256_us"] = hashing.median();
  state.counters["key_us"] = operating.median();
  state.counters["own_us"] = verifying.median() - floor;
  state.counters["ratio"] = verifying.median() / floor;
}

void body(benchmark::State& state, Canonicalization canonicalization, Shape shape) {
  const std::string text = body_of(shape, static_cast<size_t>(state.range(0)));
  const std::string canonical = canonical_body(canonicalization, text);
  BodyHashes hashes;
  Sha256 bare;
  Samples ours, floor;
  for ([[maybe_unused]] auto round : state) {
    const auto begin = Clock::now();
    hashes.reset();
    const size_t id = *hashes.want(canonicalization);
    // As the node gets it: in receive buffers.
    for (size_t at = 0; at < text.size(); at += 16384) hashes.feed(std::string_view(text).substr(at, 16384));
    hashes.finish();
    const auto done = Clock::now();
    bare.reset();
    bare.update(canonical);
    const Digest digest = bare.finish();
    const auto end = Clock::now();
    if (!std::ranges::equal(hashes.digest(id), digest)) state.SkipWithError("digests differ");
    ours.add(done - begin);
    floor.add(end - done);
    state.SetIterationTime(std::chrono::duration<double>(done - begin).count());
  }
  state.counters["GBs"] = static_cast<double>(text.size()) / ours.median() / 1e3;
  state.counters["sha256_GBs"] = static_cast<double>(canonical.size()) / floor.median() / 1e3;
  state.counters["ratio"] = ours.median() / floor.median();
}

void hostile_names(benchmark::State& state) {
  constexpr size_t kSignatures = 10;
  const auto name = [](size_t i) {
    return std::string(24, 'a') + std::to_string(100'000 + i) + std::string(24, 'a');
  };
  std::vector<std::string> texts;
  for (size_t i = 1; i <= 9900; ++i) texts.push_back(name(i) + ":\r\n");
  const std::vector<std::string_view> fields(texts.begin(), texts.end());
  const std::string absent = name(0);
  FieldIndex index;
  for ([[maybe_unused]] auto round : state) {
    index.build(fields);
    for (size_t i = 0; i < kSignatures; ++i) {
      index.begin();
      for (size_t j = 0; j < 255; ++j) benchmark::DoNotOptimize(index.take(absent));
    }
  }
  state.counters["comparisons"] = static_cast<double>(index.comparisons());
}

void hostile_fields(benchmark::State& state) {
  std::string field = "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AAAA";
  for (size_t i = 0; i < 24; ++i) field += "; x" + std::to_string(i) + "=1";
  field += "; b=";
  const auto octets = static_cast<size_t>(state.range(0));
  while (field.size() + 2 < octets)
    field += field.size() % 76 == 0 ? std::string("\r\n\tA") : std::string("A");
  std::string head;
  for (size_t i = 0; i < limits::kDkimSignatureFields; ++i) head += field + "\r\n";
  mail::HeaderReader reader;
  (void)reader.feed(head + "\r\n");
  reader.finish();
  require(reader.state() == mail::HeaderReader::State::Complete, "the fields are over the limits");
  BodyHashes hashes;
  Verifier verifier;
  for ([[maybe_unused]] auto round : state) {
    hashes.reset();
    verifier.start(reader.block(), hashes, {.now = WallTime(std::chrono::seconds(1'795'260'000))});
    require(verifier.step() == auth::Progress::Done && verifier.questions().empty(), "a key is asked for");
  }
}

template <Reduced (*kReduce)(std::string_view, char*)>
void reduce(benchmark::State& state, int64_t target, Shape shape) {
  if (target != 0) hwy::GetChosenTarget().Update(target);
  const std::string text = body_of(shape, 8192);
  std::string out(text.size() + kReduceSlack, '\0');
  for ([[maybe_unused]] auto round : state) {
    benchmark::DoNotOptimize(kReduce(text, out.data()));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace
}  // namespace sluice::dkim

int main(int argc, char** argv) {
  using namespace sluice::dkim;
  benchmark::Initialize(&argc, argv);
  for (const unsigned bits : {1024U, 2048U, 4096U, 0U}) {
    const std::string name = bits == 0 ? "verify/ed25519" : "verify/rsa" + std::to_string(bits);
    benchmark::RegisterBenchmark(name.c_str(), verify, bits)
        ->Arg(4096)
        ->Arg(41 * 1024)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::RegisterBenchmark("hostile_names", hostile_names)->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("hostile_fields", hostile_fields)
      ->Arg(256)
      ->Arg(10'000)
      ->Unit(benchmark::kMicrosecond);
  for (const Shape shape : {Shape::Text, Shape::Base64, Shape::Html}) {
    for (const Canonicalization form : {Canonicalization::Simple, Canonicalization::Relaxed}) {
      const std::string name = std::string("body/") + std::string(to_word(form)) + "/" + name_of(shape);
      benchmark::RegisterBenchmark(name.c_str(), body, form, shape)
          ->Arg(4096)
          ->Arg(41 * 1024)
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
    const std::string name = std::string("reduce/") + name_of(shape) + "/";
    benchmark::RegisterBenchmark((name + "scalar").c_str(), reduce<reduce_white_space_scalar>, 0, shape);
    for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
      const int64_t target = left & -left;
      benchmark::RegisterBenchmark((name + hwy::TargetName(target)).c_str(), reduce<reduce_white_space>,
                                   target, shape);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
}

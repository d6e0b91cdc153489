// What dkim_suites.py talks to over standard input and output, so that the suites of other implementations
// run against our verifier. Requests, each a line and then octets of the sizes it names; answers in
// [brackets]:
//
//   verify NOW RSA_BITS_MIN SIZE      [ask NAME] -> answer STATUS COUNT, then COUNT times: SIZE and octets
//                                     [done COUNT], then COUNT lines [RESULT REASON], topmost signature first
//   body FORM PIECES, then PIECES times: SIZE and octets      [digest HEX OCTETS]
//   field FORM SIZE                   [field SIZE and octets]
//
// l= counts as the RFC has it: body that it leaves out is no fault here.
#include "rules/dkim/header_hash.h"
#include "rules/dkim/verifier.h"

#include <iostream>
#include <string>

namespace sluice::dkim {
namespace {

std::string read_octets(size_t size) {
  std::string octets(size, '\0');
  std::cin.read(octets.data(), static_cast<std::streamsize>(size));
  return octets;
}

std::string read_sized() {
  size_t size = 0;
  std::cin >> size;
  std::cin.get();
  return read_octets(size);
}

Canonicalization read_form() {
  std::string word;
  std::cin >> word;
  return word == "relaxed" ? Canonicalization::Relaxed : Canonicalization::Simple;
}

dns::Answer ask(const dns::Question& question) {
  std::cout << "ask " << question.name.to_text() << std::endl;
  std::string word;
  std::string status;
  size_t count = 0;
  std::cin >> word >> status >> count;
  dns::Answer answer{.status =
                         status == "records" ? dns::AnswerStatus::Records : dns::AnswerStatus::NxDomain};
  for (size_t i = 0; i < count; ++i) answer.records.emplace_back(read_sized());
  return answer;
}

void verify() {
  int64_t now = 0;
  VerifyOptions options;
  std::cin >> now >> options.rsa_bits_min;
  options.now = WallTime(std::chrono::seconds(now));
  options.partial_body = true;
  const std::string message = read_sized();
  mail::HeaderReader reader;
  const size_t taken = reader.feed(message);
  reader.finish();
  BodyHashes body;
  Verifier verifier;
  verifier.start(reader.block(), body, options);
  if (verifier.step() == auth::Progress::NeedAnswers) {
    for (const auth::PendingQuestion& question : verifier.questions()) {
      verifier.answer(question.id, ask(question.question));
    }
    body.feed(reader.body_prefix());
    body.feed(std::string_view(message).substr(taken));
    body.finish();
    verifier.body_done();
    (void)verifier.step();
  }
  std::cout << "done " << verifier.outcome().size() << "\n";
  for (const SignatureOutcome& outcome : verifier.outcome()) {
    std::cout << rfc_word(outcome.result) << " " << to_word(outcome.reason) << "\n";
  }
  std::cout << std::flush;
}

void hash_body() {
  BodyHashes body;
  const size_t id = *body.want(read_form());
  size_t pieces = 0;
  std::cin >> pieces;
  for (size_t i = 0; i < pieces; ++i) body.feed(read_sized());
  body.finish();
  std::cout << "digest ";
  for (const uint8_t octet : body.digest(id)) {
    std::cout << "0123456789abcdef"[octet >> 4] << "0123456789abcdef"[octet & 15];
  }
  std::cout << " " << body.canonical_octets(id) << std::endl;
}

void canonical_field() {
  const Canonicalization form = read_form();
  std::string out;
  append_canonical_field(out, form, read_sized());
  std::cout << "field " << out.size() << "\n" << out << std::flush;
}

}  // namespace
}  // namespace sluice::dkim

int main() {
  std::string request;
  while (std::cin >> request) {
    if (request == "verify") {
      sluice::dkim::verify();
    } else if (request == "body") {
      sluice::dkim::hash_body();
    } else if (request == "field") {
      sluice::dkim::canonical_field();
    } else {
      std::cerr << "unknown request " << request << "\n";
      return 1;
    }
  }
  return 0;
}

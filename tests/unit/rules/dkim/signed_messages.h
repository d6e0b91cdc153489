// Messages with signatures made here, for tests of the verifier: any tags, any key, right in all but what the
// test breaks. The hashes are made with the folder's own canonical forms, which the published vectors and the
// suites of other implementations vouch for; the signatures by libcrypto.
#pragma once

#include "io/mail/header_block.h"
#include "rules/auth/tag_list.h"
#include "rules/dkim/header_hash.h"
#include "rules/dkim/verifier.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace sluice::dkim::testkit {

inline std::string base64(std::string_view octets) {
  std::string text((octets.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                  reinterpret_cast<const unsigned char*>(octets.data()),
                                                  static_cast<int>(octets.size()))));
  return text;
}

// A key pair, and the base64 of p= for it.
class Key {
 public:
  static const Key& rsa(unsigned bits) {
    static std::map<unsigned, std::unique_ptr<Key>> made;  // making one takes a while
    auto& key = made[bits];
    if (!key) key = std::make_unique<Key>(EVP_RSA_gen(bits));
    return *key;
  }
  static const Key& ed25519() {
    static const Key made(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    return made;
  }

  explicit Key(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}

  bool is_rsa() const { return EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_RSA; }
  std::string public_info() const {  // SubjectPublicKeyInfo, or the 32 octets of Ed25519
    if (is_rsa()) return der(i2d_PUBKEY);
    std::string octets(32, '\0');
    size_t size = octets.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(octets.data()), &size);
    return octets;
  }
  std::string rsa_public_key() const { return der(i2d_PublicKey); }  // RFC 8017 A.1.1
  std::string record() const {
    return std::string("v=DKIM1; k=") + (is_rsa() ? "rsa" : "ed25519") + "; p=" + base64(public_info());
  }

  std::string sign(const Digest& digest) const {
    std::string signature(1024, '\0');
    size_t size = signature.size();
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    if (is_rsa()) {
      EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key_.get(), nullptr);
      EXPECT_EQ(EVP_PKEY_sign_init(context), 1);
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
      EXPECT_EQ(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), 1);
      EXPECT_EQ(EVP_PKEY_sign(context, out, &size, digest.data(), digest.size()), 1);
      EVP_PKEY_CTX_free(context);
    } else {
      EVP_MD_CTX* context = EVP_MD_CTX_new();
      EXPECT_EQ(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_.get()), 1);
      EXPECT_EQ(EVP_DigestSign(context, out, &size, digest.data(), digest.size()), 1);
      EVP_MD_CTX_free(context);
    }
    signature.resize(size);
    return signature;
  }

 private:
  template <class Write>
  std::string der(Write write) const {
    unsigned char* octets = nullptr;
    const int size = write(key_.get(), &octets);
    std::string text(reinterpret_cast<const char*>(octets), static_cast<size_t>(size));
    OPENSSL_free(octets);
    return text;
  }

  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
};

inline std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && !out.ends_with('\r')) out.push_back('\r');
    out.push_back(c);
  }
  return out;
}

inline std::string text_of(std::span<const uint8_t> octets) { return {octets.begin(), octets.end()}; }

// The message with a DKIM-Signature of these tags on top; "bh=?" and "b=?" are filled in. "b=?" is the last.
inline std::string sign(const std::string& message, std::string tags, const Key& key,
                        Canonicalization header = Canonicalization::Simple,
                        Canonicalization body = Canonicalization::Simple,
                        std::optional<uint64_t> length = {}) {
  mail::HeaderReader reader;
  const size_t taken = reader.feed(message);
  reader.finish();
  BodyHashes hashes;
  const size_t id = *hashes.want(body, length);
  hashes.feed(std::string_view(message).substr(taken));
  hashes.finish();
  if (const size_t bh = tags.find("bh=?"); bh != std::string::npos) {
    tags.replace(bh + 3, 1, base64(text_of(hashes.digest(id))));
  }
  const size_t b = tags.find("b=?", tags.size() - 4);
  tags.resize(b + 2);
  const std::string raw = "DKIM-Signature: " + tags + "\r\n";
  FieldIndex index;
  index.build(reader.block());
  std::string canonical;
  const auto parsed = auth::TagList::parse(std::string_view(raw).substr(15));
  const std::string_view names = parsed ? parsed->find("h").value_or("") : "";
  append_signed_header(canonical, index,
                       {.names = names,
                        .own_field = raw,
                        .b_whole = std::string_view(raw).substr(16 + b + 2, 0),
                        .canonicalization = header});
  return "DKIM-Signature: " + tags + base64(key.sign(sha256(canonical))) + "\r\n" + message;
}

inline dns::Answer txt(std::vector<std::string> texts) {
  dns::Answer answer{.status = dns::AnswerStatus::Records};
  for (std::string& text : texts) answer.records.emplace_back(std::move(text));
  return answer;
}

// Names to their answers; others do not exist. Counts what is asked.
struct Keys {
  std::map<std::string, dns::Answer> answers;
  size_t asked = 0;

  dns::Answer operator()(const dns::Question& question) {
    ++asked;
    EXPECT_EQ(question.type, dns::RecordType::Txt);
    const auto found = answers.find(question.name.to_text());
    return found == answers.end() ? dns::Answer{.status = dns::AnswerStatus::NxDomain} : found->second;
  }
};

inline VerifyOptions options_at(int64_t seconds) {
  VerifyOptions options;
  options.now = WallTime(std::chrono::seconds(seconds));
  return options;
}

inline std::vector<SignatureOutcome> verify(std::string_view message, Keys& keys,
                                            const VerifyOptions& options = options_at(1'700'000'000)) {
  mail::HeaderReader reader;
  const size_t taken = reader.feed(message);
  reader.finish();
  EXPECT_EQ(reader.state(), mail::HeaderReader::State::Complete);
  BodyHashes body;
  Verifier verifier;
  verifier.start(reader.block(), body, options);
  if (verifier.step() == auth::Progress::NeedAnswers) {
    for (const auth::PendingQuestion& question : verifier.questions()) {
      verifier.answer(question.id, keys(question.question));
    }
    body.feed(reader.body_prefix());
    body.feed(message.substr(taken));
    body.finish();
    verifier.body_done();
    EXPECT_EQ(verifier.step(), auth::Progress::Done);
  }
  return {verifier.outcome().begin(), verifier.outcome().end()};
}

}  // namespace sluice::dkim::testkit

#include "rules/dkim/key_record.h"

#include "io/base/cursor.h"
#include "io/base/limits.h"
#include "rules/auth/tag_list.h"

#include <variant>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace sluice::dkim {
namespace {

using auth::TagList;

constexpr size_t kEd25519Octets = 32;  // RFC 8032 section 5.1.5
// What libcrypto keeps for a key and a context, for the cache's budget: 3.0 KB were measured for RSA with
// 2048 bits, 1.1 KB for Ed25519.
constexpr size_t kKeyMemory = 3072;

const unsigned char* bytes_of(std::string_view octets) {
  return reinterpret_cast<const unsigned char*>(octets.data());
}

// libcrypto keeps what went wrong in a queue of the thread; nobody reads it here.
struct ErrorQueue {
  ErrorQueue() = default;
  ErrorQueue(const ErrorQueue&) = delete;
  ErrorQueue& operator=(const ErrorQueue&) = delete;
  ~ErrorQueue() { ERR_clear_error(); }
};

// What an element of DER (X.690 section 8.1) holds that is all of the octets.
std::optional<std::string_view> element_of(std::string_view octets, uint8_t tag) {
  Cursor cursor(octets);
  if (cursor.u8() != tag) return std::nullopt;
  size_t size = cursor.u8();
  if (size > 0x82 || size == 0x80) return std::nullopt;
  if (size > 0x7f) size = size == 0x81 ? cursor.u8() : cursor.u16();
  if (!cursor.ok() || cursor.remaining() != size) return std::nullopt;
  return cursor.take(size);
}

// The RSAPublicKey inside a SubjectPublicKeyInfo as nearly all are written. libcrypto reads any of them, but
// asks each of its decoders first: 300 us for a key where this takes 12.
std::optional<std::string_view> rsa_key_inside(std::string_view octets) {
  // SEQUENCE { OBJECT IDENTIFIER rsaEncryption, NULL } (RFC 3279 section 2.3.1).
  constexpr std::string_view kAlgorithm("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00", 15);
  const auto info = element_of(octets, 0x30);
  if (!info || !info->starts_with(kAlgorithm)) return std::nullopt;
  const auto bits = element_of(info->substr(kAlgorithm.size()), 0x03);
  if (!bits || !bits->starts_with('\0')) return std::nullopt;
  return bits->substr(1);
}

// Whether the exponent is one that keys have: odd, above one, and short enough to be quick.
bool has_usable_exponent(const EVP_PKEY* key) {
  BIGNUM* exponent = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) return false;
  const bool usable = BN_is_odd(exponent) && !BN_is_one(exponent) &&
                      BN_num_bits(exponent) <= static_cast<int>(limits::kDkimRsaExponentBits);
  BN_free(exponent);
  return usable;
}

}  // namespace

void KeyRecord::FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void KeyRecord::FreeContext::operator()(evp_pkey_ctx_st* context) const { EVP_PKEY_CTX_free(context); }
void KeyRecord::FreeContext::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

KeyRecord::KeyRecord(std::string_view text) : KeyRecord() {
  read(text);
  bytes_ = sizeof(*this) + (key_ != nullptr ? kKeyMemory : 0);
}

KeyRecord::KeyRecord(const dns::Answer& answer) {
  bool found = false;
  std::string_view kept;
  for (const dns::RecordData& data : answer.records) {
    const auto* text = std::get_if<std::string>(&data);
    if (text == nullptr || (found && *text == kept)) continue;  // the same twice is one
    KeyRecord one{std::string_view(*text)};
    if (one.kind_ == Kind::None) continue;
    // One that cannot be read does not stand in the way of one that can.
    const bool better = one.kind_ != Kind::Malformed || !found;
    if (found && kind_ != Kind::Malformed && one.kind_ != Kind::Malformed) {
      *this = KeyRecord();
      kind_ = Kind::Several;
      break;
    }
    if (better) {
      *this = std::move(one);
      kept = *text;
    }
    found = true;
  }
  bytes_ = sizeof(*this) + (key_ != nullptr ? kKeyMemory : 0);
}

void KeyRecord::read(std::string_view text) {
  const bool says_key = text.starts_with("v=DKIM1");
  if (text.size() > limits::kDkimKeyText) {
    kind_ = says_key ? Kind::Malformed : Kind::None;
    return;
  }
  const auto tags = TagList::parse(text);
  if (!tags) {
    kind_ = says_key ? Kind::Malformed : Kind::None;
    return;
  }
  const auto version = tags->find("v");
  const auto key = tags->find("p");
  if (version ? *version != "DKIM1" : !key) return;  // some other record
  kind_ = Kind::Malformed;
  if (version && tags->tags().front().name != "v") return;
  if (!key) return;
  read_restrictions(*tags);
  if (key->empty()) {
    kind_ = Kind::Revoked;
    return;
  }
  const auto octets = auth::base64_decode(*key, limits::kDkimKeyText);
  if (!octets) return;
  read_key(*octets);
}

void KeyRecord::read_restrictions(const TagList& tags) {
  if (const auto type = tags.find("k")) {
    type_ = *type == "rsa" ? Type::Rsa : *type == "ed25519" ? Type::Ed25519 : Type::Unknown;
  }
  if (const auto hashes = tags.find("h")) takes_sha256_ = auth::list_contains(*hashes, "sha256");
  if (const auto services = tags.find("s")) {
    serves_email_ = auth::list_contains(*services, "*") || auth::list_contains(*services, "email");
  }
  const std::string_view flags = tags.find("t").value_or("");
  testing_ = auth::list_contains(flags, "y");
  exact_domain_ = auth::list_contains(flags, "s");
}

void KeyRecord::read_key(std::string_view octets) {
  const ErrorQueue errors;
  switch (type_) {
    case Type::Rsa:
      read_rsa(octets);
      return;
    case Type::Ed25519:
      if (octets.size() != kEd25519Octets) return;
      key_.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(octets), octets.size()));
      if (key_ == nullptr) return;
      bits_ = 256;
      kind_ = Kind::One;
      return;
    case Type::Unknown:
      kind_ = Kind::One;  // well-formed, and of no use to us
      return;
  }
}

// RFC 6376 section 3.6.1 says RSAPublicKey (RFC 8017 A.1.1), and its example and nearly all keys are a
// SubjectPublicKeyInfo (RFC 5280 section 4.1): its erratum 3017.
void KeyRecord::read_rsa(std::string_view octets) {
  const std::string_view bare = rsa_key_inside(octets).value_or(octets);
  const unsigned char* const end = bytes_of(octets) + octets.size();
  const unsigned char* at = bytes_of(bare);
  key_.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(bare.size())));
  if (key_ == nullptr) {
    at = bytes_of(octets);
    key_.reset(d2i_PUBKEY(nullptr, &at, static_cast<long>(octets.size())));
  }
  const bool usable = key_ != nullptr && at == end && EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_RSA &&
                      has_usable_exponent(key_.get());
  if (usable) {
    bits_ = static_cast<uint32_t>(EVP_PKEY_get_bits(key_.get()));
    kind_ = Kind::One;
  }
  if (!usable || bits_ > limits::kDkimRsaBitsMax) key_.reset();
}

std::optional<Reason> KeyRecord::problem_for(Algorithm algorithm, bool identity_below_domain,
                                             unsigned rsa_bits_min) const {
  switch (kind_) {
    case Kind::None:
      return Reason::KeyNotFound;
    case Kind::Several:
      return Reason::KeySeveral;
    case Kind::Malformed:
      return Reason::KeyMalformed;
    case Kind::Revoked:
      return Reason::KeyRevoked;
    case Kind::One:
      break;
  }
  const Type wanted = algorithm == Algorithm::Ed25519Sha256 ? Type::Ed25519 : Type::Rsa;
  if (type_ != wanted) return Reason::KeyAlgorithmMismatch;
  if (!takes_sha256_) return Reason::KeyHashNotAllowed;
  if (!serves_email_) return Reason::KeyServiceNotAllowed;
  if (exact_domain_ && identity_below_domain) return Reason::KeySubdomainNotAllowed;
  if (type_ == Type::Rsa && bits_ < rsa_bits_min) return Reason::KeyTooShort;
  if (type_ == Type::Rsa && bits_ > limits::kDkimRsaBitsMax) return Reason::KeyTooLong;
  return std::nullopt;
}

bool KeyRecord::verifies(const Digest& digest, std::string_view signature) const {
  if (key_ == nullptr) return false;
  const bool right =
      type_ == Type::Ed25519 ? verifies_ed25519(digest, signature) : verifies_rsa(digest, signature);
  if (!right) ERR_clear_error();
  return right;
}

bool KeyRecord::verifies_ed25519(const Digest& digest, std::string_view signature) const {
  if (ed25519_ == nullptr) ed25519_.reset(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(ed25519_.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(ed25519_.get(), bytes_of(signature), signature.size(), digest.data(),
                          digest.size()) == 1;
}

bool KeyRecord::verifies_rsa(const Digest& digest, std::string_view signature) const {
  if (rsa_ == nullptr) {
    rsa_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    const bool ready = rsa_ != nullptr && EVP_PKEY_verify_init(rsa_.get()) == 1 &&
                       EVP_PKEY_CTX_set_rsa_padding(rsa_.get(), RSA_PKCS1_PADDING) == 1 &&
                       EVP_PKEY_CTX_set_signature_md(rsa_.get(), sha256_algorithm()) == 1;
    if (!ready) {
      rsa_.reset();
      return false;
    }
  }
  return EVP_PKEY_verify(rsa_.get(), bytes_of(signature), signature.size(), digest.data(), digest.size()) ==
         1;
}

}  // namespace sluice::dkim

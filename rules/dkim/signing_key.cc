#include "rules/dkim/signing_key.h"

#include "io/base/limits.h"
#include "rules/dkim/tag_writer.h"

#include <array>
#include <memory>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace sluice::dkim {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
struct FreeContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;
using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeContext>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, FreeDigestContext>;

// Without it libcrypto would ask for a password on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

std::unexpected<Error> refused(std::string why) {
  ERR_clear_error();
  return fail(ErrorKind::Invalid, std::move(why));
}

std::string_view octets_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return size <= 0 ? std::string_view() : std::string_view(data, static_cast<size_t>(size));
}

std::string base64(const uint8_t* octets, size_t size) {
  return to_base64({reinterpret_cast<const char*>(octets), size});
}

}  // namespace

sluice::Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  if (pem.size() > limits::kDkimKeyFile) return refused("the key file is longer than any private key");
  if (pem.find("ENCRYPTED") != std::string_view::npos) {
    return refused("the private key is encrypted; write it without a password and protect the file");
  }
  const BioPtr source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(source.get(), nullptr, &no_password, nullptr);
  if (key == nullptr) {
    if (pem.find("PUBLIC KEY") != std::string_view::npos) {
      return refused("this is a public key; signing needs the private one");
    }
    return refused("no private key in PEM form (\"-----BEGIN PRIVATE KEY-----\")");
  }
  return adopt(key);
}

sluice::Result<SigningKey> SigningKey::adopt(evp_pkey_st* key) {
  SigningKey made(key, Algorithm::Unknown, static_cast<unsigned>(EVP_PKEY_get_bits(key)));
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      made.algorithm_ = Algorithm::Ed25519Sha256;
      made.bits_ = 256;
      return made;
    case EVP_PKEY_RSA:
      made.algorithm_ = Algorithm::RsaSha256;
      break;
    default:
      return refused("the key is neither RSA nor Ed25519");
  }
  if (made.bits_ < limits::kDkimSignRsaBitsMin) {
    return refused("an RSA key of " + std::to_string(made.bits_) +
                   " bits is too short to sign with: at least " +
                   std::to_string(limits::kDkimSignRsaBitsMin) + " (RFC 8301 section 3.2)");
  }
  if (made.bits_ > limits::kDkimSignRsaBitsMax) {
    return refused("an RSA key of " + std::to_string(made.bits_) + " bits is too long: receivers need not " +
                   "verify more than " + std::to_string(limits::kDkimSignRsaBitsMax));
  }
  const ContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
  if (EVP_PKEY_check(context.get()) != 1) return refused("the numbers of the RSA key do not fit together");
  return made;
}

sluice::Result<SigningKey> SigningKey::generate(Algorithm algorithm, unsigned bits) {
  const bool rsa = algorithm == Algorithm::RsaSha256;
  if (!rsa && algorithm != Algorithm::Ed25519Sha256)
    return refused("keys are made for rsa-sha256 and ed25519-sha256");
  if (rsa && (bits < limits::kDkimSignRsaBitsMin || bits > limits::kDkimSignRsaBitsMax)) {
    return refused("RSA keys have " + std::to_string(limits::kDkimSignRsaBitsMin) + " to " +
                   std::to_string(limits::kDkimSignRsaBitsMax) + " bits");
  }
  const ContextPtr context(EVP_PKEY_CTX_new_id(rsa ? EVP_PKEY_RSA : EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_keygen_init(context.get()) != 1 ||
      (rsa && EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(bits)) != 1) ||
      EVP_PKEY_keygen(context.get(), &key) != 1) {
    return refused("libcrypto could not make a key");
  }
  return adopt(key);
}

SigningKey::SigningKey(const SigningKey& other) noexcept
    : key_(other.key_), algorithm_(other.algorithm_), bits_(other.bits_) {
  if (key_ != nullptr) EVP_PKEY_up_ref(key_);
}

SigningKey& SigningKey::operator=(const SigningKey& other) noexcept {
  *this = SigningKey(other);
  return *this;
}

SigningKey::SigningKey(SigningKey&& other) noexcept
    : key_(std::exchange(other.key_, nullptr)), algorithm_(other.algorithm_), bits_(other.bits_) {}

SigningKey& SigningKey::operator=(SigningKey&& other) noexcept {
  std::swap(key_, other.key_);
  algorithm_ = other.algorithm_;
  bits_ = other.bits_;
  return *this;
}

SigningKey::~SigningKey() { EVP_PKEY_free(key_); }

std::string SigningKey::public_base64() const {
  if (algorithm_ == Algorithm::Ed25519Sha256) {
    std::array<uint8_t, 32> raw{};
    size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_, raw.data(), &size);
    return base64(raw.data(), size);
  }
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_, &der);
  std::string text = size <= 0 ? std::string() : base64(der, static_cast<size_t>(size));
  OPENSSL_free(der);
  return text;
}

std::string SigningKey::public_record() const {
  const std::string_view type = algorithm_ == Algorithm::Ed25519Sha256 ? "ed25519" : "rsa";
  return "v=DKIM1; k=" + std::string(type) + "; p=" + public_base64();
}

sluice::Result<std::string> SigningKey::private_pem() const {
  const BioPtr target(BIO_new(BIO_s_secmem()));
  if (target == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(target.get(), key_, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return refused("libcrypto could not write the key");
  }
  return std::string(octets_of(target.get()));
}

sluice::Result<std::string> SigningKey::sign(std::span<const uint8_t, 32> digest) const {
  std::string signature(static_cast<size_t>(EVP_PKEY_get_size(key_)), '\0');
  size_t size = signature.size();
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  bool done = false;
  if (algorithm_ == Algorithm::Ed25519Sha256) {
    const DigestContextPtr context(EVP_MD_CTX_new());
    done = context != nullptr && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_) == 1 &&
           EVP_DigestSign(context.get(), out, &size, digest.data(), digest.size()) == 1;
  } else {
    const ContextPtr context(EVP_PKEY_CTX_new(key_, nullptr));
    done = context != nullptr && EVP_PKEY_sign_init(context.get()) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1 &&
           EVP_PKEY_sign(context.get(), out, &size, digest.data(), digest.size()) == 1;
  }
  if (!done) {
    ERR_clear_error();
    return fail(ErrorKind::System, "libcrypto could not sign");
  }
  signature.resize(size);
  return signature;
}

}  // namespace sluice::dkim

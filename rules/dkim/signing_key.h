// SigningKey: a private key for DKIM and ARC signatures: RSA of 2048 to 4096 bits, or Ed25519. Read from PEM
// (PKCS#8, or PKCS#1 for RSA), never from a file: files and their permissions are the caller's.
//
// Immutable once made; const calls are safe from several shards at once (libcrypto counts and locks inside).
// RFC 6376 section 3.3.3 with RFC 8301 section 3.2 (signers use at least 2048 bits), RFC 8463 section 3.
// Encrypted PEM is refused: there is nobody to ask for a password. Fails with a reason for the operator that
// never holds any of the key.
#pragma once

#include "io/base/result.h"
#include "rules/dkim/outcome.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

struct evp_pkey_st;  // EVP_PKEY of <openssl/evp.h>

namespace sluice::dkim {

class SigningKey {
 public:
  [[nodiscard]] static sluice::Result<SigningKey> from_pem(std::string_view pem);
  // A new key, from libcrypto's random source; `bits` is for RSA. For tools, tests and benchmarks.
  [[nodiscard]] static sluice::Result<SigningKey> generate(Algorithm algorithm, unsigned bits = 2048);

  SigningKey(const SigningKey& other) noexcept;  // the same key, counted by libcrypto
  SigningKey& operator=(const SigningKey& other) noexcept;
  SigningKey(SigningKey&& other) noexcept;
  SigningKey& operator=(SigningKey&& other) noexcept;
  ~SigningKey();

  Algorithm algorithm() const { return algorithm_; }  // RsaSha256 or Ed25519Sha256
  unsigned bits() const { return bits_; }             // Ed25519: 256

  // p= of its key record, base64 on one line. RSA: SubjectPublicKeyInfo (RFC 6376 3.6.1); Ed25519: the 32
  // octets of the key (RFC 8463 4.2).
  std::string public_base64() const;
  // The text of its key record: "v=DKIM1; k=rsa; p=...".
  std::string public_record() const;
  // PKCS#8 PEM of the private key; wiping it is the caller's.
  [[nodiscard]] sluice::Result<std::string> private_pem() const;

  // The octets of b= before base64. The digest is the header hash; with Ed25519 it is what is signed (RFC
  // 8463 section 3), with RSA its DigestInfo (PKCS#1 v1.5).
  [[nodiscard]] sluice::Result<std::string> sign(std::span<const uint8_t, 32> digest) const;

 private:
  SigningKey(evp_pkey_st* key, Algorithm algorithm, unsigned bits)
      : key_(key), algorithm_(algorithm), bits_(bits) {}
  static sluice::Result<SigningKey> adopt(evp_pkey_st* key);

  evp_pkey_st* key_ = nullptr;
  Algorithm algorithm_ = Algorithm::Unknown;
  unsigned bits_ = 0;
};

}  // namespace sluice::dkim

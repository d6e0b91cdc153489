#include "rules/dkim/sha256.h"

#include "io/base/check.h"

#include <utility>

#include <openssl/evp.h>

namespace sluice::dkim {

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched;
}

Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::reset() {
  const bool first = context_ == nullptr;
  if (first) context_ = EVP_MD_CTX_new();
  // Without an algorithm the one that the context has is started anew.
  SLUICE_CHECK(EVP_DigestInit_ex2(context_, first ? sha256_algorithm() : nullptr, nullptr) == 1);
}

void Sha256::update(std::string_view octets) {
  SLUICE_CHECK(EVP_DigestUpdate(context_, octets.data(), octets.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest;
  SLUICE_CHECK(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  return digest;
}

Digest Sha256::peek(Sha256& scratch) const {
  scratch.continue_from(*this);
  return scratch.finish();
}

void Sha256::continue_from(const Sha256& other) {
  if (context_ == nullptr) context_ = EVP_MD_CTX_new();
  SLUICE_CHECK(EVP_MD_CTX_copy_ex(context_, other.context_) == 1);
}

Digest sha256(std::string_view octets) {
  Sha256 hash;
  hash.reset();
  hash.update(octets);
  return hash.finish();
}

}  // namespace sluice::dkim

#include "rules/dkim/signing_key.h"

#include "io/base/limits.h"

#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace sluice::dkim {
namespace {

// RFC 8463 appendix A.2: the key and its record.
constexpr std::string_view kEd25519Pem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kEd25519Record =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

std::string pem_of(EVP_PKEY* key, bool traditional, const char* password = nullptr) {
  BIO* bio = BIO_new(BIO_s_mem());
  if (traditional) {
    PEM_write_bio_PrivateKey_traditional(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  } else {
    PEM_write_bio_PKCS8PrivateKey(bio, key, password == nullptr ? nullptr : EVP_aes_128_cbc(), password,
                                  password == nullptr ? 0 : 6, nullptr, nullptr);
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

// Making one takes a while.
EVP_PKEY* rsa_2048() {
  static const KeyPtr key(EVP_RSA_gen(2048));
  return key.get();
}

std::array<uint8_t, 32> digest_of_something() {
  std::array<uint8_t, 32> digest{};
  for (size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<uint8_t>(i * 7);
  return digest;
}

TEST(SigningKey, ReadsTheEd25519KeyOfRfc8463AndGivesItsRecord) {
  const auto key = SigningKey::from_pem(kEd25519Pem);
  ASSERT_TRUE(key.has_value()) << key.error().message;
  EXPECT_EQ(key->algorithm(), Algorithm::Ed25519Sha256);
  EXPECT_EQ(key->bits(), 256U);
  EXPECT_EQ(key->public_record(), kEd25519Record);
}

TEST(SigningKey, ReadsRsaInBothPemForms) {
  const auto from_pkcs1 = SigningKey::from_pem(pem_of(rsa_2048(), true));
  const auto from_pkcs8 = SigningKey::from_pem(pem_of(rsa_2048(), false));
  ASSERT_TRUE(from_pkcs1.has_value()) << from_pkcs1.error().message;
  ASSERT_TRUE(from_pkcs8.has_value()) << from_pkcs8.error().message;
  EXPECT_EQ(from_pkcs1->algorithm(), Algorithm::RsaSha256);
  EXPECT_EQ(from_pkcs1->bits(), 2048U);
  EXPECT_EQ(from_pkcs1->public_record(), from_pkcs8->public_record());
  EXPECT_TRUE(from_pkcs1->public_record().starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
}

TEST(SigningKey, RefusesRsaThatReceiversDistrustOrNeedNotVerify) {
  for (const unsigned bits : {512U, 1024U, 2040U}) {
    const KeyPtr made(EVP_RSA_gen(bits));
    const auto key = SigningKey::from_pem(pem_of(made.get(), false));
    ASSERT_FALSE(key.has_value()) << bits;
    EXPECT_NE(key.error().message.find(std::to_string(bits)), std::string::npos) << key.error().message;
  }
  EXPECT_FALSE(SigningKey::generate(Algorithm::RsaSha256, 1024).has_value());
  EXPECT_FALSE(SigningKey::generate(Algorithm::RsaSha256, 8192).has_value());
}

TEST(SigningKey, RefusesWhatIsNotAPlainPrivateKeyAndSaysWhatItIs) {
  const auto encrypted = SigningKey::from_pem(pem_of(rsa_2048(), false, "secret"));
  ASSERT_FALSE(encrypted.has_value());
  EXPECT_NE(encrypted.error().message.find("encrypted"), std::string::npos);

  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, rsa_2048());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  const auto only_public = SigningKey::from_pem(std::string(data, static_cast<size_t>(size)));
  BIO_free(bio);
  ASSERT_FALSE(only_public.has_value());
  EXPECT_NE(only_public.error().message.find("public key"), std::string::npos);

  const KeyPtr curve(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const auto wrong_type = SigningKey::from_pem(pem_of(curve.get(), false));
  ASSERT_FALSE(wrong_type.has_value());
  EXPECT_NE(wrong_type.error().message.find("neither RSA nor Ed25519"), std::string::npos);

  EXPECT_FALSE(SigningKey::from_pem("").has_value());
  EXPECT_FALSE(
      SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").has_value());
  EXPECT_FALSE(SigningKey::from_pem(std::string(limits::kDkimKeyFile + 1, 'A')).has_value());
}

TEST(SigningKey, SignsWhatItsPublicKeyVerifies) {
  const std::array<uint8_t, 32> digest = digest_of_something();

  const auto signing = SigningKey::from_pem(pem_of(rsa_2048(), false));
  ASSERT_TRUE(signing.has_value());
  const auto by_rsa = signing->sign(digest);
  ASSERT_TRUE(by_rsa.has_value());
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(rsa_2048(), nullptr);
  EVP_PKEY_verify_init(context);
  EVP_PKEY_CTX_set_signature_md(context, EVP_sha256());
  EXPECT_EQ(EVP_PKEY_verify(context, reinterpret_cast<const unsigned char*>(by_rsa->data()), by_rsa->size(),
                            digest.data(), digest.size()),
            1);
  EVP_PKEY_CTX_free(context);

  // Ed25519 is deterministic: two signatures of a digest are equal, and 64 octets.
  const auto small = SigningKey::from_pem(kEd25519Pem);
  const auto by_ed25519 = small->sign(digest);
  ASSERT_TRUE(by_ed25519.has_value());
  EXPECT_EQ(by_ed25519->size(), 64U);
  EXPECT_EQ(*by_ed25519, *small->sign(digest));
}

// Shows: P-09
TEST(SigningKey, MakesKeysOfBothKindsThatItReadsAgain) {
  for (const Algorithm algorithm : {Algorithm::RsaSha256, Algorithm::Ed25519Sha256}) {
    const auto made = SigningKey::generate(algorithm);
    ASSERT_TRUE(made.has_value());
    const auto pem = made->private_pem();
    ASSERT_TRUE(pem.has_value());
    const auto again = SigningKey::from_pem(*pem);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->algorithm(), algorithm);
    EXPECT_EQ(again->public_record(), made->public_record());
  }
}

TEST(SigningKey, IsSharedByItsCopies) {
  auto key = SigningKey::from_pem(kEd25519Pem);
  const SigningKey copy = *key;
  key = fail(ErrorKind::NotFound, "gone");
  EXPECT_EQ(copy.public_record(), kEd25519Record);
  EXPECT_TRUE(copy.sign(digest_of_something()).has_value());
}

}  // namespace
}  // namespace sluice::dkim

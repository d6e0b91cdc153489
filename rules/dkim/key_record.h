// KeyRecord: what the TXT records of one selector's name mean (RFC 6376 sections 3.6.1 and 3.6.2.2, RFC 8301,
// RFC 8463): no key record, one with its parsed public key, several, one that cannot be read, one that is
// revoked. Made once and hung on the cached answer; immutable but for libcrypto's contexts inside, so it and
// all references to it stay on one shard. Pure. The status of the answer is the caller's to look at first.
//
// TXT records that are no key records (wildcards answer for selectors too) are passed over: those with
// another v=, and those that are no tag list with a p=. Several key records are not chosen from: RFC 6376
// leaves the result undefined, and ours may not depend on the order of an answer.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/local_ref.h"
#include "rules/auth/tag_list.h"
#include "rules/dkim/outcome.h"
#include "rules/dkim/sha256.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_pkey_st;
struct evp_pkey_ctx_st;
struct evp_md_ctx_st;

namespace sluice::dkim {

class KeyRecord;
using KeyRecordRef = LocalRef<KeyRecord>;

class KeyRecord {
 public:
  enum class Kind : uint8_t { None, One, Several, Malformed, Revoked };
  enum class Type : uint8_t { Unknown, Rsa, Ed25519 };

  explicit KeyRecord(const dns::Answer& answer);
  static KeyRecordRef from(const dns::Answer& answer) { return KeyRecordRef::make(answer); }
  // Of one TXT record's text: a command that checks keys has no answer.
  explicit KeyRecord(std::string_view text);
  KeyRecord(KeyRecord&&) = default;
  KeyRecord& operator=(KeyRecord&&) = default;

  Kind kind() const { return kind_; }
  // Of One, and as far as they could be read of the others.
  Type type() const { return type_; }                       // k=; Unknown: one that we do not know
  uint32_t bits() const { return bits_; }                   // 256 for Ed25519
  bool takes_sha256() const { return takes_sha256_; }       // h=
  bool serves_email() const { return serves_email_; }       // s=
  bool testing() const { return testing_; }                 // t=y
  bool exact_domain_only() const { return exact_domain_; }  // t=s
  size_t bytes() const { return bytes_; }                   // memory, estimated

  // What stands against the key for a signature by `algorithm`; `identity_below_domain`: the domain of i= is
  // not d= itself, but below it.
  std::optional<Reason> problem_for(Algorithm algorithm, bool identity_below_domain,
                                    unsigned rsa_bits_min) const;
  // The public key operation: RSASSA-PKCS1-v1_5, or Ed25519 over the digest (RFC 8463). Only where
  // problem_for() has nothing against it.
  bool verifies(const Digest& digest, std::string_view signature) const;

 private:
  struct FreeKey {
    void operator()(evp_pkey_st* key) const;
  };
  struct FreeContext {
    void operator()(evp_pkey_ctx_st* context) const;
    void operator()(evp_md_ctx_st* context) const;
  };

  KeyRecord() = default;
  void read(std::string_view text);
  void read_restrictions(const auth::TagList& tags);
  void read_key(std::string_view octets);
  void read_rsa(std::string_view octets);
  bool verifies_rsa(const Digest& digest, std::string_view signature) const;
  bool verifies_ed25519(const Digest& digest, std::string_view signature) const;

  Kind kind_ = Kind::None;
  Type type_ = Type::Rsa;
  bool takes_sha256_ = true;
  bool serves_email_ = true;
  bool testing_ = false;
  bool exact_domain_ = false;
  uint32_t bits_ = 0;
  size_t bytes_ = 0;
  std::unique_ptr<evp_pkey_st, FreeKey> key_;
  // Prepared with the first use, then used again and again.
  mutable std::unique_ptr<evp_pkey_ctx_st, FreeContext> rsa_;
  mutable std::unique_ptr<evp_md_ctx_st, FreeContext> ed25519_;
};

}  // namespace sluice::dkim

// Sha256: one SHA-256 computation (FIPS 180-4) by libcrypto, whose context is reused by reset(). One thread.
// A failure of libcrypto, which takes no input of others here, ends the process.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

struct evp_md_ctx_st;
struct evp_md_st;

namespace sluice::dkim {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  Sha256() = default;
  Sha256(Sha256&& other) noexcept;
  Sha256& operator=(Sha256&& other) noexcept;
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();

  void reset();  // before the first update, and after finish()
  void update(std::string_view octets);
  Digest finish();                     // then reset() before anything else
  Digest peek(Sha256& scratch) const;  // of what was given so far; goes on. `scratch` is overwritten
  void continue_from(
      const Sha256& other);  // as if it had been given the same; `other` is between reset and finish

 private:
  evp_md_ctx_st* context_ = nullptr;
};

Digest sha256(std::string_view octets);

// libcrypto's, fetched once: a lookup by name with every use would take time and libcrypto's locks.
const evp_md_st* sha256_algorithm();

}  // namespace sluice::dkim

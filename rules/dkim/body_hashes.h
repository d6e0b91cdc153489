// BodyHashes: the SHA-256 hashes of a message's body that its signatures call for (RFC 6376 sections 3.4.3,
// 3.4.4, 3.4.5), computed while the body arrives. Any cut of the same octets into pieces gives the same
// digests. There is at most one pass of the hash for each of the two canonicalisations: signatures of one
// share it, and what l= ends early is read off on the way.
//
// The body comes without dot-stuffing. Only CRLF is a line end: a bare CR or LF and NUL, which files may
// hold, are octets like others. One message at a time, reused by reset(); one shard. Nothing fails. Pure.
#pragma once

#include "io/base/limits.h"
#include "rules/dkim/sha256.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::dkim {

enum class Canonicalization : uint8_t { Simple, Relaxed };
std::string_view to_word(Canonicalization canonicalization);  // "simple", "relaxed"

class BodyHashes {
 public:
  BodyHashes() = default;
  BodyHashes(BodyHashes&&) = default;
  BodyHashes& operator=(BodyHashes&&) = default;

  void reset();  // keeps the memory

  // Before the first feed. Equal ones are the same. `length`: of the canonical body (l=); none: all of it.
  // Null beyond limits::kDkimBodyHashes different ones.
  std::optional<size_t> want(Canonicalization canonicalization, std::optional<uint64_t> length = {});
  bool empty() const { return wanted_count_ == 0; }  // nothing is wanted: feeding is not needed

  void feed(std::string_view octets);
  void finish();
  bool finished() const { return finished_; }

  // After finish(). All zero where the canonical body is shorter than the length: see canonical_octets().
  std::span<const uint8_t, 32> digest(size_t id) const { return wanted_[id].digest; }
  // Of the whole canonical body, whatever length was given.
  uint64_t canonical_octets(size_t id) const;

 private:
  struct Wanted {
    Canonicalization canonicalization = Canonicalization::Simple;
    std::optional<uint64_t> length;
    Digest digest{};
  };
  // One canonical body on its way into its hash. Line ends at the end of the body may be too many, so those
  // that came last are held back.
  struct Stream {
    bool wanted = false;
    bool whole = false;           // some signature covers all of it
    uint64_t longest = 0;         // of the lengths
    uint64_t next_length = 0;     // the shortest that was not reached; UINT64_MAX: none
    uint64_t octets = 0;          // given on, or counted where no hash needs them
    uint64_t held_line_ends = 0;  // CRLFs, then
    bool held_cr = false;
    Sha256 hash;
  };
  // What ended the piece before, in the relaxed form.
  enum class Space : uint8_t { None, Run, RunAndCr };

  Stream& stream(Canonicalization canonicalization) {
    return streams_[static_cast<size_t>(canonicalization)];
  }
  void start();
  void feed_relaxed(std::string_view octets);
  std::string_view resolve_space(std::string_view octets);
  void hold_line_ends(Canonicalization canonicalization, std::string_view octets);
  void give_line_ends(Canonicalization canonicalization);
  void give(Canonicalization canonicalization, std::string_view octets);
  void take_lengths(Canonicalization canonicalization);
  static void hash(Stream& one, std::string_view octets);

  std::array<Stream, 2> streams_;
  std::array<Wanted, limits::kDkimBodyHashes> wanted_;
  size_t wanted_count_ = 0;
  std::unique_ptr<char[]> reduced_;  // the relaxed form of a piece
  Sha256 scratch_;
  Space space_ = Space::None;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace sluice::dkim

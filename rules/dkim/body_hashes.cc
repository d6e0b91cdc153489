#include "rules/dkim/body_hashes.h"

#include "io/base/check.h"
#include "rules/dkim/white_space.h"

#include <algorithm>

namespace sluice::dkim {
namespace {

// Octets reduced at once: the copy stays in the first-level cache.
constexpr size_t kPiece = 8192;

constexpr std::string_view kLineEnd = "\r\n";

}  // namespace

std::string_view to_word(Canonicalization canonicalization) {
  return canonicalization == Canonicalization::Simple ? "simple" : "relaxed";
}

void BodyHashes::reset() {
  for (Stream& stream : streams_) stream = Stream{.hash = std::move(stream.hash)};
  wanted_count_ = 0;
  space_ = Space::None;
  started_ = false;
  finished_ = false;
}

std::optional<size_t> BodyHashes::want(Canonicalization canonicalization, std::optional<uint64_t> length) {
  SLUICE_CHECK(!started_);
  for (size_t id = 0; id < wanted_count_; ++id) {
    if (wanted_[id].canonicalization == canonicalization && wanted_[id].length == length) return id;
  }
  if (wanted_count_ == wanted_.size()) return std::nullopt;
  wanted_[wanted_count_] = {.canonicalization = canonicalization, .length = length};
  Stream& one = stream(canonicalization);
  one.wanted = true;
  if (length) {
    one.longest = std::max(one.longest, *length);
  } else {
    one.whole = true;
  }
  return wanted_count_++;
}

void BodyHashes::start() {
  if (started_) return;
  started_ = true;
  for (const Canonicalization one : {Canonicalization::Simple, Canonicalization::Relaxed}) {
    if (!stream(one).wanted) continue;
    stream(one).hash.reset();
    take_lengths(one);
  }
}

void BodyHashes::feed(std::string_view octets) {
  if (octets.empty() || empty()) return;
  SLUICE_CHECK(!finished_);
  start();
  if (stream(Canonicalization::Simple).wanted) hold_line_ends(Canonicalization::Simple, octets);
  if (stream(Canonicalization::Relaxed).wanted) feed_relaxed(octets);
}

// White space that ended what came before, now that more is known; returns what is left of the octets.
std::string_view BodyHashes::resolve_space(std::string_view octets) {
  constexpr Canonicalization kRelaxed = Canonicalization::Relaxed;
  if (space_ == Space::Run) {
    while (!octets.empty() && (octets.front() == ' ' || octets.front() == '\t')) octets.remove_prefix(1);
    if (octets == "\r") {
      space_ = Space::RunAndCr;
      return {};
    }
    if (octets.empty()) return {};
    if (!octets.starts_with(kLineEnd)) hold_line_ends(kRelaxed, " ");
  } else if (space_ == Space::RunAndCr) {
    hold_line_ends(kRelaxed, octets.front() == '\n' ? "\r" : " \r");
  }
  space_ = Space::None;
  return octets;
}

void BodyHashes::feed_relaxed(std::string_view octets) {
  if (reduced_ == nullptr) reduced_ = std::make_unique_for_overwrite<char[]>(kPiece + kReduceSlack);
  octets = resolve_space(octets);
  while (!octets.empty()) {
    const std::string_view piece = octets.substr(0, kPiece);
    const Reduced done = reduce_white_space(piece, reduced_.get());
    hold_line_ends(Canonicalization::Relaxed, {reduced_.get(), done.written});
    octets.remove_prefix(piece.size());
    if (done.consumed == piece.size()) continue;
    space_ = piece.ends_with('\r') ? Space::RunAndCr : Space::Run;
    if (!octets.empty()) octets = resolve_space(octets);
  }
}

// Gives on what cannot be part of the empty lines at the end of the body (3.4.3).
void BodyHashes::hold_line_ends(Canonicalization canonicalization, std::string_view octets) {
  Stream& one = stream(canonicalization);
  if (octets.empty()) return;
  if (one.held_cr) {
    one.held_cr = false;
    if (octets.front() == '\n') {
      ++one.held_line_ends;
      octets.remove_prefix(1);
    } else {
      give_line_ends(canonicalization);
      give(canonicalization, "\r");
    }
  }
  while (octets.starts_with(kLineEnd)) {
    ++one.held_line_ends;
    octets.remove_prefix(kLineEnd.size());
  }
  if (octets.empty()) return;
  if (octets != "\r") give_line_ends(canonicalization);
  if (octets.back() == '\r') {
    one.held_cr = true;
    octets.remove_suffix(1);
  }
  uint64_t ends = 0;
  while (octets.ends_with(kLineEnd)) {
    ++ends;
    octets.remove_suffix(kLineEnd.size());
  }
  give(canonicalization, octets);
  one.held_line_ends += ends;
}

void BodyHashes::give_line_ends(Canonicalization canonicalization) {
  static constexpr std::array<char, 128> kLineEnds = [] {
    std::array<char, 128> ends{};
    for (size_t i = 0; i < ends.size(); ++i) ends[i] = i % 2 == 0 ? '\r' : '\n';
    return ends;
  }();
  Stream& one = stream(canonicalization);
  while (one.held_line_ends != 0) {
    const uint64_t now = std::min<uint64_t>(one.held_line_ends, kLineEnds.size() / 2);
    give(canonicalization, {kLineEnds.data(), static_cast<size_t>(now) * 2});
    one.held_line_ends -= now;
  }
}

// Canonical octets, in order.
void BodyHashes::give(Canonicalization canonicalization, std::string_view octets) {
  Stream& one = stream(canonicalization);
  while (one.next_length - one.octets <= octets.size()) {
    const auto part = static_cast<size_t>(one.next_length - one.octets);
    hash(one, octets.substr(0, part));
    octets.remove_prefix(part);
    take_lengths(canonicalization);
  }
  hash(one, octets);
}

void BodyHashes::hash(Stream& one, std::string_view octets) {
  if (one.whole || one.octets < one.longest) one.hash.update(octets);
  one.octets += octets.size();
}

// Digests of the lengths that are reached, and the next one.
void BodyHashes::take_lengths(Canonicalization canonicalization) {
  Stream& one = stream(canonicalization);
  one.next_length = UINT64_MAX;
  for (Wanted& wanted : std::span(wanted_).first(wanted_count_)) {
    if (wanted.canonicalization != canonicalization || !wanted.length) continue;
    if (*wanted.length == one.octets) wanted.digest = one.hash.peek(scratch_);
    if (*wanted.length > one.octets) one.next_length = std::min(one.next_length, *wanted.length);
  }
}

void BodyHashes::finish() {
  if (finished_) return;
  finished_ = true;
  if (empty()) return;
  start();
  if (space_ == Space::RunAndCr) hold_line_ends(Canonicalization::Relaxed, " \r");
  for (const Canonicalization canonicalization : {Canonicalization::Simple, Canonicalization::Relaxed}) {
    Stream& one = stream(canonicalization);
    if (!one.wanted) continue;
    if (one.held_cr) {
      give_line_ends(canonicalization);
      give(canonicalization, "\r");
    }
    // Exactly one line end, but for the empty relaxed body, which stays empty.
    if (canonicalization == Canonicalization::Simple || one.octets != 0) give(canonicalization, kLineEnd);
    if (!one.whole) continue;
    const Digest digest = one.hash.finish();
    for (Wanted& wanted : std::span(wanted_).first(wanted_count_)) {
      if (wanted.canonicalization == canonicalization && !wanted.length) wanted.digest = digest;
    }
  }
}

uint64_t BodyHashes::canonical_octets(size_t id) const {
  return streams_[static_cast<size_t>(wanted_[id].canonicalization)].octets;
}

}  // namespace sluice::dkim

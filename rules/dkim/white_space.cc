// The kernel is compiled once for each instruction set that Highway knows (this file includes itself, in the
// macros' namespaces) and the best one is chosen when the program first needs it. Why there is one: octet by
// octet, reducing costs as much as hashing with the processor's SHA instructions does (bench/dkim_bench.cc).
#include "rules/dkim/white_space.h"

#include <bit>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "rules/dkim/white_space.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice::dkim::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kBlock = 64;
constexpr size_t kAhead = 64;  // octets behind a block that must be there: two are looked at, and segments
                               // are copied by whole blocks

using Octets = hn::CappedTag<uint8_t, kBlock>;

template <class Mask>
HWY_INLINE uint64_t bits_of(Octets d, Mask mask) {
  uint64_t word = 0;
  hn::StoreMaskBits(d, mask, reinterpret_cast<uint8_t*>(&word));
  return word;
}

// A block's worth of octets, tabs as spaces.
HWY_INLINE void copy_block(Octets d, const uint8_t* from, uint8_t* to) {
  const auto tab = hn::Set(d, '\t');
  const auto space = hn::Set(d, ' ');
  for (size_t at = 0; at < kBlock; at += hn::Lanes(d)) {
    const auto v = hn::LoadU(d, from + at);
    hn::StoreU(hn::IfThenElse(hn::Eq(v, tab), space, v), d, to + at);
  }
}

Reduced reduce_blocks(const char* text, size_t size, char* out_text) {
  const Octets d;
  const auto* octets = reinterpret_cast<const uint8_t*>(text);
  auto* const out = reinterpret_cast<uint8_t*>(out_text);
  const auto tab = hn::Set(d, '\t');
  const auto space = hn::Set(d, ' ');
  const auto cr = hn::Set(d, '\r');
  const auto lf = hn::Set(d, '\n');
  size_t position = 0;
  uint8_t* to = out;
  for (; size - position >= kBlock + kAhead; position += kBlock) {
    // Bit i stands for octet i of the block.
    const uint8_t* block = octets + position;
    uint64_t is_space = 0;
    uint64_t is_cr = 0;
    uint64_t is_lf = 0;
    for (size_t at = 0; at < kBlock; at += hn::Lanes(d)) {
      const auto v = hn::LoadU(d, block + at);
      is_space |= bits_of(d, hn::Or(hn::Eq(v, space), hn::Eq(v, tab))) << at;
      is_cr |= bits_of(d, hn::Eq(v, cr)) << at;
      is_lf |= bits_of(d, hn::Eq(v, lf)) << at;
    }
    const auto next = [block](size_t i) { return block[kBlock + i]; };
    const uint64_t space_follows = next(0) == ' ' || next(0) == '\t' ? 1 : 0;
    const uint64_t lf_follows = next(0) == '\n' ? 1 : 0;
    const uint64_t crlf_follows = next(0) == '\r' && next(1) == '\n' ? 1 : 0;
    const uint64_t is_crlf = is_cr & (is_lf >> 1 | lf_follows << 63);
    const uint64_t in_front = is_space >> 1 | space_follows << 63 | is_crlf >> 1 | crlf_follows << 63;
    uint64_t dropped = is_space & in_front;
    if (dropped == 0) {
      copy_block(d, block, to);
      to += kBlock;
      continue;
    }
    // Segments between what is dropped.
    size_t begin = 0;
    while (dropped != 0) {
      const auto end = static_cast<size_t>(std::countr_zero(dropped));
      copy_block(d, block + begin, to);
      to += end - begin;
      const auto run = static_cast<size_t>(std::countr_one(dropped >> end));
      begin = end + run;
      dropped = begin < kBlock ? dropped & (~uint64_t{0} << begin) : 0;
    }
    if (begin < kBlock) {
      copy_block(d, block + begin, to);
      to += kBlock - begin;
    }
  }
  return {position, static_cast<size_t>(to - out)};
}

}  // namespace sluice::dkim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::dkim {
namespace {

constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

}  // namespace

HWY_EXPORT(reduce_blocks);

Reduced reduce_white_space_scalar(std::string_view octets, char* out) {
  char* to = out;
  size_t at = 0;
  while (at < octets.size()) {
    if (!is_space(octets[at])) {
      *to++ = octets[at++];
      continue;
    }
    size_t behind = at + 1;
    while (behind < octets.size() && is_space(octets[behind])) ++behind;
    const std::string_view rest = octets.substr(behind);
    if (rest.empty() || rest == "\r") break;
    if (!rest.starts_with("\r\n")) *to++ = ' ';
    at = behind;
  }
  return {at, static_cast<size_t>(to - out)};
}

Reduced reduce_white_space(std::string_view octets, char* out) {
  Reduced done;
  if (octets.size() >= 128) done = HWY_DYNAMIC_DISPATCH(reduce_blocks)(octets.data(), octets.size(), out);
  const Reduced rest = reduce_white_space_scalar(octets.substr(done.consumed), out + done.written);
  return {done.consumed + rest.consumed, done.written + rest.written};
}

}  // namespace sluice::dkim
#endif  // HWY_ONCE

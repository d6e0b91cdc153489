// The block scan is compiled once for each instruction set that Highway knows (this file includes itself, in
// the macros' namespaces) and the best one is chosen when the program first needs it.
#include "io/smtp/body_scan.h"

#include <algorithm>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "io/smtp/body_scan.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice::smtp::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kBlock = 64;

// Books the lines that end in a block: bit i of `ends` is the LF of a CRLF.
HWY_INLINE void book_lines(uint64_t ends, BodyScan& scan) {
  if (ends == 0) {
    scan.line_octets += kBlock;
    return;
  }
  uint64_t begin = 0;  // of the current line inside the block
  // A line that lies inside the block is shorter than it, so most often only the first can be the longest.
  for (uint64_t left = ends; left != 0; left &= left - 1) {
    const auto end = static_cast<uint64_t>(std::countr_zero(left));
    scan.longest_line = std::max(scan.longest_line, scan.line_octets + end - begin - 1);
    scan.line_octets = 0;
    begin = end + 1;
    if (scan.longest_line >= kBlock) break;
  }
  scan.line_octets = static_cast<uint64_t>(std::countl_zero(ends));
}

// Whole blocks in which nothing stops the scan; returns how many octets they are.
size_t scan_blocks(const char* octets, size_t size, BodyScan& kept) {
  const hn::CappedTag<uint8_t, kBlock> d;
  const size_t lanes = hn::Lanes(d);
  const auto cr = hn::Set(d, '\r');
  const auto lf = hn::Set(d, '\n');
  const auto dot = hn::Set(d, '.');
  const auto nul = hn::Zero(d);
  auto seen = hn::Zero(d);
  BodyScan scan = kept;  // in registers: a reference could be to the octets that are read
  size_t position = 0;
  for (; size - position >= kBlock; position += kBlock) {
    // Bit i stands for octet i of the block.
    uint64_t is_cr = 0;
    uint64_t is_lf = 0;
    uint64_t is_dot = 0;
    uint64_t is_nul = 0;
    auto block_seen = seen;
    for (size_t at = 0; at < kBlock; at += lanes) {
      const auto v = hn::LoadU(d, reinterpret_cast<const uint8_t*>(octets) + position + at);
      const auto bits = [&](auto mask) HWY_ATTR {
        uint64_t word = 0;
        hn::StoreMaskBits(d, mask, reinterpret_cast<uint8_t*>(&word));
        return word << at;
      };
      is_cr |= bits(hn::Eq(v, cr));
      is_lf |= bits(hn::Eq(v, lf));
      is_dot |= bits(hn::Eq(v, dot));
      is_nul |= bits(hn::Eq(v, nul));
      block_seen = hn::Or(block_seen, v);
    }
    const uint64_t behind_cr = is_cr << 1 | (scan.after_cr ? 1U : 0U);
    const uint64_t ends = is_lf & behind_cr;
    const uint64_t starts = ends << 1 | (scan.line_start ? 1U : 0U);
    if (((is_lf ^ behind_cr) | is_nul | (is_dot & starts)) != 0) break;
    seen = block_seen;
    book_lines(ends, scan);
    scan.after_cr = is_cr >> (kBlock - 1) != 0;
    scan.line_start = ends >> (kBlock - 1) != 0;
  }
  const auto high = hn::Set(d, 0x80);
  if (!hn::AllTrue(d, hn::Eq(hn::And(seen, high), nul))) scan.eight_bit = true;
  kept = scan;
  return position;
}

}  // namespace sluice::smtp::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::smtp {

HWY_EXPORT(scan_blocks);

ScanResult scan_body_scalar(std::string_view octets, BodyScan& scan) {
  for (size_t i = 0; i < octets.size(); ++i) {
    const char c = octets[i];
    if (c == '\n') {
      if (!scan.after_cr) return {i, ScanStop::BareLf};
      scan.longest_line = std::max(scan.longest_line, scan.line_octets - 1);
      scan.line_octets = 0;
      scan.line_start = true;
      scan.after_cr = false;
      continue;
    }
    if (scan.after_cr) return {i, ScanStop::BareCr};
    if (c == '\0') return {i, ScanStop::Nul};
    if (c == '.' && scan.line_start) return {i, ScanStop::Dot};
    if ((static_cast<unsigned char>(c) & 0x80) != 0) scan.eight_bit = true;
    scan.after_cr = c == '\r';
    scan.line_start = false;
    ++scan.line_octets;
  }
  return {octets.size(), ScanStop::End};
}

ScanResult scan_body(std::string_view octets, BodyScan& scan) {
  size_t position = 0;
  if (octets.size() >= 64) position = HWY_DYNAMIC_DISPATCH(scan_blocks)(octets.data(), octets.size(), scan);
  // What is left over, and inside a block that stops the scan: which octet, and why.
  ScanResult rest = scan_body_scalar(octets.substr(position), scan);
  rest.consumed += position;
  return rest;
}

}  // namespace sluice::smtp
#endif  // HWY_ONCE

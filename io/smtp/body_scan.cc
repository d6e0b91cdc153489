#include "io/smtp/body_scan.h"

#include <algorithm>
#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::smtp {

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

#if defined(__SSE2__)

namespace {

constexpr size_t kBlock = 64;

// Bit i stands for octet i of the block.
struct BlockMasks {
  uint64_t cr = 0;
  uint64_t lf = 0;
  uint64_t nul = 0;
  uint64_t dot = 0;
  uint64_t high = 0;
};

BlockMasks masks_of(const char* block) {
  BlockMasks masks;
  const __m128i cr = _mm_set1_epi8('\r');
  const __m128i lf = _mm_set1_epi8('\n');
  const __m128i dot = _mm_set1_epi8('.');
  const __m128i nul = _mm_setzero_si128();
  const auto bits = [](__m128i lanes) {
    return static_cast<uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(lanes)));
  };
  for (unsigned shift = 0; shift < kBlock; shift += 16) {
    const __m128i lanes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + shift));
    masks.cr |= bits(_mm_cmpeq_epi8(lanes, cr)) << shift;
    masks.lf |= bits(_mm_cmpeq_epi8(lanes, lf)) << shift;
    masks.nul |= bits(_mm_cmpeq_epi8(lanes, nul)) << shift;
    masks.dot |= bits(_mm_cmpeq_epi8(lanes, dot)) << shift;
    masks.high |= bits(lanes) << shift;
  }
  return masks;
}

// Books the lines that end in a block: bit i of `ends` is the LF of a CRLF.
void book_lines(uint64_t ends, BodyScan& scan) {
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

}  // namespace

ScanResult scan_body(std::string_view octets, BodyScan& scan) {
  size_t position = 0;
  for (; octets.size() - position >= kBlock; position += kBlock) {
    const BlockMasks masks = masks_of(octets.data() + position);
    const uint64_t behind_cr = masks.cr << 1 | (scan.after_cr ? 1U : 0U);
    const uint64_t ends = masks.lf & behind_cr;
    const uint64_t starts = ends << 1 | (scan.line_start ? 1U : 0U);
    const uint64_t stops = (masks.lf ^ behind_cr) | masks.nul | (masks.dot & starts);
    if (stops != 0) break;  // the scalar scan says which and where, inside this block
    book_lines(ends, scan);
    scan.after_cr = masks.cr >> (kBlock - 1) != 0;
    scan.line_start = ends >> (kBlock - 1) != 0;
    if (masks.high != 0) scan.eight_bit = true;
  }
  ScanResult rest = scan_body_scalar(octets.substr(position), scan);
  rest.consumed += position;
  return rest;
}

#else

ScanResult scan_body(std::string_view octets, BodyScan& scan) { return scan_body_scalar(octets, scan); }

#endif

}  // namespace sluice::smtp

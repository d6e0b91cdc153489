// The header block of a message: read once as octets arrive, kept raw, indexed by field.
//
// HeaderReader takes the message without dot-stuffing (smtp::Unstuffer gives such a view), copies the header
// block into one buffer and indexes it line by line; HeaderBlock is that index. Nothing is decoded and no
// field is interpreted here. Pure; one reader per transaction, reused by reset().
//
// RFC 5322 section 2.2, read tolerantly: a line ends at LF (CRLF at the door; bare LF occurs in files), white
// space may stand before the colon, and a line that is neither a field nor a continuation is kept and marked
// as Junk. The block ends behind the first empty line, or with the message. If the very first line is not a
// field, there is no header block: it has zero octets, everything is body, and whoever puts fields in front
// must write an empty line behind them (needs_separator()), so that every later reader sees the same.
//
// Fails by state: a block over the limits is TooLarge or TooManyFields, and nothing more is taken.
#pragma once

#include "io/base/limits.h"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::mail {

enum class FieldKind : uint8_t { Field, Junk };

// What one entry of the block is. The views point into the block: valid until its reader is reset, fed,
// moved or destroyed.
struct HeaderField {
  FieldKind kind = FieldKind::Field;
  bool space_before_colon = false;
  bool behind_junk = false;         // a Junk line stands somewhere above: some readers see body here
  bool blank_continuation = false;  // a folded line of white space only: some readers see the end here
  std::string_view name;            // as written, without white space before the colon; Junk: empty
  std::string_view value;  // behind the colon, folding kept, without the final line end; Junk: the line
  std::string_view raw;    // the whole field with its final line end
  size_t offset = 0;       // of raw in the message
};

class HeaderBlock {
 public:
  HeaderBlock() = default;
  // `memory` outlives the block.
  explicit HeaderBlock(std::pmr::memory_resource* memory) : text_(memory), entries_(memory) {}

  size_t size() const { return entries_.size(); }  // Junk entries included
  bool empty() const { return entries_.empty(); }
  HeaderField operator[](size_t index) const;

  // The first entry at or after `from` with this name, compared without case; Junk has no name.
  std::optional<size_t> find(std::string_view name, size_t from = 0) const;
  size_t count(std::string_view name) const;
  size_t received_fields() const { return received_; }

  // All octets of the block, its empty line included. Their number is the offset of the body.
  std::string_view octets() const { return text_; }
  size_t body_offset() const { return text_.size(); }
  // The octets in front of the empty line: all entries and nothing else.
  std::string_view fields_octets() const { return std::string_view(text_).substr(0, fields_end_); }
  bool has_empty_line() const { return fields_end_ != text_.size(); }
  bool has_junk() const { return junk_; }
  // Fields that are put in front of this message need an empty line behind them.
  bool needs_separator() const { return no_header_; }

 private:
  friend class HeaderReader;
  struct Entry {
    uint32_t offset = 0;
    uint32_t name_size = 0;
    uint32_t value_offset = 0;  // from the start of the text
    uint32_t end = 0;           // behind the final line end
    FieldKind kind = FieldKind::Field;
    bool space_before_colon = false;
    bool behind_junk = false;
    bool blank_continuation = false;
  };

  std::pmr::string text_;
  std::pmr::vector<Entry> entries_;
  size_t fields_end_ = 0;
  size_t received_ = 0;
  bool junk_ = false;
  bool no_header_ = false;
};

struct HeaderLimits {
  size_t octets = limits::kHeaderBlock;
  size_t fields = limits::kHeaderFields;
};

class HeaderReader {
 public:
  enum class State : uint8_t { Reading, Complete, TooLarge, TooManyFields };

  explicit HeaderReader(HeaderLimits header_limits = {}) : limits_(header_limits) {}
  // `memory`: where the block is kept; outlives the reader.
  explicit HeaderReader(std::pmr::memory_resource* memory) : block_(memory), body_prefix_(memory) {}

  // The next octets of the message, in order and without dot-stuffing, in pieces of any size. Returns how
  // many it took; the rest is body. Takes nothing once the state is no longer Reading. The octets are copied.
  size_t feed(std::string_view octets);
  // The message is over: what was read so far is the block.
  void finish();
  // For the next message; keeps the memory.
  void reset();

  State state() const { return state_; }
  // Meaningful once Complete.
  const HeaderBlock& block() const { return block_; }
  // Octets that feed() took and that turned out to be body (only where there is no header block). They come
  // before what feed() did not take. Valid until reset().
  std::string_view body_prefix() const { return body_prefix_; }

 private:
  void take_line(size_t begin, size_t end);
  void start_entry(size_t begin, size_t end);
  void end_without_header();

  HeaderLimits limits_;
  HeaderBlock block_;
  std::pmr::string body_prefix_;
  size_t line_begin_ = 0;  // of the line that is not complete yet, in block_.text_
  State state_ = State::Reading;
};

// Without the line ends of folding (RFC 5322 2.2.3) and without white space at both ends; the white space
// that begins a continuation stays.
std::string unfold(std::string_view value);

// Without comments, which become one space each; quoted strings are left alone (RFC 5322 3.2.2). Null when a
// comment or a quoted string is not closed or comments nest deeper than 32.
std::optional<std::string> strip_comments(std::string_view value);

}  // namespace sluice::mail

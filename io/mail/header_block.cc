#include "io/mail/header_block.h"

#include "io/base/ascii.h"

#include <algorithm>

namespace sluice::mail {

namespace {

constexpr bool is_name_octet(char c) { return c > 0x20 && c < 0x7f && c != ':'; }

bool is_blank(std::string_view line) { return std::ranges::all_of(line, is_space_or_tab); }

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

constexpr unsigned kCommentDepth = 32;  // ours

// Room for most header blocks at once, instead of growing to it step by step.
constexpr size_t kUsualOctets = 4096;
constexpr size_t kUsualFields = 32;

}  // namespace

HeaderField HeaderBlock::operator[](size_t index) const {
  const Entry& entry = entries_[index];
  const std::string_view text = text_;
  HeaderField field;
  field.kind = entry.kind;
  field.space_before_colon = entry.space_before_colon;
  field.behind_junk = entry.behind_junk;
  field.blank_continuation = entry.blank_continuation;
  field.name = text.substr(entry.offset, entry.name_size);
  field.value = without_line_end(text.substr(entry.value_offset, entry.end - entry.value_offset));
  field.raw = text.substr(entry.offset, entry.end - entry.offset);
  field.offset = entry.offset;
  return field;
}

std::optional<size_t> HeaderBlock::find(std::string_view name, size_t from) const {
  for (size_t i = from; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.name_size != name.size() || entry.kind != FieldKind::Field) continue;
    if (equals_ignore_case(std::string_view(text_).substr(entry.offset, entry.name_size), name)) return i;
  }
  return std::nullopt;
}

size_t HeaderBlock::count(std::string_view name) const {
  size_t found = 0;
  for (auto at = find(name); at; at = find(name, *at + 1)) ++found;
  return found;
}

size_t HeaderReader::feed(std::string_view octets) {
  if (block_.text_.empty()) {
    block_.text_.reserve(kUsualOctets);
    block_.entries_.reserve(kUsualFields);
  }
  size_t taken = 0;
  while (state_ == State::Reading && taken < octets.size()) {
    const std::string_view rest = octets.substr(taken);
    const size_t newline = rest.find('\n');
    const size_t size = newline == std::string_view::npos ? rest.size() : newline + 1;
    std::pmr::string& text = block_.text_;
    if (size > limits_.octets - text.size()) {
      state_ = State::TooLarge;
      break;
    }
    text.append(rest.substr(0, size));
    taken += size;
    if (newline != std::string_view::npos) take_line(line_begin_, text.size());
  }
  return taken;
}

void HeaderReader::finish() {
  if (state_ != State::Reading) return;
  if (line_begin_ < block_.text_.size()) take_line(line_begin_, block_.text_.size());
  if (state_ == State::Reading) state_ = State::Complete;
}

void HeaderReader::reset() {
  block_.text_.clear();
  block_.entries_.clear();
  block_.fields_end_ = 0;
  block_.received_ = 0;
  block_.junk_ = false;
  block_.no_header_ = false;
  body_prefix_.clear();
  line_begin_ = 0;
  state_ = State::Reading;
}

void HeaderReader::take_line(size_t begin, size_t end) {
  line_begin_ = end;
  const std::string_view line = without_line_end(std::string_view(block_.text_).substr(begin, end - begin));
  if (line.empty()) {
    state_ = State::Complete;
    return;
  }
  if (!is_space_or_tab(line.front())) {
    start_entry(begin, end);
  } else if (block_.entries_.empty()) {
    end_without_header();
  } else {
    block_.entries_.back().end = static_cast<uint32_t>(end);
    if (is_blank(line)) block_.entries_.back().blank_continuation = true;
    block_.fields_end_ = end;
  }
}

void HeaderReader::start_entry(size_t begin, size_t end) {
  const std::string_view text = block_.text_;
  const std::string_view line = without_line_end(text.substr(begin, end - begin));
  const auto name_end = static_cast<size_t>(std::ranges::find_if_not(line, is_name_octet) - line.begin());
  size_t colon = name_end;
  while (colon < line.size() && is_space_or_tab(line[colon])) ++colon;
  const bool is_field = name_end != 0 && colon < line.size() && line[colon] == ':';

  // Mailbox files put such a line first; it says nothing about where the header block ends.
  const bool mailbox_line = line.starts_with("From ") || line.starts_with(">From ");
  if (!is_field && block_.entries_.empty() && !mailbox_line) {
    end_without_header();
    return;
  }
  if (block_.entries_.size() == limits_.fields) {
    state_ = State::TooManyFields;
    return;
  }
  HeaderBlock::Entry entry;
  entry.kind = is_field ? FieldKind::Field : FieldKind::Junk;
  entry.offset = static_cast<uint32_t>(begin);
  entry.name_size = is_field ? static_cast<uint32_t>(name_end) : 0;
  entry.value_offset = static_cast<uint32_t>(is_field ? begin + colon + 1 : begin);
  entry.end = static_cast<uint32_t>(end);
  entry.space_before_colon = is_field && colon != name_end;
  entry.behind_junk = block_.junk_;
  block_.entries_.push_back(entry);
  block_.fields_end_ = end;
  if (!is_field) block_.junk_ = true;
  if (is_field && equals_ignore_case(line.substr(0, name_end), "Received")) ++block_.received_;
}

void HeaderReader::end_without_header() {
  body_prefix_.swap(block_.text_);
  block_.text_.clear();
  block_.no_header_ = true;
  state_ = State::Complete;
}

std::string unfold(std::string_view value) {
  std::string unfolded;
  unfolded.reserve(value.size());
  size_t i = 0;
  while (i < value.size()) {
    const size_t crlf = value.substr(i).starts_with("\r\n") ? 2 : value[i] == '\n' ? 1 : 0;
    if (crlf != 0 && (i + crlf == value.size() || is_space_or_tab(value[i + crlf]))) {
      i += crlf;
      continue;
    }
    unfolded.push_back(value[i++]);
  }
  return std::string(trim(unfolded));
}

std::optional<std::string> strip_comments(std::string_view value) {
  std::string stripped;
  stripped.reserve(value.size());
  unsigned depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\' && (depth != 0 || quoted)) {
      if (i + 1 == value.size()) return std::nullopt;
      if (depth == 0) stripped.append(value.substr(i, 2));
      ++i;
    } else if (quoted) {
      stripped.push_back(c);
      quoted = c != '"';
    } else if (c == '(') {
      if (++depth > kCommentDepth) return std::nullopt;
    } else if (depth != 0) {
      if (c == ')' && --depth == 0) stripped.push_back(' ');
    } else {
      stripped.push_back(c);
      quoted = c == '"';
    }
  }
  if (depth != 0 || quoted) return std::nullopt;
  return stripped;
}

}  // namespace sluice::mail

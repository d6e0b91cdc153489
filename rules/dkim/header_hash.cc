#include "rules/dkim/header_hash.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/octet_block.h"
#include "rules/auth/tag_list.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice::dkim {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

bool is_line_end(std::string_view rest) { return rest.starts_with('\n') || rest.starts_with(kLineEnd); }

// A run of white space and line ends at the front of `text`: how long it is, and whether white space is in
// it.
struct Run {
  size_t size = 0;
  bool space = false;
};
Run run_at_front(std::string_view text) {
  Run run;
  while (run.size < text.size()) {
    const char c = text[run.size];
    if (is_space_or_tab(c)) {
      run.space = true;
      ++run.size;
    } else if (is_line_end(text.substr(run.size))) {
      run.size += c == '\r' ? 2 : 1;
    } else {
      break;
    }
  }
  return run;
}

constexpr size_t kWord = sizeof(uint64_t);
constexpr size_t kFewFields = 24;  // measured: up to there no sorting pays for one signature

// The name in lower case; returns the end of what was written. `behind`: octets that may be read behind it; a
// word more may be overwritten.
char* write_name(char* to, std::string_view name, size_t behind) {
  size_t i = 0;
  for (; i < name.size() && name.size() + behind - i >= OctetBlock::kHalf; i += OctetBlock::kHalf)
    OctetBlock::load_half(name.data() + i).lower().store_half(to + i);
  for (; i < name.size(); ++i) to[i] = ascii_lower(name[i]);
  return to + name.size();
}

// Of a block, the octets that may not stay as they are: control characters, white space in front of other
// white space, and white space at its end, since what follows is not known. `bits`: which octets it has.
uint32_t changing_octets(const OctetBlock& block, uint32_t bits) {
  const uint32_t white = block.at_most(' ') & bits;
  const uint32_t controls = block.at_most(' ' - 1) & bits;
  const uint32_t last = (bits >> 1) + 1;
  return controls | (white & (white >> 1 | last));
}

// Copies octets up to the first that may change: a space that does not stand between others, or any control
// character. Returns how many. In front of `text` stands no white space. `to` has room for all of `text`.
size_t copy_plain(char* to, std::string_view text) {
  size_t size = 0;
  while (text.size() - size >= OctetBlock::kSize) {
    const auto block = OctetBlock::load(text.data() + size);
    block.store(to + size);
    const uint32_t changing = changing_octets(block, OctetBlock::kBits);
    if (changing == 0) {  // the usual block: the next one need not wait for where this one ends
      size += OctetBlock::kSize;
      continue;
    }
    const auto stays = static_cast<size_t>(std::countr_zero(changing));
    size += stays;
    if (stays + 1 != OctetBlock::kSize) return size;
  }
  if (text.size() - size >= OctetBlock::kHalf) {
    const auto block = OctetBlock::load_half(text.data() + size);
    block.store_half(to + size);
    const uint32_t changing = changing_octets(block, OctetBlock::kHalfBits);
    const size_t stays = changing == 0 ? OctetBlock::kHalf : static_cast<size_t>(std::countr_zero(changing));
    size += stays;
    if (stays + 1 < OctetBlock::kHalf) return size;
  }
  const auto is_plain = [&](size_t i) { return static_cast<unsigned char>(text[i]) > ' '; };
  for (; size < text.size(); ++size) {
    const bool is_single = text[size] == ' ' && size + 1 < text.size() && is_plain(size + 1);
    if (!is_plain(size) && !is_single) break;
    to[size] = text[size];
  }
  return size;
}

// The relaxed form of what stands behind the colon, without a line end; returns the end of what was written.
// `to` has room for all of `text`.
char* write_relaxed_value(char* to, std::string_view text) {
  text.remove_prefix(run_at_front(text).size);
  while (!text.empty()) {
    const size_t plain = copy_plain(to, text);
    to += plain;
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Run run = run_at_front(text);
    if (run.size == 0) {  // another control character, or a CR on its own
      *to++ = text.front();
      text.remove_prefix(1);
      continue;
    }
    text.remove_prefix(run.size);
    if (run.space && !text.empty()) *to++ = ' ';
  }
  return to;
}

void append_relaxed(std::string& out, std::string_view raw) {
  const size_t before = out.size();
  const size_t colon = std::min(raw.find(':'), raw.size());
  out.resize_and_overwrite(before + raw.size() + kWord, [&](char* data, size_t) {
    char* to = data + before;
    const std::string_view name = trim(raw.substr(0, colon));
    to = write_name(to, name, static_cast<size_t>(raw.data() + raw.size() - (name.data() + name.size())));
    if (colon < raw.size()) {
      *to++ = ':';
      to = write_relaxed_value(to, raw.substr(colon + 1));
    }
    return static_cast<size_t>(to - data);
  });
}

// The order of names in the index: their first octets as a number, so that most are told apart at once, and
// the whole name where those are the same. No choice of names makes finding one slower than a binary search.
uint64_t key_of(std::string_view name) {
  uint64_t word = 0;
  if (name.size() >= kWord) {
    std::memcpy(&word, name.data(), kWord);
  } else {
    for (size_t i = 0; i < name.size(); ++i) word |= uint64_t{static_cast<uint8_t>(name[i])} << 8 * i;
  }
  return OctetBlock::of_words(word, 0).lower().first_word();
}

int compare_ignoring_case(std::string_view a, std::string_view b) {
  const size_t common = std::min(a.size(), b.size());
  for (size_t i = 0; i < common; ++i) {
    const auto x = static_cast<unsigned char>(ascii_lower(a[i]));
    const auto y = static_cast<unsigned char>(ascii_lower(b[i]));
    if (x != y) return x < y ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

}  // namespace

void append_canonical_field(std::string& out, Canonicalization canonicalization, std::string_view raw) {
  if (canonicalization == Canonicalization::Relaxed) {
    append_relaxed(out, raw);
    out.append(kLineEnd);
    return;
  }
  out.append(raw);
  if (!raw.ends_with('\n')) out.append(kLineEnd);
}

void append_signature_field(std::string& out, Canonicalization canonicalization, std::string_view raw,
                            std::string_view b_whole) {
  const auto begin = static_cast<size_t>(b_whole.data() - raw.data());
  SLUICE_CHECK(begin <= raw.size() && b_whole.size() <= raw.size() - begin);
  std::string_view behind = raw.substr(begin + b_whole.size());
  if (behind.ends_with('\n')) behind.remove_suffix(behind.ends_with(kLineEnd) ? 2 : 1);
  if (canonicalization == Canonicalization::Simple) {
    out.append(raw.substr(0, begin)).append(behind);
    return;
  }
  if (behind.empty()) return append_relaxed(out, raw.substr(0, begin));  // b= is the last tag: nearly always
  std::string emptied(raw.substr(0, begin));
  emptied.append(behind);
  append_relaxed(out, emptied);
}

void FieldIndex::build(const mail::HeaderBlock& block) {
  clear();
  for (size_t i = 0; i < block.size(); ++i) {
    const mail::HeaderField field = block[i];
    if (field.kind == mail::FieldKind::Field) add(field.name, field.raw);
  }
  sort();
}

void FieldIndex::build(std::span<const std::string_view> fields) {
  clear();
  for (const std::string_view raw : fields) {
    const size_t colon = raw.find(':');
    if (colon != std::string_view::npos) add(trim(raw.substr(0, colon)), raw);
  }
  sort();
}

void FieldIndex::clear() {
  entries_.clear();
  names_.clear();
  selection_ = 1;
  comparisons_ = 0;
}

void FieldIndex::add(std::string_view name, std::string_view raw) {
  entries_.push_back({key_of(name), entries_.size(), name, raw, 0});
}

int FieldIndex::compare(uint64_t key, std::string_view name, const Entry& entry) {
  ++comparisons_;
  if (key != entry.key) return key < entry.key ? -1 : 1;
  const bool longer = name.size() > kWord && entry.name.size() > kWord;
  if (longer) return compare_ignoring_case(name.substr(kWord), entry.name.substr(kWord));
  return name.size() == entry.name.size() ? 0 : compare_ignoring_case(name, entry.name);
}

// By name; of one name the lowest field first. A few stay as they are: looking through all of them is
// quicker.
void FieldIndex::sort() {
  sorted_ = entries_.size() > kFewFields;
  if (!sorted_) return;
  std::ranges::sort(entries_, [this](const Entry& a, const Entry& b) {
    const int order = compare(a.key, a.name, b);
    return order != 0 ? order < 0 : a.position > b.position;
  });
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (i == 0 || compare(entry.key, entry.name, entries_[i - 1]) != 0) names_.push_back({.begin = i});
    names_.back().end = i + 1;
  }
}

void FieldIndex::begin(std::string_view except) {
  ++selection_;
  except_ = except.data();
}

std::optional<std::string_view> FieldIndex::take(std::string_view name) {
  const uint64_t key = key_of(name);
  if (!sorted_) return take_unsorted(key, name);
  size_t low = 0;
  for (size_t high = names_.size(); low < high;) {
    const size_t middle = low + (high - low) / 2;
    const int order = compare(key, name, entries_[names_[middle].begin]);
    if (order == 0) return take_of(names_[middle]);
    (order < 0 ? high : low) = order < 0 ? middle : middle + 1;
  }
  return std::nullopt;
}

std::optional<std::string_view> FieldIndex::take_unsorted(uint64_t key, std::string_view name) {
  for (size_t i = entries_.size(); i-- > 0;) {
    Entry& entry = entries_[i];
    if (entry.key != key || entry.selection == selection_ || entry.raw.data() == except_) continue;
    if (compare(key, name, entry) != 0) continue;
    entry.selection = selection_;
    return entry.raw;
  }
  return std::nullopt;
}

std::optional<std::string_view> FieldIndex::take_of(Name& name) {
  if (name.selection != selection_) {
    name.selection = selection_;
    name.next = name.begin;
  }
  while (name.next < name.end) {
    const std::string_view raw = entries_[name.next++].raw;
    if (raw.data() != except_) return raw;
  }
  return std::nullopt;
}

void append_signed_header(std::string& out, FieldIndex& index, const SignedHeader& header) {
  index.begin(header.own_field);
  auth::ItemList names(header.names);
  while (const auto name = names.next()) {
    if (const auto raw = index.take(*name)) append_canonical_field(out, header.canonicalization, *raw);
  }
  append_signature_field(out, header.canonicalization, header.own_field, header.b_whole);
}

}  // namespace sluice::dkim

#include "rules/net/family_table.h"

#include "io/base/check.h"
#include "rules/net/intervals.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace sluice::cidr {
namespace {

// What differs between the families: how rows and keys lie in columns and nodes.
template <class Word>
struct Layout;

template <>
struct Layout<uint32_t> {
  using Key = uint32_t;
  using Row = V4Family::Row;
  static constexpr size_t kGroup = kV4RowGroup;
  static constexpr size_t kNodeKeys = kV4NodeKeys;
  static constexpr size_t kNodeWords = kV4NodeKeys;
  static constexpr uint32_t kRowsMost = kV4RowsMost;
  static constexpr Row kNever{1, 0};  // under an empty mask nothing is left of an address, so never a 1

  static PrefixRow<Key> prefix(const Row& row, uint32_t rank, uint32_t answer) {
    return {row[0], row[0] | ~row[1], rank, answer};
  }
  static void put_key(uint32_t* node, size_t at, Key key) { node[at] = key ^ kV4KeyTurn; }
};

template <>
struct Layout<uint64_t> {
  using Key = Key128;
  using Row = V6Family::Row;
  static constexpr size_t kGroup = kV6RowGroup;
  static constexpr size_t kNodeKeys = kV6NodeKeys;
  static constexpr size_t kNodeWords = 2 * kV6NodeKeys;
  static constexpr uint32_t kRowsMost = kV6RowsMost;
  static constexpr Row kNever{1, 0, 0, 0};

  static PrefixRow<Key> prefix(const Row& row, uint32_t rank, uint32_t answer) {
    return {key128(row[0], row[1]), key128(row[0] | ~row[2], row[1] | ~row[3]), rank, answer};
  }
  static void put_key(uint64_t* node, size_t at, Key key) {
    node[at] = high_half(key) ^ kV6KeyTurn;
    node[kNodeKeys + at] = low_half(key) ^ kV6KeyTurn;
  }
};

// Where each level of nodes over `keys` keys begins, in words; and at the end where all of it ends.
template <class L>
std::vector<size_t> level_begins(size_t keys) {
  std::vector<size_t> begins{kLevelWords};
  size_t nodes = (keys + L::kNodeKeys - 1) / L::kNodeKeys;
  begins.push_back(begins.back() + nodes * L::kNodeWords);
  while (nodes > 1) {
    nodes = (nodes + L::kNodeKeys) / (L::kNodeKeys + 1);
    begins.push_back(begins.back() + nodes * L::kNodeWords);
  }
  return begins;
}

template <class Word>
void put_levels(Word* words, std::span<const size_t> begins,
                std::span<const Interval<typename Layout<Word>::Key>> intervals) {
  using L = Layout<Word>;
  size_t span = 1;                 // keys of the lowest level under one child of this level
  size_t children = L::kNodeKeys;  // of one node; above the lowest level one more than it has keys
  for (size_t level = 0; level + 1 < begins.size(); ++level) {
    words[level] = static_cast<Word>(begins[level]);
    const size_t nodes = (begins[level + 1] - begins[level]) / L::kNodeWords;
    for (size_t key = 0; key < nodes * L::kNodeKeys; ++key) {
      const size_t node = key / L::kNodeKeys;
      const size_t at = key % L::kNodeKeys;
      const size_t highest = std::min((node * children + at + 1) * span, intervals.size()) - 1;
      L::put_key(words + begins[level] + node * L::kNodeWords, at, intervals[highest].last);
    }
    span *= children;
    children = L::kNodeKeys + 1;
  }
}

}  // namespace

// The old block is returned, so that it can be read until the new one is filled.
template <class Word, class Search>
auto FamilyTable<Word, Search>::renew(size_t words, size_t answers) -> Block {
  const size_t bytes = words * sizeof(Word) + answers * sizeof(uint32_t);
  SLUICE_CHECK(bytes <= std::numeric_limits<uint32_t>::max());
  auto* fresh = static_cast<std::byte*>(::operator new(bytes, std::align_val_t{kBlockAlignment}));
  Block old = std::exchange(block_, Block(fresh));
  bytes_ = static_cast<uint32_t>(bytes);
  answers_ = static_cast<uint32_t>(answers);
  table_.words = this->words();
  table_.answers = this->answers();
  return old;
}

template <class Word, class Search>
auto FamilyTable<Word, Search>::row_at(size_t row) const -> Row {
  Row found;
  for (size_t column = 0; column < found.size(); ++column)
    found[column] = table_.words[column * table_.extent + row];
  return found;
}

template <class Word, class Search>
void FamilyTable<Word, Search>::put_row(size_t at, const Row& row, uint32_t answer) {
  for (size_t column = 0; column < row.size(); ++column) words()[column * table_.extent + at] = row[column];
  answers()[at] = answer;
}

template <class Word, class Search>
void FamilyTable<Word, Search>::resize_columns(uint32_t extent) {
  std::vector<std::pair<Row, uint32_t>> rows;
  rows.reserve(table_.rows);
  for (uint32_t row = 0; row < table_.rows; ++row) rows.emplace_back(row_at(row), table_.answers[row]);
  table_.extent = extent;
  renew(Row{}.size() * extent, extent + 1);
  for (uint32_t at = 0; at < extent; ++at) {
    if (at < rows.size()) {
      put_row(at, rows[at].first, rows[at].second);
    } else {
      put_row(at, Layout<Word>::kNever, kNoAnswer);
    }
  }
  answers()[extent] = kNoAnswer;
}

template <class Word, class Search>
void FamilyTable<Word, Search>::add(const Row& row, uint32_t answer, Search scan) {
  SLUICE_CHECK(answer != kNoAnswer);
  if (table_.rows == table_.extent)
    resize_columns(static_cast<uint32_t>(padded_rows(2 * table_.rows, Layout<Word>::kGroup)));
  put_row(table_.rows++, row, answer);
  ++added_;
  search_ = scan;
}

template <class Word, class Search>
void FamilyTable<Word, Search>::make_intervals(Form form) {
  using L = Layout<Word>;
  std::vector<PrefixRow<typename L::Key>> prefixes;
  prefixes.reserve(table_.rows);
  for (uint32_t row = 0; row < table_.rows; ++row)
    prefixes.push_back(L::prefix(row_at(row), row, table_.answers[row]));
  const std::vector<Interval<typename L::Key>> intervals = disjoint_intervals(std::move(prefixes));
  const std::vector<size_t> begins = level_begins<L>(intervals.size());
  renew(begins.back(), intervals.size());
  put_levels(words(), begins, std::span(intervals));
  for (size_t i = 0; i < intervals.size(); ++i) answers()[i] = intervals[i].answer;
  table_.rows = static_cast<uint32_t>(intervals.size());
  table_.extent = static_cast<uint32_t>(begins.size() - 1);
  form_ = form;
}

template <class Word, class Search>
void FamilyTable<Word, Search>::seal(Form form, Search (*rows)(size_t), Search (*intervals)(size_t)) {
  if (added_ == 0) return;
  if (form == Form::Measured) form = added_ <= Layout<Word>::kRowsMost ? Form::Rows : Form::Intervals;
  if (form == Form::Intervals) {
    make_intervals(form);
    search_ = intervals(table_.extent);
    return;
  }
  const auto extent = static_cast<uint32_t>(padded_rows(table_.rows, Layout<Word>::kGroup));
  if (extent != table_.extent) resize_columns(extent);
  search_ = rows(extent);
}

template class FamilyTable<uint32_t, V4Search>;
template class FamilyTable<uint64_t, V6Search>;

}  // namespace sluice::cidr

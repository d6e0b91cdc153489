#include "rules/net/family_table.h"

#include "io/base/check.h"
#include "rules/net/intervals.h"

#include <algorithm>
#include <cstring>
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
  static constexpr size_t kLeafWords = kV4LeafWords;
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
  static constexpr size_t kLeafWords = kV6LeafWords;
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

struct Level {
  size_t nodes = 0;
  size_t begin = 0;  // in words
};

// The levels of nodes over `keys` keys, the lowest first, which stands last.
template <class L>
std::vector<Level> levels_over(size_t keys) {
  std::vector<Level> levels{{(keys + L::kNodeKeys - 1) / L::kNodeKeys, 0}};
  while (levels.back().nodes > 1)
    levels.push_back({(levels.back().nodes + L::kNodeKeys) / (L::kNodeKeys + 1), 0});
  for (size_t i = levels.size() - 1; i > 0; --i)
    levels[i - 1].begin = levels[i].begin + levels[i].nodes * L::kNodeWords;
  return levels;
}

template <class Word>
void put_levels(Word* words, std::span<const Level> levels,
                std::span<const Interval<typename Layout<Word>::Key>> intervals) {
  using L = Layout<Word>;
  size_t span = 1;                 // keys of the lowest level under one child of this level
  size_t children = L::kNodeKeys;  // of one node; above the lowest level one more than it has keys
  size_t stride = L::kLeafWords;
  for (const Level& level : levels) {
    for (size_t key = 0; key < level.nodes * L::kNodeKeys; ++key) {
      const size_t node = key / L::kNodeKeys;
      const size_t at = key % L::kNodeKeys;
      const size_t highest = std::min((node * children + at + 1) * span, intervals.size()) - 1;
      L::put_key(words + level.begin + node * stride, at, intervals[highest].last);
    }
    span *= children;
    children = L::kNodeKeys + 1;
    stride = L::kNodeWords;
  }
  for (size_t i = 0; i < levels[0].nodes * L::kNodeKeys; ++i) {
    const Word* leaf = words + levels[0].begin + i / L::kNodeKeys * L::kLeafWords;
    const Interval<typename L::Key>& last = intervals[std::min(i, intervals.size() - 1)];
    const_cast<uint32_t*>(answers_of_leaf(leaf))[i % L::kNodeKeys] = last.answer;
  }
  if (levels.size() <= kLevelsPlain) return;
  Word* begins = words + levels[0].begin + levels[0].nodes * L::kLeafWords;
  for (const Level& level : levels) *begins++ = static_cast<Word>(level.begin);
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
  const std::vector<Level> levels = levels_over<L>(intervals.size());
  const size_t begins = levels.size() > kLevelsPlain ? levels.size() : 0;
  renew(levels[0].begin + levels[0].nodes * L::kLeafWords + begins, 0);
  put_levels(words(), levels, std::span(intervals));
  table_.rows = static_cast<uint32_t>(intervals.size());
  table_.extent = static_cast<uint32_t>(levels.size());
  table_.lowest = static_cast<uint32_t>(levels[0].begin);
  form_ = form;
}

template <class Word, class Search>
auto FamilyTable<Word, Search>::place(std::byte* memory) const -> Placed {
  if (bytes_ == 0) return {search_, {}};
  std::memcpy(memory, block_.get(), bytes_);
  Placed placed{search_, table_};
  placed.table.words = reinterpret_cast<const Word*>(memory);
  placed.table.answers = reinterpret_cast<const uint32_t*>(memory + bytes_) - answers_;
  return placed;
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

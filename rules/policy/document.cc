#include "rules/policy/document.h"

#include "io/base/limits.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include <fmt/format.h>

// The library's sources are compiled here, whatever its package suggests: without exceptions, with our bound
// on nesting, and under our sanitizers.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/impl/preprocessor.h>
// Some of the library's assumptions do not hold for hostile text ("[.a]" breaks one in parse_key), and an
// assumption that does not hold is undefined behaviour once it is optimised. Without them the parser's own
// checks report.
#undef TOML_ASSERT
#undef TOML_ASSERT_ASSUME
#undef TOML_ASSUME
#define TOML_ASSERT(condition) static_assert(true)
#define TOML_ASSERT_ASSUME(condition) static_assert(true)
#define TOML_ASSUME(condition) static_assert(true)
#include <toml++/toml.h>

namespace sluice::policy {
namespace {

static_assert(limits::kPolicyDepth == TOML_MAX_NESTED_VALUES);

constexpr std::array<std::string_view, 7> kKindWords{
    "a table",       "a list", "text", "a whole number", "true or false", "a number with a fraction",
    "a date or time"};

Position to_position(const toml::source_position& position) {
  return {static_cast<uint32_t>(position.line), static_cast<uint32_t>(position.column)};
}

Diagnostic syntax_error(Position position, std::string message) {
  return {Severity::Error, position, {}, std::move(message)};
}

// A key of a million dotted parts would become a million nested tables, and the library frees them by
// recursion. So dots in a row are counted before it sees them: outside strings and comments, dots with only
// key characters between.
class DottedKeys {
 public:
  // The place of a key with too many parts, if there is one.
  std::optional<Position> find_too_deep(std::string_view text) {
    for (size_t i = 0; i < text.size(); i += step_) {
      step_ = 1;
      take(text, i);
      if (dots_ >= limits::kPolicyDepth) return Position{line_, column_};
    }
    return std::nullopt;
  }

 private:
  void take(std::string_view text, size_t i) {
    const char c = text[i];
    ++column_;
    if (c == '\n') {
      ++line_;
      column_ = 0;
      dots_ = 0;
    } else if (c == '"' || c == '\'') {
      skip_string(text, i);
    } else if (c == '#') {
      step_ = std::min(text.find('\n', i), text.size()) - i;
    } else if (c == '.') {
      ++dots_;
    } else if (std::string_view("=,[]{}").contains(c)) {
      dots_ = 0;
    }
  }

  // Sets step_ to the length of the string that begins at `start`. One that does not end takes the rest; the
  // library reports it.
  void skip_string(std::string_view text, size_t start) {
    const char quote = text[start];
    const std::string triple(3, quote);
    const bool multi_line = text.substr(start, 3) == triple;
    size_t i = start + (multi_line ? 3 : 1);
    for (; i < text.size(); ++i) {
      if (text[i] == '\\' && quote == '"') {
        ++i;
      } else if (multi_line ? text.substr(i, 3) == triple : text[i] == quote || text[i] == '\n') {
        break;
      }
    }
    const size_t end = std::min(i + (multi_line ? 3 : 1), text.size());
    step_ = end - start;
    line_ += static_cast<uint32_t>(std::ranges::count(text.substr(start, step_), '\n'));
    column_ += static_cast<uint32_t>(step_ - 1);
  }

  size_t step_ = 1;
  size_t dots_ = 0;
  uint32_t line_ = 1;
  uint32_t column_ = 0;
};

// Fills the tree; keeps the first place that is nested too deeply.
class Converter {
 public:
  std::optional<Position> too_deep;

  DocumentNode convert(const toml::node& node, size_t depth) {
    DocumentNode result;
    result.position = to_position(node.source().begin);
    if (depth > limits::kPolicyDepth) {
      if (!too_deep) too_deep = result.position;
      return result;
    }
    if (const toml::table* table = node.as_table()) {
      fill_table(result, *table, depth);
    } else if (const toml::array* array = node.as_array()) {
      result.kind = NodeKind::Array;
      for (const toml::node& item : *array) result.items.push_back(convert(item, depth + 1));
    } else if (const auto* text = node.as_string()) {
      result.kind = NodeKind::Text;
      result.text = text->get();
    } else if (const auto* integer = node.as_integer()) {
      result.kind = NodeKind::Integer;
      result.integer = integer->get();
    } else if (const auto* boolean = node.as_boolean()) {
      result.kind = NodeKind::Boolean;
      result.boolean = boolean->get();
    } else {
      result.kind = node.is_floating_point() ? NodeKind::Float : NodeKind::Date;
    }
    return result;
  }

 private:
  void fill_table(DocumentNode& result, const toml::table& table, size_t depth) {
    for (const auto& [key, value] : table) {
      result.entries.push_back(
          {std::string(key.str()), to_position(key.source().begin), convert(value, depth + 1)});
    }
  }
};

}  // namespace

std::string_view kind_words(NodeKind kind) { return kKindWords.at(static_cast<size_t>(kind)); }

const DocumentEntry* DocumentNode::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &DocumentEntry::key);
  return found == entries.end() ? nullptr : &*found;
}

std::expected<DocumentNode, Diagnostic> parse_document(std::string_view text) {
  const std::string deep =
      fmt::format("nested deeper than {} levels; no setting needs that", limits::kPolicyDepth);
  if (text.size() > limits::kPolicyDocument) {
    return std::unexpected(syntax_error({}, fmt::format("the document has {} octets; at most {} are read",
                                                        text.size(), limits::kPolicyDocument)));
  }
  if (const std::optional<Position> place = DottedKeys().find_too_deep(text)) {
    return std::unexpected(syntax_error(*place, deep));
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return std::unexpected(
        syntax_error(to_position(parsed.error().source().begin), std::string(parsed.error().description())));
  }
  Converter converter;
  DocumentNode root = converter.convert(parsed.table(), 0);
  if (converter.too_deep) return std::unexpected(syntax_error(*converter.too_deep, deep));
  return root;
}

}  // namespace sluice::policy

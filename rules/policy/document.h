// A parsed TOML document as a plain tree with positions, so that only document.cc knows the TOML library.
//
// Values that no setting can have (floats, dates) are kept as their kind, for the error message. Nesting is
// at most limits::kPolicyDepth, octets at most limits::kPolicyDocument; both are errors with a position.
// Pure.
#pragma once

#include "rules/policy/diagnostics.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

enum class NodeKind : uint8_t { Table, Array, Text, Integer, Boolean, Float, Date };
std::string_view kind_words(NodeKind kind);  // "a table", "text", ...

struct DocumentEntry;

struct DocumentNode {
  NodeKind kind = NodeKind::Table;
  Position position;
  std::string text;                    // Text
  int64_t integer = 0;                 // Integer
  bool boolean = false;                // Boolean
  std::vector<DocumentEntry> entries;  // Table
  std::vector<DocumentNode> items;     // Array

  // Null when there is no such entry, or this is no table.
  const DocumentEntry* find(std::string_view key) const;
};

struct DocumentEntry {
  std::string key;
  Position position;  // of the key
  DocumentNode value;
};

// The root table, or the first syntax error.
std::expected<DocumentNode, Diagnostic> parse_document(std::string_view text);

}  // namespace sluice::policy

// Reads the settings of one table of the document by the schema: types, bounds, choices, defaults, unknown
// keys.
//
// A wrong value is reported and replaced by the setting's default, so that reading goes on and every error is
// found. Asking for a setting that the schema does not declare, or by another type, is a defect (CHECK).
// Lives for the reading of one document; borrows the tree and the Diagnostics.
#pragma once

#include "io/base/ip.h"
#include "rules/policy/config_schema.h"
#include "rules/policy/diagnostics.h"
#include "rules/policy/document.h"
#include "rules/policy/settings.h"
#include "rules/policy/spf_rule.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

class SectionReader {
 public:
  // `table` is null where the document leaves the section out. Keys of `handled` are the caller's business.
  SectionReader(const Section& section, const DocumentNode* table, std::string path, Diagnostics& diagnostics,
                std::span<const std::string_view> handled = {});

  bool boolean(std::string_view name);
  int64_t integer(std::string_view name);
  uint64_t size(std::string_view name);
  std::string text(std::string_view name);
  std::string domain(std::string_view name);            // empty where not set
  std::optional<size_t> choice(std::string_view name);  // index; null where not set and without default
  std::optional<std::string_view> choice_word(std::string_view name);  // likewise; of the schema
  std::optional<Endpoint> address(std::string_view name);              // null where wrong
  std::optional<NextHop> hop(std::string_view name);
  std::vector<Cidr> networks(std::string_view name);
  std::vector<Endpoint> servers(std::string_view name);
  std::vector<PeerEntry> peers(std::string_view name);
  struct PlacedDomain {
    std::string name;
    Position position;
  };
  std::vector<PlacedDomain> domain_list(std::string_view name);
  std::vector<std::string> fields(std::string_view name);   // lower case
  std::vector<std::string> sealers(std::string_view name);  // A-labels, the leading dot kept

  bool given(std::string_view name) const { return value(name) != nullptr; }
  const DocumentNode* value(std::string_view name) const;
  // Of the value; where it is not given, of the table.
  Position position(std::string_view name) const;
  Position table_position() const { return table_ == nullptr ? Position{} : table_->position; }
  std::string path_of(std::string_view name) const;
  const std::string& path() const { return path_; }

  void error(std::string_view name, std::string message);
  void warning(std::string_view name, std::string message);

  // A table inside; null where it is left out, or is something else (which is reported).
  const DocumentNode* table(std::string_view name);
  // [[name]]: one for each.
  std::vector<const DocumentNode*> tables(std::string_view name);

 private:
  const Setting& declared(std::string_view name, ValueType type) const;
  // The value if it is given and of this kind; another kind is reported.
  const DocumentNode* value_of(std::string_view name, NodeKind kind, std::string_view wanted);
  // The texts of a list, each with its position; others are reported.
  std::vector<const DocumentNode*> texts(std::string_view name, std::string_view wanted);
  void check_keys(std::span<const std::string_view> handled);
  void check_bounds(const Setting& setting, int64_t& number);
  void error_at(const DocumentNode& node, std::string_view name, std::string message);

  const Section& section_;
  const DocumentNode* table_;
  std::string path_;
  Diagnostics& diagnostics_;
};

// As it may stand in a message: printable, short.
std::string shown(std::string_view text);

}  // namespace sluice::policy

#include "tests/faults/rows.h"

#include "tests/faults/fault_node.h"

#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

namespace sluice::faults {
namespace {

// Rotated ones first: their names sort by time, and the present file is the newest.
std::vector<std::string> journals(reactor::SimWorld& world, const std::string& node) {
  std::vector<std::string> names;
  for (const std::string& name : world.file_names(node))
    if (name.starts_with(kJournalPath) && name != kJournalPath) names.push_back(name);
  std::ranges::sort(names);
  names.emplace_back(kJournalPath);
  return names;
}

}  // namespace

Rows::Rows(reactor::SimWorld& world, const std::string& node) {
  for (const std::string& name : journals(world, node)) {
    std::istringstream lines(world.file_content(node, name).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      const nlohmann::json row = nlohmann::json::parse(line, nullptr, false);
      if (row.is_discarded() || !row.is_object() || row.value("kind", "") != "tracking") continue;
      std::vector<Row>& known = rows_[row.value("recipient", "")];
      if (std::ranges::find(known, line, &Row::line) != known.end()) continue;
      Row read{row.value("disposition", ""), row.value("stage", ""), "", line};
      if (row.contains("spf")) read.spf = row["spf"].value("result", "");
      known.push_back(std::move(read));
    }
  }
}

const std::vector<Row>& Rows::of(const std::string& recipient) const {
  static const std::vector<Row> none;
  const auto found = rows_.find(recipient);
  return found == rows_.end() ? none : found->second;
}

bool Rows::has(reactor::SimWorld& world, const std::string& node, std::string_view recipient) {
  const std::string wanted = "\"recipient\":\"" + std::string(recipient) + "\"";
  for (const std::string& name : journals(world, node)) {
    const std::string text = world.file_content(node, name).value_or("");
    size_t at = text.rfind(wanted);
    while (at != text.npos) {
      const size_t begin = at == 0 ? 0 : text.rfind('\n', at) + 1;
      const std::string_view line = std::string_view(text).substr(begin, text.find('\n', at) - begin);
      if (line.find("\"kind\":\"tracking\"") != line.npos) return true;
      if (at == 0) break;
      at = text.rfind(wanted, at - 1);
    }
  }
  return false;
}

}  // namespace sluice::faults

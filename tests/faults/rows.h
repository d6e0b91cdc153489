// Rows: the journals of one node read back from its disk at the end of a run, recipient by recipient. One
// thread.
#pragma once

#include "io/reactor/sim_world.h"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::faults {

struct Row {
  std::string disposition;
  std::string stage;
  std::string spf;  // the result; empty where there was none
  std::string line;
};

class Rows {
 public:
  // All files of the node whose name begins with the journal's path.
  Rows(reactor::SimWorld& world, const std::string& node);

  // The different rows of a recipient, in the order of the files and lines. A row that a refused write left
  // half-way and that was written again counts once.
  const std::vector<Row>& of(const std::string& recipient) const;
  const std::map<std::string, std::vector<Row>>& all() const { return rows_; }

  // Whether the node's files hold, just now, a tracking row of that disposition for the recipient.
  static bool has(reactor::SimWorld& world, const std::string& node, std::string_view recipient);

 private:
  std::map<std::string, std::vector<Row>> rows_;
};

}  // namespace sluice::faults

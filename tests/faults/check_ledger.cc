// What must be true when a run is over: the 250 rule, the balance of W-7 recipient by recipient, and nobody
// told anything else than what became of the message.
#include "tests/faults/fault_run.h"
#include "tests/faults/rows.h"

#include <algorithm>
#include <map>

namespace sluice::faults {
namespace {

class Checker {
 public:
  Checker(Ledger& ledger, const FaultNode& node, const Rows& rows)
      : ledger_(ledger), node_(node), rows_(rows) {}

  void check(const Attempt& attempt, const Named& named) {
    const std::vector<Row>& rows = rows_.of(named.address);
    lossy_ = node_.crashed_since(attempt.connected_at);
    last_ = rows.empty() ? "" : rows.back().disposition;
    check_rows(named, rows);
    check_told(attempt, named);
    check_taken(named);
    for (const Row& row : rows) check_spf(attempt, named, row);
  }

  // A row may be missing only if a crash took it, or if the node said that it dropped it: the disk refused
  // until the end.
  void check_missing() {
    if (missing_ > node_.rows_dropped())
      ledger_.violated("{} recipients of {} have no row, and {} rows were dropped", missing_, node_.name(),
                       node_.rows_dropped());
  }

 private:
  // 421 in place of a reply says nothing of the recipient, and 503 that it was no time to name one.
  static bool was_named(const Named& named) { return named.code != 0 && named.code != 503; }

  void check_rows(const Named& named, const std::vector<Row>& rows) {
    if (was_named(named) && rows.empty() && !lossy_) ++missing_;
    if (!named.sent && !rows.empty()) ledger_.violated("{} was never named and has a row", named.address);
    if (rows.size() <= 1) return;
    const bool taken_back =
        rows.size() == 2 && rows[0].disposition == "deleted" && rows[1].disposition == "deferred";
    if (!taken_back) ledger_.violated("{} has {} rows, the last: {}", named.address, rows.size(), last_);
  }

  void check_told(const Attempt& attempt, const Named& named) {
    const bool taken = !named.taken_by.empty();
    if (named.code == 250) {
      check_end(attempt, named, taken);
    } else if (named.code != 0) {
      const char* due = named.code >= 500 ? "refused" : "deferred";
      if (!last_.empty() && last_ != due)
        ledger_.violated("{} was answered {} at RCPT, and its row says {}", named.address, named.code, last_);
      if (taken)
        ledger_.violated("{} was answered {} at RCPT, and its message was taken", named.address, named.code);
    }
  }

  void check_end(const Attempt& attempt, const Named& named, bool taken) {
    const int told = attempt.end_code;
    if (told == 250) {
      // The 250 rule.
      if (attempt.bad_body)
        ledger_.violated("{} was told 250 for a body that must be refused", named.address);
      const bool deleted = last_ == "deleted" && attempt.domain == kDeletingDomain;
      if (!taken && !deleted)
        ledger_.violated("{} was told 250; no hop has it, and its row says '{}'", named.address, last_);
      if (taken && last_ != "relayed" && !last_.empty())
        ledger_.violated("{} was relayed, and its row says '{}'", named.address, last_);
    } else if (told >= 500) {
      if (taken) ledger_.violated("{} was told {}, and a hop took it", named.address, told);
      if (!last_.empty() && last_ != "refused")
        ledger_.violated("{} was told {}, and its row says {}", named.address, told, last_);
    } else if (told >= 400) {
      // Of a deletion that was taken back, a crash may have kept the first row and lost the second.
      const bool may_be_lost = lossy_ || node_.rows_dropped() != 0;
      const bool amendment_lost = may_be_lost && last_ == "deleted" && attempt.domain == kDeletingDomain;
      if (!last_.empty() && last_ != "deferred" && last_ != "unknown" && !amendment_lost)
        ledger_.violated("{} was told {}, and its row says {}", named.address, told, last_);
    } else if (!attempt.dot_sent && taken) {
      ledger_.violated("{} has no end of data, and a hop took it", named.address);
    }
  }

  void check_taken(const Named& named) {
    const bool taken = !named.taken_by.empty();
    if (last_ == "relayed" && !taken)
      ledger_.violated("{} has the row relayed; no hop has it", named.address);
    if (taken && !last_.empty() && last_ != "relayed" && last_ != "unknown")
      ledger_.violated("a hop took {}, and its row says {}", named.address, last_);
  }

  // What servers lied about must never be believed.
  void check_spf(const Attempt& attempt, const Named& named, const Row& row) {
    if (row.spf.empty() || attempt.sender_domain.empty()) return;
    if (row.spf == "TempError" || row.spf == true_spf(attempt.sender_domain)) return;
    ledger_.violated("{}: SPF of {} is {} in its row", named.address, attempt.sender_domain, row.spf);
  }

  Ledger& ledger_;
  const FaultNode& node_;
  const Rows& rows_;
  bool lossy_ = false;
  uint64_t missing_ = 0;
  std::string last_;
};

// W-7: what the node counted is what its rows say. Only where nothing can have been lost.
void check_balance(Ledger& ledger, const FaultNode& node, const Rows& rows) {
  if (!node.crashes().empty() || node.rows_dropped() != 0) return;
  std::map<std::string, uint64_t> ended;
  for (const auto& [recipient, of] : rows.all()) ++ended[of.back().disposition];
  for (size_t i = 0; i < message::kDispositions; ++i) {
    const auto disposition = static_cast<message::Disposition>(i);
    const std::string word(message::to_word(disposition));
    if (node.balance().of(disposition) != ended[word])
      ledger.violated("{} counted {} {}, and has rows of {}", node.name(), node.balance().of(disposition),
                      word, ended[word]);
  }
}

}  // namespace

void check_ledger(reactor::SimWorld& world, const std::vector<std::unique_ptr<FaultNode>>& nodes,
                  Ledger& ledger) {
  std::vector<Rows> rows;
  for (const auto& node : nodes) rows.emplace_back(world, node->name());
  std::vector<Checker> checkers;
  for (size_t i = 0; i < nodes.size(); ++i) checkers.emplace_back(ledger, *nodes[i], rows[i]);
  for (const Attempt& attempt : ledger.attempts())
    for (const Named& named : attempt.recipients) checkers[attempt.node].check(attempt, named);
  for (Checker& checker : checkers) checker.check_missing();
  for (size_t i = 0; i < nodes.size(); ++i) {
    check_balance(ledger, *nodes[i], rows[i]);
    for (const auto& [recipient, of] : rows[i].all()) {
      const bool junk = recipient == "a@b";  // of a client that says garbage
      if (!junk && ledger.find(recipient) == nullptr)
        ledger.violated("{} has a row for {}, whom nobody named", nodes[i]->name(), recipient);
    }
  }
}

}  // namespace sluice::faults

// Ledger: what everybody remembers of one run: the clients what they named and what they were told, the next
// hops what they took, octet for octet; and what was found to be wrong. Every recipient of a run has an
// address of its own ("a7r2@domain": the third of attempt 7), so that rows, envelopes and replies can be laid
// side by side. One thread.
#pragma once

#include "io/base/clock.h"
#include "io/reactor/sim_world.h"
#include "tests/faults/tally.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace sluice::faults {

struct Named {
  std::string address;
  bool sent = false;             // the whole command was said
  int code = 0;                  // what RCPT was answered; 0: nothing
  std::vector<size_t> taken_by;  // next hops that took the message for it
};

// One transaction of one client.
struct Attempt {
  size_t number = 0;
  size_t client = 0;
  size_t node = 0;
  MonoTime connected_at{};
  std::string sender;
  std::string sender_domain;
  std::string domain;  // of the recipients
  std::vector<Named> recipients;
  std::string expected;   // what a next hop must have behind the fields that the node adds
  bool bad_body = false;  // it holds octets that must be refused
  bool dot_sent = false;
  int mail_code = 0;
  int data_code = 0;
  int end_code = 0;  // the reply to the final dot
};

class Ledger {
 public:
  // `verbose` keeps the trace.
  Ledger(const reactor::SimWorld& world, bool verbose) : world_(world), verbose_(verbose) {}

  Attempt& add_attempt(size_t client, size_t node);
  std::deque<Attempt>& attempts() { return attempts_; }
  // Null: nobody named it.
  Named* find(std::string_view address, Attempt** attempt = nullptr);

  // A next hop takes a message: the octets without stuffing.
  void took(size_t hop, const std::vector<std::string>& recipients, std::string_view message);

  template <class... Args>
  void violated(fmt::format_string<Args...> format, Args&&... args) {
    add_violation(fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    if (verbose_) add_line(fmt::format(format, std::forward<Args>(args)...));
  }
  const std::vector<std::string>& violations() const { return violations_; }
  const std::vector<std::string>& trace() const { return trace_; }
  bool verbose() const { return verbose_; }
  Tally& tally() { return tally_; }

 private:
  void add_violation(std::string text);
  void add_line(const std::string& text);
  void check_message(size_t hop, const Attempt& attempt, std::string_view message);

  const reactor::SimWorld& world_;
  bool verbose_;
  std::deque<Attempt> attempts_;
  std::vector<std::string> violations_;
  std::vector<std::string> trace_;
  Tally tally_;
};

}  // namespace sluice::faults

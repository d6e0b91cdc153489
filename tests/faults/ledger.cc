#include "tests/faults/ledger.h"

#include <array>
#include <charconv>

namespace sluice::faults {
namespace {

constexpr size_t kViolationsMost = 20;

// Fields that the node may put in front of a message.
constexpr std::array<std::string_view, 4> kAdded{
    "Received: ", "X-TM-Received-SPF: ", "Received-SPF: ", "Authentication-Results: "};

bool is_added(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t')) return true;
  for (const std::string_view field : kAdded)
    if (line.starts_with(field)) return true;
  return false;
}

}  // namespace

Attempt& Ledger::add_attempt(size_t client, size_t node) {
  Attempt attempt;
  attempt.number = attempts_.size();
  attempt.client = client;
  attempt.node = node;
  attempts_.push_back(std::move(attempt));
  return attempts_.back();
}

Named* Ledger::find(std::string_view address, Attempt** attempt) {
  size_t number = 0;
  size_t place = 0;
  if (address.empty() || address.front() != 'a') return nullptr;
  const char* end = address.data() + address.size();
  auto read = std::from_chars(address.data() + 1, end, number);
  if (read.ec != std::errc() || read.ptr == end || *read.ptr != 'r') return nullptr;
  read = std::from_chars(read.ptr + 1, end, place);
  if (read.ec != std::errc() || number >= attempts_.size()) return nullptr;
  Attempt& found = attempts_[number];
  if (place >= found.recipients.size() || found.recipients[place].address != address) return nullptr;
  if (attempt != nullptr) *attempt = &found;
  return &found.recipients[place];
}

void Ledger::took(size_t hop, const std::vector<std::string>& recipients, std::string_view message) {
  const Attempt* first = nullptr;
  for (const std::string& address : recipients) {
    Attempt* attempt = nullptr;
    Named* named = find(address, &attempt);
    if (named == nullptr) {
      violated("hop {} took a message for {}, whom no client named", hop, address);
      continue;
    }
    if (first == nullptr) {
      first = attempt;
      check_message(hop, *attempt, message);
    } else if (first != attempt) {
      violated("hop {} took one message for recipients of two: {}", hop, address);
    }
    if (!named->taken_by.empty()) violated("{} has its message twice (hop {})", address, hop);
    named->taken_by.push_back(hop);
  }
}

void Ledger::check_message(size_t hop, const Attempt& attempt, std::string_view message) {
  if (attempt.bad_body) violated("hop {} took attempt {}, whose body must be refused", hop, attempt.number);
  if (!message.ends_with(attempt.expected)) {
    violated("hop {} has other octets than attempt {} sent: {} of {}", hop, attempt.number, message.size(),
             attempt.expected.size());
    say("it has: {}", message.substr(0, 2000));
    say("it should end so: {}", std::string_view(attempt.expected).substr(0, 2000));
    return;
  }
  std::string_view added = message.substr(0, message.size() - attempt.expected.size());
  size_t received = 0;
  while (!added.empty()) {
    const size_t end = added.find("\r\n");
    const std::string_view line = added.substr(0, end);
    if (!is_added(line))
      violated("hop {} has an unknown line before attempt {}: {}", hop, attempt.number, line);
    if (line.starts_with("Received: ")) ++received;
    added.remove_prefix(end == added.npos ? added.size() : end + 2);
  }
  if (received != 1) violated("attempt {} has {} Received fields of ours", attempt.number, received);
}

void Ledger::add_violation(std::string text) {
  add_line("VIOLATION " + text);
  if (violations_.size() < kViolationsMost) violations_.push_back(std::move(text));
}

void Ledger::add_line(const std::string& text) {
  if (!verbose_) return;
  const double seconds = std::chrono::duration<double>(world_.now().time_since_epoch()).count();
  trace_.push_back(fmt::format("{:12.6f} {}", seconds - 1000, text));
}

}  // namespace sluice::faults

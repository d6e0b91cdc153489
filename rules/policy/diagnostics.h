// What is wrong, or risky, in a policy document: each finding with its place in the document and words that
// say what was found, where, and what to do.
//
// A document is refused when it has one Error. Warnings never refuse. Not a log: nothing is printed here.
// Plain values; used by whoever reads a document (the control thread, tools, tests).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

// Both count from 1; column counts characters as the TOML reader does. {0, 0}: the document as a whole.
struct Position {
  uint32_t line = 0;
  uint32_t column = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

enum class Severity : uint8_t { Error, Warning };

struct Diagnostic {
  Severity severity = Severity::Error;
  Position position;
  std::string path;     // "spf.rule[2].reject_reply.code"; empty for a syntax error
  std::string message;  // one line, no final full stop needed

  // "FILE:12:5: error: spf.rule[2].preset: ..."; `file` may be any name that the reader will know.
  std::string to_string(std::string_view file) const;
  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

// Collects findings. Keeps the first kPolicyErrors errors and as many warnings; what is beyond is counted.
class Diagnostics {
 public:
  void error(Position position, std::string path, std::string message);
  void warning(Position position, std::string path, std::string message);

  bool has_errors() const { return error_count_ > 0; }
  size_t error_count() const { return error_count_; }      // those beyond the cap included
  size_t warning_count() const { return warning_count_; }  // those beyond the cap included
  // In the order of the document, errors and warnings mixed.
  std::vector<Diagnostic> sorted() const;

 private:
  std::vector<Diagnostic> found_;
  size_t error_count_ = 0;
  size_t warning_count_ = 0;
};

// The candidate nearest to `word` by edit distance, or empty when none is near enough to be what was meant.
// The view points into `candidates`.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace sluice::policy

#include "rules/policy/diagnostics.h"

#include "io/base/limits.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr size_t kSuggestedWord = 64;  // longer words are not compared

// Edit distance where exchanging two neighbours counts once.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, changed});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = above;
    above = row;
  }
  return above[b.size()];
}

}  // namespace

std::string Diagnostic::to_string(std::string_view file) const {
  std::string text(file);
  if (position.line > 0) text += fmt::format(":{}:{}", position.line, position.column);
  text += severity == Severity::Error ? ": error: " : ": warning: ";
  if (!path.empty()) text += path + ": ";
  return text + message;
}

namespace {

// A finding is one line on a terminal or in a log, whatever the document put into it: the parser's own words
// quote it raw.
std::string one_line(std::string text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::none_of(text, is_control)) return text;
  std::string clean;
  for (const char c : text) {
    if (is_control(c)) {
      clean += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    } else {
      clean += c;
    }
  }
  return clean;
}

}  // namespace

void Diagnostics::error(Position position, std::string path, std::string message) {
  if (++error_count_ > limits::kPolicyErrors) return;
  found_.push_back({Severity::Error, position, one_line(std::move(path)), one_line(std::move(message))});
}

void Diagnostics::warning(Position position, std::string path, std::string message) {
  if (++warning_count_ > limits::kPolicyErrors) return;
  found_.push_back({Severity::Warning, position, one_line(std::move(path)), one_line(std::move(message))});
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> result = found_;
  std::ranges::sort(result, [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.position, a.path, a.message) < std::tie(b.position, b.path, b.message);
  });
  return result;
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.size() > kSuggestedWord) return {};
  // A third of the word may be wrong, so that a short word is not taken for any other short word.
  size_t best_distance = std::max<size_t>(word.size() / 3, 1) + 1;
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    const size_t d = distance(word, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace sluice::policy

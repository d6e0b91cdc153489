#include "rules/policy/policy_check.h"

#include "rules/policy/reader.h"

#include <fmt/format.h>

namespace sluice::policy {
namespace {

std::string counted(size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

}  // namespace

PolicyReport check_policy(std::string_view text, std::string_view file) {
  const ReadPolicy read = read_policy(text, 0);
  PolicyReport report;
  report.usable = read.policy.has_value();
  for (const Diagnostic& diagnostic : read.diagnostics.sorted()) {
    report.text += diagnostic.to_string(file) + '\n';
  }
  const std::string counts = fmt::format("{}, {}", counted(read.diagnostics.error_count(), "error"),
                                         counted(read.diagnostics.warning_count(), "warning"));
  if (!read.policy) {
    report.text += fmt::format("{}: refused: {}\n", file, counts);
    return report;
  }
  const Policy& policy = *read.policy;
  report.text += fmt::format(
      "{}: ok: {}; {}, {}, {}, {} and {} besides the defaults; version {:016x}\n", file, counts,
      counted(policy.listeners().size(), "listener"), counted(policy.domains().size(), "managed domain"),
      counted(policy.rules().size() - 1, "SPF rule"), counted(policy.dkim_rules().size() - 1, "DKIM rule"),
      counted(policy.dmarc_rules().size() - 1, "DMARC rule"), policy.version().hash);
  return report;
}

}  // namespace sluice::policy

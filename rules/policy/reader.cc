#include "rules/policy/reader.h"

#include "rules/policy/document.h"
#include "rules/policy/draft.h"

#include <expected>
#include <string>
#include <utility>

namespace sluice::policy {

ReadPolicy read_policy(std::string_view text, uint64_t serial, std::string_view machine_name) {
  ReadPolicy result;
  const std::expected<DocumentNode, Diagnostic> root = parse_document(text);
  if (!root) {
    result.diagnostics.error(root.error().position, root.error().path, root.error().message);
    return result;
  }
  Draft draft;
  draft.machine_name = machine_name;
  read_node_sections(*root, draft, result.diagnostics);
  read_smtp_sections(*root, draft, result.diagnostics);
  read_spf_sections(*root, draft, result.diagnostics);
  read_dkim_sections(*root, draft, result.diagnostics);
  read_dmarc_sections(*root, draft, result.diagnostics);
  check_draft(draft, result.diagnostics);
  if (result.diagnostics.has_errors()) return result;
  result.policy.emplace(std::move(draft.sections), PolicyVersion{hash_of_document(text), serial});
  return result;
}

}  // namespace sluice::policy

// Any results in a chain of up to four sets, a line each ("TRUSTED " or "OTHER " in front): the override
// applies only where the rule lets it, and its reason is one printable sentence.
#include "io/base/ascii.h"
#include "io/base/check.h"
#include "rules/arc/override.h"
#include "rules/auth/authentication_results.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace sluice;
using namespace sluice::arc;

Outcome chain_of(std::string_view input) {
  Outcome chain;
  chain.result = Result::Pass;
  chain.reason = Reason::Intact;
  while (!input.empty() && chain.sets.size() < 4) {
    const size_t end = std::min(input.find('\n'), input.size());
    std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    SetOutcome set;
    set.instance = static_cast<unsigned>(chain.sets.size()) + 1;
    set.domain = line.starts_with("TRUSTED ") ? "google.com" : "other.example";
    line.remove_prefix(std::min(line.find(' '), line.size()));
    set.results = line;
    chain.sets.push_back(set);
  }
  return chain;
}

bool has_a_pass(std::string_view results) {
  const auto read = auth::read_authentication_results(results);
  return std::ranges::any_of(read.results, [](const auth::MethodResult& result) {
    return result.result == "pass" &&
           (result.method == "dmarc" || result.method == "spf" || result.method == "dkim");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TrustedSealers trusted(default_trusted_sealers());
  const Outcome chain = chain_of({reinterpret_cast<const char*>(data), size});
  const Override made = override_of(chain, trusted, "author.example");
  SLUICE_CHECK(!made.reason.empty() && std::ranges::all_of(made.reason, is_ascii_printable));
  if (!made.applied) return 0;
  size_t oldest = chain.sets.size();
  while (oldest > 0 && chain.sets[oldest - 1].domain == "google.com") --oldest;
  SLUICE_CHECK(oldest < chain.sets.size());
  SLUICE_CHECK(has_a_pass(chain.sets[oldest].results));
  SLUICE_CHECK(!override_of(chain, TrustedSealers(), "author.example").applied);
  return 0;
}

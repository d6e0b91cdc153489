#include "rules/dkim/signed_names.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/dkim/header_hash.h"

#include <algorithm>
#include <cstddef>
#include <map>

namespace sluice::dkim {
namespace {

struct LessIgnoringCase {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const {
    return std::ranges::lexicographical_compare(
        a, b, [](char x, char y) { return ascii_lower(x) < ascii_lower(y); });
  }
};

struct Wanted {
  bool once_more = false;
  size_t present = 0;
};

}  // namespace

std::string_view name_of(std::string_view raw_field) {
  const size_t colon = raw_field.find(':');
  return colon == std::string_view::npos ? std::string_view() : trim(raw_field.substr(0, colon));
}

std::vector<std::string> names_to_sign(std::span<const std::string_view> fields,
                                       std::span<const std::string> signed_names,
                                       std::span<const std::string> oversigned) {
  std::vector<std::string> order;
  std::map<std::string, Wanted, LessIgnoringCase> wanted;
  const auto want = [&order, &wanted](const std::string& name, bool once_more) {
    const auto [place, added] = wanted.try_emplace(name);
    if (added) order.push_back(name);
    place->second.once_more = place->second.once_more || once_more;
  };
  for (const std::string& name : signed_names) want(name, false);
  for (const std::string& name : oversigned) want(name, true);
  want("From", false);

  for (const std::string_view field : fields) {
    const auto found = wanted.find(name_of(field));
    if (found != wanted.end()) ++found->second.present;
  }
  std::vector<std::string> names;
  for (const std::string& name : order) {
    const Wanted& entry = wanted.find(name)->second;
    size_t times = entry.present + (entry.once_more ? 1 : 0);
    if (times == 0 && equals_ignore_case(name, "From")) times = 1;
    names.insert(names.end(), std::min(times, limits::kSignedFieldInstances), name);
  }
  return names;
}

Digest hash_of_signed(std::span<const std::string_view> fields, std::span<const std::string> names,
                      std::string_view own_field, Canonicalization canonicalization) {
  FieldIndex index;
  index.build(fields);
  index.begin();
  std::string canonical;
  for (const std::string& name : names) {
    if (const auto field = index.take(name)) append_canonical_field(canonical, canonicalization, *field);
  }
  // With its line end, as it will stand in the message: what the canonical forms expect.
  const std::string own = std::string(own_field) + "\r\n";
  append_signature_field(canonical, canonicalization, own, std::string_view(own).substr(own_field.size(), 0));
  return sha256(canonical);
}

}  // namespace sluice::dkim

#include "rules/dkim/signing_table.h"

#include "io/base/ascii.h"

#include <utility>

namespace sluice::dkim {
namespace {

bool is_label_octet(char c) { return is_ascii_alnum(c) || c == '-' || c == '_'; }

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > limits::kDnsName || text.front() == '.' || text.back() == '.')
    return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' ? text[i - 1] == '.' : !is_label_octet(text[i])) return false;
  }
  return true;
}

bool is_pattern(std::string_view text) {
  if (text == "*") return true;
  if (text.starts_with("*.")) text.remove_prefix(2);
  return is_name(text);
}

}  // namespace

sluice::Result<void> SigningTable::add(std::string_view pattern, std::vector<SigningIdentity> identities) {
  if (!is_pattern(pattern)) {
    return fail(ErrorKind::Invalid, "'" + std::string(pattern) +
                                        "' is not a domain: \"example.com\", \"*.example.com\" or \"*\"");
  }
  for (const SigningIdentity& identity : identities) {
    if (auto usable = check(identity.spec); !usable) return std::unexpected(usable.error());
  }
  Entry entry{std::string(pattern), std::move(identities)};
  const bool added = entries_.emplace(to_ascii_lower(pattern), std::move(entry)).second;
  if (!added) return fail(ErrorKind::Invalid, "'" + std::string(pattern) + "' is there twice");
  return {};
}

const SigningTable::Entry* SigningTable::entry_for(std::string_view author_domain) const {
  if (entries_.empty() || !is_name(author_domain)) return nullptr;
  // The octet in front of each dot becomes the star: what follows is the pattern that covers the name there.
  std::string name = to_ascii_lower(author_domain);
  if (const auto exact = entries_.find(name); exact != entries_.end()) return &exact->second;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    name[dot - 1] = '*';
    const auto wild = entries_.find(std::string_view(name).substr(dot - 1));
    if (wild != entries_.end()) return &wild->second;
  }
  const auto any = entries_.find("*");
  return any == entries_.end() ? nullptr : &any->second;
}

std::span<const SigningIdentity> SigningTable::find(std::string_view author_domain) const {
  const Entry* const entry = entry_for(author_domain);
  return entry == nullptr ? std::span<const SigningIdentity>() : entry->identities;
}

std::string_view SigningTable::pattern_for(std::string_view author_domain) const {
  const Entry* const entry = entry_for(author_domain);
  return entry == nullptr ? std::string_view() : std::string_view(entry->pattern);
}

}  // namespace sluice::dkim

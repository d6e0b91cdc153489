#include "rules/evidence/evidence.h"

namespace sluice::evidence {

std::string Sender::to_string() const {
  if (is_null()) return {};
  return domain.empty() ? local_part : local_part + '@' + domain;
}

std::string_view helo_name(const Client& client) {
  return client.helo.empty() ? client.reverse_name : client.helo;
}

bool is_helo_checkable(std::string_view helo) {
  if (helo.ends_with('.')) helo.remove_suffix(1);
  if (helo.empty() || helo.starts_with('[') || !helo.contains('.')) return false;
  return !IpAddress::parse(helo).has_value();
}

}  // namespace sluice::evidence

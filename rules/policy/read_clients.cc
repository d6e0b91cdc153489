#include "rules/policy/draft.h"
#include "rules/policy/section_reader.h"

namespace sluice::policy {

void read_client_section(const DocumentNode* table, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("clients"), table, "clients", diagnostics);
  ClientSettings& clients = draft.sections.clients;
  const auto number = [&reader](std::string_view name) {
    return static_cast<uint64_t>(reader.integer(name));
  };
  const auto seconds = [&reader](std::string_view name) {
    return std::chrono::seconds(reader.integer(name));
  };
  clients.max_connections = number("max_connections");
  clients.max_connections_per_client = number("max_connections_per_client");
  clients.max_connections_per_second = number("max_connections_per_second");
  clients.command = seconds("command_seconds");
  clients.data = seconds("data_seconds");
  clients.message_grace = seconds("message_grace_seconds");
  clients.min_data_rate = number("min_data_rate");
  clients.message = seconds("message_seconds");
  clients.session = seconds("session_seconds");
  clients.write = seconds("write_seconds");
  clients.max_errors = number("max_errors");
  clients.max_refused_recipients = number("max_refused_recipients");
  clients.max_delay = seconds("max_delay_seconds");
}

}  // namespace sluice::policy

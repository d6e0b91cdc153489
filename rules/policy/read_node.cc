#include "io/base/limits.h"
#include "rules/policy/draft.h"
#include "rules/policy/section_reader.h"

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr Endpoint kAdminListen{IpAddress::v4(0x7F000001), 9125};  // as the schema says

const DocumentNode* table_of(const DocumentNode& root, std::string_view name, Diagnostics& diagnostics) {
  const DocumentEntry* entry = root.find(name);
  if (entry == nullptr) return nullptr;
  if (entry->value.kind == NodeKind::Table) return &entry->value;
  diagnostics.error(entry->value.position, std::string(name),
                    "expected a table: write [" + std::string(name) + "]");
  return nullptr;
}

void read_node(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("node"), table_of(root, "node", diagnostics), "node", diagnostics);
  NodeSettings& node = draft.sections.node;
  node.hostname = reader.domain("hostname");
  if (node.hostname.empty()) node.hostname = draft.machine_name;
  node.shards = static_cast<unsigned>(reader.integer("shards"));
  node.backend = static_cast<Backend>(reader.choice("backend").value_or(0));
  node.user = reader.text("user");
}

void read_journal(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("journal"), table_of(root, "journal", diagnostics), "journal",
                       diagnostics);
  JournalSettings& journal = draft.sections.journal;
  journal.path = reader.text("path");
  if (journal.path.empty())
    reader.error("path", "an empty path; name the file, for instance \"journal.jsonl\"");
  journal.rotate_octets = reader.size("rotate_size");
  journal.rotate_daily = reader.boolean("rotate_daily");
}

void read_memory(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("memory"), table_of(root, "memory", diagnostics), "memory", diagnostics);
  MemorySettings& memory = draft.sections.memory;
  memory.bodies = reader.size("bodies");
  memory.shard_bodies = reader.size("shard_bodies");
  memory.message = reader.size("message");
  memory.spill_directory = reader.text("spill_directory");
  memory.spill_octets = reader.size("spill_size");
  if (memory.message > memory.shard_bodies)
    reader.error("message", "one message may not hold more than a shard; lower it, or raise shard_bodies");
  if (!memory.spill_directory.empty() && memory.spill_directory.front() != '/')
    reader.error("spill_directory", "expected a path from the root, for instance \"/var/tmp\"");
}

void read_admin(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("admin"), table_of(root, "admin", diagnostics), "admin", diagnostics);
  AdminSettings& admin = draft.sections.admin;
  admin.http = reader.boolean("http");
  admin.listen = reader.address("listen").value_or(kAdminListen);
  admin.listen_given = reader.given("listen");
  admin.control = reader.text("control_socket");
  admin.control_given = reader.given("control_socket");
  if (admin.control.size() > limits::kUnixSocketPath) {
    reader.error("control_socket",
                 fmt::format("longer than {} octets, which is all that the kernel takes for a socket's path",
                             limits::kUnixSocketPath));
  }
  admin.stuck_after = std::chrono::seconds(reader.integer("stuck_after_seconds"));
  if (admin.http && !admin.listen.address.is_loopback()) {
    reader.warning("listen",
                   fmt::format("{} is not a loopback address: whoever can reach it reads the metrics",
                               admin.listen.to_string()));
  }
}

void read_dns(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("dns"), table_of(root, "dns", diagnostics), "dns", diagnostics);
  DnsSettings& dns = draft.sections.dns;
  dns.servers = reader.servers("servers");
  dns.resolv_conf = reader.text("resolv_conf");
  dns.timeout = std::chrono::seconds(reader.integer("timeout_seconds"));
  dns.spf_evaluation = std::chrono::seconds(reader.integer("spf_evaluation_seconds"));
  if (dns.timeout > dns.spf_evaluation) {
    reader.error("timeout_seconds",
                 "one question may not take longer than a whole evaluation; lower it, or raise "
                 "spf_evaluation_seconds");
  }
  draft.on_outage_given = reader.given("on_outage");
  dns.on_outage = static_cast<OnOutage>(reader.choice("on_outage").value_or(0));
  dns.cache_octets = reader.size("cache_size");
  dns.ttl_min = std::chrono::seconds(reader.integer("ttl_min_seconds"));
  dns.ttl_max = std::chrono::seconds(reader.integer("ttl_max_seconds"));
  dns.negative_ttl_max = std::chrono::seconds(reader.integer("negative_ttl_max_seconds"));
  dns.serve_stale = std::chrono::seconds(reader.integer("serve_stale_seconds"));
  if (dns.ttl_min > dns.ttl_max) reader.error("ttl_min_seconds", "is more than ttl_max_seconds");
  dns.refresh_percent = static_cast<unsigned>(reader.integer("refresh_percent"));
  dns.mixed_case = reader.boolean("mixed_case");
}

}  // namespace

void read_node_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  read_node(root, draft, diagnostics);
  read_journal(root, draft, diagnostics);
  read_memory(root, draft, diagnostics);
  read_admin(root, draft, diagnostics);
  read_dns(root, draft, diagnostics);
}

}  // namespace sluice::policy

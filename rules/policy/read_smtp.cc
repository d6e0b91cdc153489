#include "rules/policy/draft.h"
#include "rules/policy/section_reader.h"
#include "rules/policy/value_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

void refuse_everyone(SectionReader& reader, std::string_view name, std::span<const Cidr> networks,
                     std::string_view consequence) {
  for (const Cidr& network : networks) {
    if (network.length == 0) {
      reader.error(name, fmt::format("{} is everybody: {}; list the networks that are meant",
                                     network.to_string(), consequence));
    }
  }
}

void read_top(SectionReader& reader, Draft& draft) {
  PolicySections& sections = draft.sections;
  sections.trusted_networks = reader.networks("trusted_networks");
  refuse_everyone(reader, "trusted_networks", sections.trusted_networks, "the node would be an open relay");
  draft.trusted_networks = {reader.position("trusted_networks"), "trusted_networks"};
  sections.postmaster_domain = reader.domain("postmaster_domain");
  draft.postmaster_domain = {reader.position("postmaster_domain"), "postmaster_domain"};
}

void read_outbound(const DocumentNode* table, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("outbound"), table, "outbound", diagnostics);
  std::optional<NextHop> hop = reader.hop("next_hop");
  const bool send_xclient = reader.boolean("send_xclient");
  if (!hop) return;
  hop->send_xclient = send_xclient;
  draft.hops.push_back({*hop, {reader.position("next_hop"), reader.path_of("next_hop")}});
  draft.sections.outbound_next_hop = std::move(hop);
}

void read_delivery(const DocumentNode* table, Draft& draft, Diagnostics& diagnostics) {
  SectionReader reader(find_section("delivery"), table, "delivery", diagnostics);
  DeliverySettings& delivery = draft.sections.delivery;
  delivery.connections = static_cast<unsigned>(reader.integer("connections"));
  delivery.connections_per_shard = static_cast<unsigned>(reader.integer("connections_per_shard"));
  delivery.queue = static_cast<unsigned>(reader.integer("queue"));
  delivery.queue_wait = std::chrono::seconds(reader.integer("queue_seconds"));
  delivery.connection_messages = static_cast<unsigned>(reader.integer("messages_per_connection"));
  delivery.idle = std::chrono::seconds(reader.integer("idle_seconds"));
  delivery.chunking = reader.choice("chunking").value_or(0) == 0;
  delivery.refuse_eight_bit = reader.choice("without_8bitmime").value_or(0) == 1;
}

void read_listener(const DocumentNode& table, Draft& draft, Diagnostics& diagnostics) {
  const std::string path = fmt::format("listener[{}]", draft.listeners.size() + 1);
  SectionReader reader(find_section("listener"), &table, path, diagnostics);
  Listener listener;
  const std::optional<Endpoint> address = reader.address("address");
  listener.address = address.value_or(Endpoint{});
  listener.direction = static_cast<Direction>(reader.choice("direction").value_or(0));
  listener.hostname = reader.domain("hostname");
  if (listener.hostname.empty()) listener.hostname = draft.sections.node.hostname;
  listener.xclient_peers = reader.networks("xclient_peers");
  refuse_everyone(reader, "xclient_peers", listener.xclient_peers, "any client could claim any address");
  listener.proxy_peers = reader.networks("proxy_peers");
  if (!listener.proxy_peers.empty()) {
    reader.error("proxy_peers",
                 "PROXY headers are not read in this version; leave the list empty, or let the proxy "
                 "speak XCLIENT and list it in xclient_peers");
  }
  listener.max_message_octets = reader.size("max_message_size");
  listener.max_recipients = static_cast<unsigned>(reader.integer("max_recipients"));
  listener.bare_line_ends = static_cast<BareLineEnds>(reader.choice("bare_line_ends").value_or(0));

  const auto same = std::ranges::find(draft.sections.listeners, listener.address, &Listener::address);
  // Port 0 is any free port: never the same one twice.
  if (address && address->port != 0 && same != draft.sections.listeners.end()) {
    const Place& first = draft.listeners[static_cast<size_t>(same - draft.sections.listeners.begin())];
    reader.error(
        "address",
        fmt::format("{} is listened on already by {} in line {}, column {}; remove one of them",
                    listener.address.to_string(), first.path, first.position.line, first.position.column));
  }
  draft.listeners.push_back({reader.position("address"), path});
  draft.sections.listeners.push_back(std::move(listener));
}

std::optional<NextHop> read_hop_table(const DocumentNode& table, std::string path, Diagnostics& diagnostics) {
  SectionReader reader(find_section("domain.next_hops"), &table, std::move(path), diagnostics);
  const std::string host = reader.text("host");
  std::optional<NextHop> hop = parse_hop_host(host);
  if (!hop && reader.given("host")) {
    reader.error("host", fmt::format("\"{}\" is neither a host name nor an IP address", shown(host)));
  }
  const auto port = static_cast<uint16_t>(reader.integer("port"));
  const auto priority = static_cast<unsigned>(reader.integer("priority"));
  const auto weight = static_cast<unsigned>(reader.integer("weight"));
  const bool send_xclient = reader.boolean("send_xclient");
  if (!hop) return std::nullopt;
  hop->send_xclient = send_xclient;
  hop->port = port;
  hop->priority = priority;
  hop->weight = weight;
  return hop;
}

std::vector<NextHop> read_next_hops(SectionReader& reader, Draft& draft, Diagnostics& diagnostics) {
  std::vector<NextHop> hops;
  const DocumentNode* list = reader.value("next_hops");
  if (list == nullptr) return hops;
  if (list->kind != NodeKind::Array || list->items.empty()) {
    reader.error("next_hops", "expected a list with at least one hop, for instance [\"192.0.2.10:25\"]");
    return hops;
  }
  for (size_t i = 0; i < list->items.size(); ++i) {
    const DocumentNode& item = list->items[i];
    const std::string path = fmt::format("{}[{}]", reader.path_of("next_hops"), i + 1);
    std::optional<NextHop> hop;
    if (item.kind == NodeKind::Table) {
      hop = read_hop_table(item, path, diagnostics);
    } else {
      hop = item.kind == NodeKind::Text ? parse_hop(item.text) : std::nullopt;
      if (!hop) {
        diagnostics.error(
            item.position, path,
            fmt::format("\"{}\" is not a host with its port; write for instance \"192.0.2.10:25\", "
                        "\"[2001:db8::1]:25\" or \"mail.example.com:25\"",
                        shown(item.text)));
      }
    }
    if (!hop) continue;
    draft.hops.push_back({*hop, {item.position, path}});
    // Kept by priority, and as written among equals.
    const auto after = std::ranges::upper_bound(hops, hop->priority, {}, &NextHop::priority);
    hops.insert(after, std::move(*hop));
  }
  return hops;
}

void read_domain(const DocumentNode& table, Draft& draft, Diagnostics& diagnostics) {
  const std::string path = fmt::format("domain[{}]", draft.domains.size() + 1);
  SectionReader reader(find_section("domain"), &table, path, diagnostics);
  ManagedDomain domain;
  domain.name = reader.domain("name");
  domain.next_hops = read_next_hops(reader, draft, diagnostics);
  const auto same = std::ranges::find(draft.sections.domains, domain.name, &ManagedDomain::name);
  if (!domain.name.empty() && same != draft.sections.domains.end()) {
    const Place& first = draft.domains[static_cast<size_t>(same - draft.sections.domains.begin())];
    reader.error("name",
                 fmt::format("\"{}\" is managed already by {} in line {}, column {}; remove one of them",
                             domain.name, first.path, first.position.line, first.position.column));
  }
  draft.domains.push_back({reader.position("name"), path});
  draft.sections.domains.push_back(std::move(domain));
}

}  // namespace

void read_smtp_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics) {
  SectionReader top(find_section(""), &root, "", diagnostics);
  read_top(top, draft);
  read_outbound(top.table("outbound"), draft, diagnostics);
  read_delivery(top.table("delivery"), draft, diagnostics);
  read_client_section(top.table("clients"), draft, diagnostics);
  for (const DocumentNode* table : top.tables("listener")) read_listener(*table, draft, diagnostics);
  for (const DocumentNode* table : top.tables("domain")) read_domain(*table, draft, diagnostics);
}

}  // namespace sluice::policy

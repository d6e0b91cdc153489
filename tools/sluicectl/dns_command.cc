// dns stats, dns lookup, dns flush: the DNS caches of a running node, over its control socket.
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/node_client.h"
#include "tools/sluicectl/printable.h"

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sluice::ctl {

using nlohmann::json;

namespace {

struct Options {
  std::string socket = kDefaultSocket;
  std::string name, type;
  bool all = false;
  bool json = false;
};

// Nothing in it acts on a terminal.
std::string shown(const json& said) { return said.dump(2, ' ', true, json::error_handler_t::replace); }

std::string text_of(const json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_string()) return {};
  return printable(found->get_ref<const std::string&>());
}

uint64_t number_of(const json& object, const char* member) {
  const auto found = object.find(member);
  return found == object.end() || !found->is_number_unsigned() ? 0 : found->get<uint64_t>();
}

// What the node said, or null after a complaint.
json ask(const Options& options, const char* method, const std::string& path, int& status) {
  const NodeAnswer answer = ask_node(options.socket, method, path);
  status = kExitUsage;
  if (!answer.problem.empty()) {
    fmt::print(stderr, "sluicectl: {}\n", answer.problem);
    return nullptr;
  }
  json said = json::parse(answer.body, nullptr, false);
  status = answer.status == 200 ? kExitDone : (answer.status == 400 ? kExitUsage : kExitFailed);
  if (!said.is_object()) {
    status = kExitFailed;
    fmt::print(stderr, "sluicectl: the node answered {} and {}\n", answer.status, printable(answer.body));
    return nullptr;
  }
  if (status != kExitDone) fmt::print(stderr, "sluicectl dns: {}\n", text_of(said, "status"));
  return said;
}

std::string path_of(const char* path, const Options& options) {
  std::string out = path + ("?name=" + query_text(options.name));
  if (!options.type.empty()) out += "&type=" + query_text(options.type);
  return out;
}

int stats(const Options& options) {
  int status = kExitDone;
  const json said = ask(options, "GET", "/dns/stats", status);
  if (!said.is_object() || options.json) {
    if (said.is_object()) fmt::print("{}\n", shown(said));
    return status;
  }
  const json sum = said.value("sum", json::object());
  const json shards = said.value("shards", json::array());
  std::string head = fmt::format("{:<16}{:>12}", "", "sum");
  for (size_t i = 0; i < shards.size(); ++i) head += fmt::format("{:>12}", fmt::format("shard {}", i));
  fmt::print("{}\n", head);
  for (const auto& [key, value] : sum.items()) {
    if (!value.is_number_unsigned()) continue;
    std::string line = fmt::format("{:<16}{:>12}", key, value.get<uint64_t>());
    for (const json& shard : shards) line += fmt::format("{:>12}", number_of(shard, key.c_str()));
    fmt::print("{}\n", line);
  }
  if (sum.value("outage", false)) fmt::print("no server answers\n");
  return status;
}

void print_kept(uint64_t shard, const json& kept) {
  const bool stale = kept.value("stale", false);
  fmt::print("shard {}  {} {}: {}, {}\n", shard, text_of(kept, "name"), text_of(kept, "type"),
             text_of(kept, "status"),
             stale ? "past its time" : fmt::format("{} s left", number_of(kept, "left_seconds")));
  for (const json& record : kept.value("records", json::array())) {
    if (record.is_string()) fmt::print("         {}\n", printable(record.get_ref<const std::string&>()));
  }
}

int lookup(const Options& options) {
  int status = kExitDone;
  const json said = ask(options, "GET", path_of("/dns/lookup", options), status);
  if (!said.is_object() || options.json) {
    if (said.is_object()) fmt::print("{}\n", shown(said));
    return status;
  }
  size_t found = 0;
  for (const json& shard : said.value("shards", json::array())) {
    for (const json& kept : shard.value("kept", json::array())) {
      print_kept(number_of(shard, "shard"), kept);
      ++found;
    }
  }
  if (found == 0 && status == kExitDone) fmt::print("not in the cache of any shard\n");
  return status;
}

int flush(const Options& options) {
  int status = kExitDone;
  if (options.all == !options.name.empty()) {
    fmt::print(stderr, "sluicectl dns: flush needs either a NAME that is not empty, or --all\n");
    return kExitUsage;
  }
  const std::string path = options.all ? "/dns/flush?all=true" : path_of("/dns/flush", options);
  const json said = ask(options, "POST", path, status);
  if (!said.is_object()) return status;
  if (options.json) {
    fmt::print("{}\n", shown(said));
  } else if (status == kExitDone) {
    fmt::print("{} answers removed on {} shards\n", number_of(said, "removed"),
               said.value("shards", json::array()).size());
  }
  return status;
}

CLI::App* add(CLI::App& dns, const char* name, const char* text, Options& options) {
  CLI::App* command = dns.add_subcommand(name, text);
  command->add_option("--control", options.socket, "The node's admin.control_socket")->capture_default_str();
  command->add_flag("--json", options.json, "Print JSON");
  return command;
}

}  // namespace

void add_dns(CLI::App& app, int& exit_status) {
  CLI::App* dns = app.add_subcommand("dns", "The DNS caches of a running node");
  dns->require_subcommand(1);
  auto options = std::make_shared<Options>();
  add(*dns, "stats", "Counts of every shard: hits, misses, entries, what was asked of servers", *options)
      ->callback([options, &exit_status] { exit_status = stats(*options); });
  CLI::App* looking = add(*dns, "lookup", "What each shard's cache holds of a name; asks nothing", *options);
  looking->add_option("NAME", options->name, "The name")->required();
  looking->add_option("TYPE", options->type, "A, AAAA, MX, TXT, PTR, NS, SOA or CNAME; without it all");
  looking->callback([options, &exit_status] { exit_status = lookup(*options); });
  CLI::App* flushing =
      add(*dns, "flush", "Forgets a name, or with --all everything, on every shard", *options);
  CLI::Option* name = flushing->add_option("NAME", options->name, "The name");
  flushing->add_flag("--all", options->all, "Forget everything")->excludes(name);
  flushing->callback([options, &exit_status] { exit_status = flush(*options); });
}

}  // namespace sluice::ctl

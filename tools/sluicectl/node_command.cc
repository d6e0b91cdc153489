// reload, drain, stats: what is asked of a running node over its control socket.
#include "engine/node/log_catalogue.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/node_client.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

namespace sluice::ctl {
namespace {

constexpr std::chrono::seconds kAnswerWait{30};
constexpr int kAnyPort = 80;  // means nothing over a Unix-domain socket

struct NodeArguments {
  std::string socket = kDefaultSocket;
  bool wait = false;
};

httplib::Client connect_to(const std::string& socket) {
  httplib::Client client(socket, kAnyPort);
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(kAnswerWait);
  return client;
}

int complain(const std::string& socket, httplib::Error error) {
  fmt::print(stderr, "sluicectl: no node answers at {}: {}\n", socket, httplib::to_string(error));
  return kExitUsage;
}

void print_lines(std::FILE* where, const nlohmann::json& answer, const char* member, const char* before) {
  for (const auto& line : answer.value(member, nlohmann::json::array())) {
    fmt::print(where, "{}{}\n", before, line.get<std::string>());
  }
}

int reload(const NodeArguments& arguments) {
  httplib::Client client = connect_to(arguments.socket);
  const httplib::Result said = client.Post("/reload");
  if (!said) return complain(arguments.socket, said.error());
  const nlohmann::json answer = nlohmann::json::parse(said->body, nullptr, false);
  if (!answer.is_object()) {
    fmt::print(stderr, "sluicectl: the node answered {} and {}\n", said->status, said->body);
    return kExitFailed;
  }
  print_lines(stderr, answer, "errors", "");
  print_lines(stderr, answer, "warnings", "");
  print_lines(stderr, answer, "restart_needed", "takes effect at the next start: ");
  const std::string version = answer.value("policy_version", std::string());
  if (said->status == 200) {
    fmt::print("reloaded: policy {}\n", version);
    return kExitDone;
  }
  fmt::print(stderr, "sluicectl: not reloaded ({}); policy {} stays\n",
             answer.value("status", std::string("failed")), version.empty() ? "in force" : version);
  return kExitFailed;
}

int drain(const NodeArguments& arguments) {
  httplib::Client client = connect_to(arguments.socket);
  const httplib::Result said = client.Post("/drain");
  if (!said) return complain(arguments.socket, said.error());
  if (said->status != 202) {
    fmt::print(stderr, "sluicectl: the node answered {} and {}\n", said->status, said->body);
    return kExitFailed;
  }
  fmt::print("draining\n");
  while (arguments.wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (!client.Get("/healthz")) break;
  }
  return kExitDone;
}

int stats(const NodeArguments& arguments) {
  httplib::Client client = connect_to(arguments.socket);
  const httplib::Result said = client.Get("/stats");
  if (!said) return complain(arguments.socket, said.error());
  const nlohmann::json answer = nlohmann::json::parse(said->body, nullptr, false);
  fmt::print("{}\n", answer.is_discarded() ? said->body : answer.dump(2, ' ', true));
  return said->status == 200 ? kExitDone : kExitFailed;
}

CLI::App* add(CLI::App& app, const char* name, const char* text, NodeArguments& arguments) {
  CLI::App* command = app.add_subcommand(name, text);
  command->add_option("--control", arguments.socket, "The node's admin.control_socket")
      ->capture_default_str();
  return command;
}

}  // namespace

void add_node(CLI::App& app, int& exit_status) {
  // Lives as long as the command line, whose callbacks run while it is parsed.
  static NodeArguments arguments;
  add(app, "reload", "Has the node read its policy anew", arguments)->callback([&exit_status] {
    exit_status = reload(arguments);
  });
  CLI::App* draining = add(app, "drain", "Has the node end its transactions and stop", arguments);
  draining->add_flag("--wait", arguments.wait, "Return when it has stopped");
  draining->callback([&exit_status] { exit_status = drain(arguments); });
  add(app, "stats", "What the node is doing, as JSON", arguments)->callback([&exit_status] {
    exit_status = stats(arguments);
  });
  app.add_subcommand("log-catalogue", "Prints what each event of the log means (docs/log_catalogue.md)")
      ->callback([] { fmt::print("{}", node::log_catalogue_page()); });
}

}  // namespace sluice::ctl

// sluice-load: traffic for tests and measurements: a sink that accepts everything, and a sender in closed
// loop. The README beside this file says what they print.
//
// Exit status: 0 well; 1 not everything was answered, or the sink could not run; 2 wrong arguments or input.

#include "tools/sluice_load/messages.h"
#include "tools/sluice_load/send.h"
#include "tools/sluice_load/sink.h"

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace sluice::load {
namespace {

constexpr int kBadInput = 2;

struct Arguments {
  std::string listen = "127.0.0.1:2526";
  std::string connect;
  std::string backend = "auto";
  bool mask_newer_than_6_1 = false;
  std::string record_file;
  std::string hostname = "sink.invalid";
  size_t shards = 1;
  std::string sender = "sender@load.invalid";
  std::vector<std::string> recipients{"recipient@load.invalid"};
  size_t size = 4096;
  std::string folder = ".";
  std::string manifest;
  uint64_t seconds = 0;
  bool quiet = false;
  bool messages_given = false;
  SendOptions send;
};

int bad_input(const std::string& why) {
  fmt::print(stderr, "sluice-load: {}\n", why);
  return kBadInput;
}

std::optional<reactor::BackendOptions> backend_options(const Arguments& arguments) {
  const auto kind = reactor::parse_backend(arguments.backend);
  if (!kind) return std::nullopt;
  reactor::BackendOptions options;
  options.kind = *kind;
  options.uring.mask_newer_than_6_1 = arguments.mask_newer_than_6_1;
  return options;
}

int sink(const Arguments& arguments) {
  SinkOptions options;
  const auto listen = Endpoint::parse(arguments.listen);
  if (!listen) return bad_input(fmt::format("'{}' is not ADDRESS:PORT", arguments.listen));
  const auto backend = backend_options(arguments);
  if (!backend) return bad_input("the back end is auto, uring or epoll");
  options.listen = *listen;
  options.record_file = arguments.record_file;
  options.hostname = arguments.hostname;
  options.shards = arguments.shards;
  options.backend = *backend;
  return run_sink(options);
}

int send(const Arguments& arguments) {
  SendOptions options = arguments.send;
  const auto server = Endpoint::parse(arguments.connect);
  if (!server) return bad_input(fmt::format("'{}' is not ADDRESS:PORT", arguments.connect));
  const auto backend = backend_options(arguments);
  if (!backend) return bad_input("the back end is auto, uring or epoll");
  options.server = *server;
  options.backend = *backend;
  options.shards = arguments.shards;
  options.show_progress = !arguments.quiet;
  options.time_limit = std::chrono::seconds(arguments.seconds);
  MessageSet set;
  if (arguments.manifest.empty()) {
    set = generated_message(arguments.size, arguments.sender, arguments.recipients);
  } else {
    Result<MessageSet> read = read_manifest(arguments.manifest, arguments.folder);
    if (!read) return bad_input(read.error().to_string());
    set = std::move(*read);
    if (!arguments.messages_given) options.messages = set.envelopes.size();
  }
  return run_send(options, set);
}

void add_common(CLI::App& command, Arguments& arguments) {
  command.add_option("--shards", arguments.shards, "threads, one reactor each")->check(CLI::Range(1, 256));
  command.add_option("--backend", arguments.backend, "auto, uring or epoll");
  command.add_flag("--uring-6.1", arguments.mask_newer_than_6_1, "use only what io_uring of Linux 6.1 has");
}

CLI::App* add_sink(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("sink", "accept every message and count");
  command->add_option("--listen", arguments.listen, "ADDRESS:PORT; port 0: any");
  command->add_option("--record", arguments.record_file,
                      "append a line of JSON for each message to this file");
  command->add_option("--hostname", arguments.hostname, "the name in the greeting");
  add_common(*command, arguments);
  return command;
}

CLI::App* add_send(CLI::App& app, Arguments& arguments) {
  constexpr uint64_t kMany = 1'000'000'000;
  CLI::App* command = app.add_subcommand("send", "send messages, one at a time on each connection");
  command->add_option("--connect", arguments.connect, "ADDRESS:PORT of the server")->required();
  command->add_option("--connections", arguments.send.connections, "at the same time")
      ->check(CLI::Range(uint64_t{1}, uint64_t{60'000}));
  command->add_option("--messages", arguments.send.messages, "in all; default 1000, or those of the manifest")
      ->check(CLI::Range(uint64_t{1}, kMany));
  command->add_option("--messages-per-connection", arguments.send.messages_per_connection)
      ->check(CLI::Range(uint64_t{1}, kMany));
  command->add_option("--seconds", arguments.seconds, "begin no message after so long; 0: no limit")
      ->check(CLI::Range(uint64_t{0}, uint64_t{86'400}));
  command->add_option("--size", arguments.size, "octets of a generated message")
      ->check(CLI::Range(size_t{1}, size_t{1} << 30));
  command->add_option("--from", arguments.sender, "of generated messages; empty: the null sender");
  command->add_option("--to", arguments.recipients, "of generated messages; may be given several times");
  command->add_option("--helo", arguments.send.helo, "our name in EHLO");
  CLI::Option* manifest = command->add_option("--manifest", arguments.manifest,
                                              "JSON lines: file, client, helo, sender, recipients");
  command->add_option("--folder", arguments.folder, "where the manifest's files are")->needs(manifest);
  command->add_flag("--quiet", arguments.quiet, "no progress on standard error");
  add_common(*command, arguments);
  return command;
}

}  // namespace
}  // namespace sluice::load

int main(int argc, char** argv) {
  CLI::App app("sluice-load: SMTP traffic generator and sink");
  app.require_subcommand(1);
  sluice::load::Arguments arguments;
  const CLI::App* sink = sluice::load::add_sink(app, arguments);
  const CLI::App* send = sluice::load::add_send(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : sluice::load::kBadInput;
  }
  arguments.messages_given = send->get_option("--messages")->count() != 0;
  return sink->parsed() ? sluice::load::sink(arguments) : sluice::load::send(arguments);
}

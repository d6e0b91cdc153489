// sluice-load: traffic for tests and measurements: a sink that accepts everything, a sender in closed or open
// loop, and reports of what it measured. The README beside this file says what they print.
//
// Exit status: 0 well; 1 not everything was answered, or the sink could not run; 2 wrong arguments or input.

#include "tools/sluice_load/distribution.h"
#include "tools/sluice_load/html_report.h"
#include "tools/sluice_load/messages.h"
#include "tools/sluice_load/schedule.h"
#include "tools/sluice_load/send.h"
#include "tools/sluice_load/sink.h"

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
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
  std::vector<std::string> senders{"sender@load.invalid"};
  std::vector<std::string> recipients{"recipient@load.invalid"};
  std::string recipient_count;
  std::string size = "4096";
  std::string per_connection = "1";
  std::string pause_ms = "0";
  std::string folder;
  std::string manifest;
  std::string mbox;
  double rate = 0;
  std::string profile;
  std::string arrivals = "constant";
  uint64_t seconds = 0;
  uint64_t grace = 30;
  bool quiet = false;
  bool messages_given = false;
  SendOptions send;
  std::vector<std::string> summaries;
  std::string report_file;
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

Result<Distribution> distribution(std::string_view option, const std::string& text, uint64_t least,
                                  uint64_t most) {
  Result<Distribution> made = Distribution::parse(text);
  if (!made) return fail(ErrorKind::Invalid, fmt::format("{}: {}", option, made.error().message));
  if (!made->limit(least, most)) {
    return fail(ErrorKind::Invalid, fmt::format("{}: from {} to {}", option, least, most));
  }
  return made;
}

Result<std::vector<AddressPattern>> patterns(const std::vector<std::string>& texts) {
  std::vector<AddressPattern> made;
  for (const std::string& text : texts) {
    if (text.find_first_of("\r\n<>") != std::string::npos) {
      return fail(ErrorKind::Invalid, fmt::format("'{}' holds a line end or a bracket", text));
    }
    Result<AddressPattern> pattern = AddressPattern::parse(text);
    if (!pattern) return std::unexpected(std::move(pattern.error()));
    made.push_back(std::move(*pattern));
  }
  return made;
}

// What is sent.
Result<MessageSet> message_set(const Arguments& arguments) {
  Result<MessageSet> set = MessageSet();
  if (!arguments.manifest.empty()) {
    return read_manifest(arguments.manifest, arguments.folder.empty() ? "." : arguments.folder);
  }
  if (!arguments.folder.empty()) set = read_folder(arguments.folder);
  if (!arguments.mbox.empty()) set = read_mbox(arguments.mbox);
  if (!set) return set;
  Result<std::vector<AddressPattern>> from = patterns(arguments.senders);
  Result<std::vector<AddressPattern>> to = patterns(arguments.recipients);
  Result<Distribution> size = distribution("--size", arguments.size, 1, uint64_t{1} << 30);
  if (!from) return std::unexpected(std::move(from.error()));
  if (!to) return std::unexpected(std::move(to.error()));
  if (!size) return std::unexpected(std::move(size.error()));
  set->from = std::move(*from);
  set->to = std::move(*to);
  set->size = std::move(*size);
  if (!arguments.recipient_count.empty()) {
    Result<Distribution> count = distribution("--recipients", arguments.recipient_count, 1, 10'000);
    if (!count) return std::unexpected(std::move(count.error()));
    set->recipients = std::move(*count);
  }
  return set;
}

// When it is sent.
Result<void> set_schedule(const Arguments& arguments, SendOptions& options) {
  constexpr uint64_t kMany = 1'000'000'000;
  constexpr uint64_t kHour = 3'600'000;
  Result<Distribution> per_connection =
      distribution("--messages-per-connection", arguments.per_connection, 1, kMany);
  Result<Distribution> pause = distribution("--think-ms", arguments.pause_ms, 0, kHour);
  if (!per_connection) return std::unexpected(std::move(per_connection.error()));
  if (!pause) return std::unexpected(std::move(pause.error()));
  options.messages_per_connection = std::move(*per_connection);
  options.pause_ms = std::move(*pause);
  options.grace = std::chrono::seconds(arguments.grace);
  options.arrivals = arguments.arrivals == "poisson" ? Arrivals::Poisson : Arrivals::Constant;
  if (arguments.rate > 0) {
    if (arguments.seconds == 0) return fail(ErrorKind::Invalid, "--rate needs --seconds");
    options.profile.push_back({static_cast<double>(arguments.seconds), arguments.rate, arguments.rate});
  } else if (!arguments.profile.empty()) {
    Result<Profile> profile = parse_profile(arguments.profile);
    if (!profile) return std::unexpected(std::move(profile.error()));
    options.profile = std::move(*profile);
  } else {
    options.time_limit = std::chrono::seconds(arguments.seconds);
  }
  if (!options.profile.empty() && !options.pause_ms.always(0)) {
    return fail(ErrorKind::Invalid, "--think-ms is for the closed loop: an open loop has its schedule");
  }
  if (!options.profile.empty() && !arguments.messages_given) options.messages = kMany;
  return {};
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
  if (const Result<void> set = set_schedule(arguments, options); !set) {
    return bad_input(set.error().to_string());
  }
  const Result<MessageSet> set = message_set(arguments);
  if (!set) return bad_input(set.error().to_string());
  if (!set->envelopes.empty() && !arguments.messages_given && options.profile.empty()) {
    options.messages = set->envelopes.size();
  }
  return run_send(options, *set);
}

int report(const Arguments& arguments) {
  std::vector<std::string> summaries;
  for (const std::string& file : arguments.summaries) {
    std::ifstream in(file);
    std::string last;  // progress or earlier runs may stand before it
    for (std::string line; std::getline(in, line);) {
      if (!line.empty()) last = line;
    }
    if (last.empty()) return bad_input(fmt::format("{} holds no summary", file));
    summaries.push_back(std::move(last));
  }
  const Result<void> written = write_html_report(arguments.report_file, summaries);
  return written ? 0 : bad_input(written.error().to_string());
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

void add_messages(CLI::App& command, Arguments& arguments) {
  command.add_option("--size", arguments.size, "octets of a made message, as a distribution");
  command.add_option("--from", arguments.senders,
                     "senders, one of them for each message; empty: the null sender");
  command.add_option("--to", arguments.recipients,
                     "recipients: all of them, or as many as --recipients says");
  command.add_option("--recipients", arguments.recipient_count, "of each message, as a distribution");
  command.add_option("--helo", arguments.send.helo, "our name in EHLO");
  CLI::Option* manifest = command.add_option("--manifest", arguments.manifest,
                                             "JSON lines: file, client, helo, sender, recipients");
  CLI::Option* folder = command.add_option("--folder", arguments.folder,
                                           "send the files in it, or where the manifest's files are");
  command.add_option("--mbox", arguments.mbox, "send its messages")->excludes(manifest)->excludes(folder);
}

void add_schedule(CLI::App& command, Arguments& arguments) {
  CLI::Option* rate =
      command.add_option("--rate", arguments.rate, "open loop: messages per second, for --seconds")
          ->check(CLI::Range(0.001, 1e7));
  command.add_option("--profile", arguments.profile, "open loop: RATE:SECONDS or FROM-TO:SECONDS, ...")
      ->excludes(rate);
  command.add_option("--arrivals", arguments.arrivals, "of an open loop: constant or poisson")
      ->check(CLI::IsMember({"constant", "poisson"}));
  command
      .add_option("--seconds", arguments.seconds, "of --rate; closed loop: begin no message after so long")
      ->check(CLI::Range(uint64_t{0}, uint64_t{86'400}));
  command.add_option("--grace", arguments.grace, "seconds for what is not over at the end")
      ->check(CLI::Range(uint64_t{0}, uint64_t{3'600}));
  command.add_option("--think-ms", arguments.pause_ms, "closed loop: pause before each further message");
  command.add_option("--seed", arguments.send.seed, "of all that is drawn");
}

CLI::App* add_send(CLI::App& app, Arguments& arguments) {
  constexpr uint64_t kMany = 1'000'000'000;
  CLI::App* command =
      app.add_subcommand("send", "send messages: closed loop, or open with --rate or --profile");
  command->add_option("--connect", arguments.connect, "ADDRESS:PORT of the server")->required();
  command->add_option("--connections", arguments.send.connections, "at the same time")
      ->check(CLI::Range(uint64_t{1}, uint64_t{60'000}));
  command
      ->add_option("--messages", arguments.send.messages,
                   "in all; default 1000, those of the manifest or schedule")
      ->check(CLI::Range(uint64_t{1}, kMany));
  command->add_option("--messages-per-connection", arguments.per_connection, "as a distribution");
  command->add_option("--name", arguments.send.name, "of this run, in reports");
  command->add_option("--html", arguments.send.html_file, "write a report of this run to this file");
  command->add_flag("--quiet", arguments.quiet, "no progress on standard error");
  add_messages(*command, arguments);
  add_schedule(*command, arguments);
  add_common(*command, arguments);
  return command;
}

CLI::App* add_report(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("report", "one HTML file that shows and compares summaries of send");
  command->add_option("--html", arguments.report_file, "the file to write")->required();
  command->add_option("summaries", arguments.summaries, "files, the last line of each a summary")->required();
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
  const CLI::App* report = sluice::load::add_report(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : sluice::load::kBadInput;
  }
  arguments.messages_given = send->get_option("--messages")->count() != 0;
  if (report->parsed()) return sluice::load::report(arguments);
  return sink->parsed() ? sluice::load::sink(arguments) : sluice::load::send(arguments);
}

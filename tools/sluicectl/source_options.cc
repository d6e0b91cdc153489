#include "tools/sluicectl/source_options.h"

#include "dnscache/zone/zone_file.h"
#include "tools/sluicectl/message_file.h"
#include "tools/sluicectl/printable.h"

#include <cstdio>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace sluice::ctl {
namespace {

constexpr uint16_t kDnsPort = 53;

std::optional<Endpoint> endpoint_of(const std::string& text) {
  if (const auto address = IpAddress::parse(text)) return Endpoint{*address, kDnsPort};
  return Endpoint::parse(text);
}

Result<Sources> open_answers(const SourceOptions& options) {
  Sources sources;
  if (options.zone_file.empty()) {
    std::optional<Endpoint> server;
    if (!options.server.empty()) {
      server = endpoint_of(options.server);
      if (!server || server->port == 0)
        return fail(ErrorKind::Invalid, "--dns-server needs ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT");
    }
    sources.answers = make_live_source(server);
    return sources;
  }
  const Result<std::string> text = read_file(options.zone_file);
  if (!text) return std::unexpected(text.error());
  Result<dns::Zone> zone = dns::zone_from_text(dns::zone_format_of(options.zone_file), *text);
  if (!zone) {
    Error error = zone.error();
    error.message = options.zone_file + ": " + error.message;
    return std::unexpected(std::move(error));
  }
  sources.zone = std::make_unique<dns::Zone>(std::move(*zone));
  sources.answers = std::make_unique<ZoneSource>(*sources.zone);
  return sources;
}

}  // namespace

void add_source_options(CLI::App& command, SourceOptions& options) {
  CLI::Option* zone = command.add_option("--dns-zone", options.zone_file,
                                         "Answers from this file (.yml, .json or a master file)");
  CLI::Option* server =
      command.add_option("--dns-server", options.server,
                         "Answers from this server, ADDRESS or ADDRESS:PORT; without it the system's");
  CLI::Option* record =
      command.add_option("--record", options.record_file, "Keep every answer and verdict in this file");
  command.add_option("--replay", options.replay_file, "Answers from a file of --record, and no DNS")
      ->excludes(zone)
      ->excludes(server)
      ->excludes(record);
  server->excludes(zone);
}

AnswerSource& Sources::get() const {
  if (replay) return *replay;
  if (recording) return *recording;
  return *answers;
}

bool is_recorded(const Sources& sources, std::string_view command) {
  const std::string problem = sources.recording ? sources.recording->check_problem() : "";
  if (!problem.empty()) fmt::print(stderr, "sluicectl {}: {}\n", command, printable(problem));
  return problem.empty();
}

Result<Sources> open_sources(const SourceOptions& options) {
  if (!options.replay_file.empty()) {
    Result<std::unique_ptr<ReplaySource>> replay = ReplaySource::open(options.replay_file);
    if (!replay) return std::unexpected(replay.error());
    Sources sources;
    sources.replay = std::move(*replay);
    return sources;
  }
  Result<Sources> sources = open_answers(options);
  if (!sources || options.record_file.empty()) return sources;
  auto recording = RecordingSource::open(options.record_file, *sources->answers);
  if (!recording) return std::unexpected(recording.error());
  sources->recording = std::move(*recording);
  return sources;
}

}  // namespace sluice::ctl

// sluice-dns: a DNS server for tests. It serves one zone file by UDP and TCP, delays, loses, fails and
// truncates as it is told, and logs what it was asked.
//
// When it listens it prints one line of JSON: {"event":"ready","listeners":["127.0.0.1:1053"],...}. It ends
// on SIGTERM and SIGINT. Exit status: 0 ended in order; 1 could not start or go on; 2 wrong arguments or
// zone.

#include "dnscache/zone/zone_file.h"
#include "io/base/json_text.h"
#include "tools/sluice_dns/faults.h"
#include "tools/sluice_dns/query_log.h"
#include "tools/sluice_dns/server.h"
#include "tools/sluice_dns/sockets.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace sluice::tool {
namespace {

enum ExitStatus : int { kEnded = 0, kFailed = 1, kBadInput = 2 };

struct Arguments {
  std::vector<std::string> listen{"127.0.0.1:1053"};
  std::string zone_file;
  std::string format;  // empty: by the file's ending
  std::string origin = ".";
  std::string query_log;
  unsigned delay_ms = 0;
  std::string truncate = "0";
  FaultSettings faults;
};

int report(int status, const Error& error) {
  fmt::print(stderr, "sluice-dns: {}\n", error.to_string());
  return status;
}

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf() || file.peek() == std::ifstream::traits_type::eof())) {
    return fail_system(errno, "cannot read the zone file " + path);
  }
  return std::move(text).str();
}

dns::ZoneFormat format_of(const Arguments& arguments) {
  if (arguments.format == "yaml") return dns::ZoneFormat::Yaml;
  if (arguments.format == "json") return dns::ZoneFormat::Json;
  if (arguments.format == "master") return dns::ZoneFormat::Master;
  return dns::zone_format_of(arguments.zone_file);
}

Result<dns::Zone> load_zone(const Arguments& arguments) {
  const auto text = read_file(arguments.zone_file);
  if (!text) return std::unexpected(text.error());
  const dns::ZoneFormat format = format_of(arguments);
  const auto origin = dns::DnsName::from_text(arguments.origin);
  if (!origin) return fail(ErrorKind::Invalid, "--origin: not a DNS name: " + arguments.origin);
  auto zone = format == dns::ZoneFormat::Master ? dns::zone_from_master(*text, *origin)
                                                : dns::zone_from_text(format, *text);
  if (!zone) return fail(zone.error().kind, arguments.zone_file + ": " + zone.error().message);
  return zone;
}

Result<unsigned> percent_of(const std::string& text) {
  if (text == "all") return 100U;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 100) {
    return fail(ErrorKind::Invalid, "--truncate: expected a percentage or \"all\", not " + text);
  }
  return value;
}

Result<std::vector<DnsListener>> open_listeners(const std::vector<std::string>& addresses) {
  std::vector<DnsListener> listeners;
  for (const std::string& text : addresses) {
    const auto local = Endpoint::parse(text);
    if (!local) {
      return fail(ErrorKind::Invalid, "--listen: expected ADDRESS:PORT or [ADDRESS]:PORT, not " + text);
    }
    auto listener = open_listener(*local);
    if (!listener) return std::unexpected(listener.error());
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

void print_ready(const std::vector<DnsListener>& listeners, size_t names) {
  std::vector<std::string> addresses;
  for (const DnsListener& listener : listeners) addresses.push_back(listener.local.to_string());
  std::string line;
  JsonObject json(line);
  json.text("event", "ready")
      .texts("listeners", addresses)
      .number("names", names)
      .number("pid", static_cast<uint64_t>(getpid()));
  json.end();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

// SIGTERM and SIGINT as something to poll.
Descriptor catch_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  (void)sigprocmask(SIG_BLOCK, &set, nullptr);
  return Descriptor(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

int run(Arguments arguments) {
  const auto truncate = percent_of(arguments.truncate);
  if (!truncate) return report(kBadInput, truncate.error());
  arguments.faults.truncate_percent = *truncate;
  arguments.faults.delay = std::chrono::milliseconds(arguments.delay_ms);
  auto zone = load_zone(arguments);
  if (!zone) return report(kBadInput, zone.error());
  QueryLog log;
  if (!arguments.query_log.empty()) {
    auto opened = QueryLog::open(arguments.query_log);
    if (!opened) return report(kFailed, opened.error());
    log = std::move(*opened);
  }
  const Descriptor signals = catch_signals();
  if (!signals.is_open()) return report(kFailed, fail_system(errno, "signalfd").error());
  auto listeners = open_listeners(arguments.listen);
  if (!listeners) {
    return report(listeners.error().kind == ErrorKind::Invalid ? kBadInput : kFailed, listeners.error());
  }
  print_ready(*listeners, zone->name_count());
  DnsServer server(std::move(*zone), arguments.faults, std::move(log), std::move(*listeners));
  const auto ended = server.run(signals);
  return ended ? kEnded : report(kFailed, ended.error());
}

void declare(CLI::App& app, Arguments& arguments) {
  const std::map<std::string, dns::ZoneFormat> formats{
      {"yaml", dns::ZoneFormat::Yaml}, {"json", dns::ZoneFormat::Json}, {"master", dns::ZoneFormat::Master}};
  app.add_option("--zone", arguments.zone_file, "the zone: openspf YAML or JSON, or an RFC 1035 master file")
      ->required();
  app.add_option("--listen", arguments.listen, "ADDRESS:PORT, by UDP and TCP; port 0 is any (repeatable)")
      ->capture_default_str();
  app.add_option("--format", arguments.format, "yaml, json or master; by default by the file's ending")
      ->check(CLI::IsMember({"yaml", "json", "master"}));
  app.add_option("--origin", arguments.origin, "completes relative names of a master file");
  app.add_option("--query-log", arguments.query_log,
                 "append one line of JSON a query to this file; - is stdout");
  app.add_option("--delay", arguments.delay_ms, "milliseconds before each response")
      ->check(CLI::Range(0U, 60'000U));
  app.add_option("--loss", arguments.faults.loss_percent, "percentage of UDP queries that get no response")
      ->check(CLI::Range(0U, 100U));
  app.add_option("--servfail", arguments.faults.servfail_percent, "percentage of queries that get SERVFAIL")
      ->check(CLI::Range(0U, 100U));
  app.add_option("--truncate", arguments.truncate,
                 "percentage of UDP queries that get an empty response with TC, or \"all\"");
  app.add_option("--seed", arguments.faults.seed, "for what happens by chance")->capture_default_str();
}

}  // namespace
}  // namespace sluice::tool

int main(int argc, char** argv) {
  CLI::App app("sluice-dns: authoritative DNS server for tests");
  sluice::tool::Arguments arguments;
  sluice::tool::declare(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? sluice::tool::kEnded : sluice::tool::kBadInput;
  }
  return sluice::tool::run(std::move(arguments));
}

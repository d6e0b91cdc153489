// spf explain, spf impostor: why a result came out, and what a domain's record gives to others.
#include "io/base/json_text.h"
#include "rules/spf/domain.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/printable.h"
#include "tools/sluicectl/source_options.h"
#include "tools/sluicectl/spf_impostor.h"
#include "tools/sluicectl/spf_notice.h"
#include "tools/sluicectl/spf_report.h"
#include "tools/sluicectl/tracked_message.h"

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace sluice::ctl {
namespace {

struct Options {
  std::string domain, ip, helo, sender, receiver, id, journal;
  bool helo_identity = false;
  bool notice = false;
  bool json = false;
  SourceOptions source;
};

int complain(std::string_view command, std::string_view problem, int status) {
  fmt::print(stderr, "sluicectl spf {}: {}\n", command, printable(problem));
  return status;
}

Result<spf::Check> check_of(const Options& options) {
  spf::Check check;
  const auto client = IpAddress::parse(options.ip);
  if (!client) return fail(ErrorKind::Invalid, "--ip needs an IP address");
  if (!spf::checked_domain(options.domain))
    return fail(ErrorKind::Invalid, fmt::format("{} is not a domain that can have a record", options.domain));
  check.client = *client;
  check.helo = options.helo.empty() ? options.domain : options.helo;
  check.sender = options.sender.empty() ? "postmaster@" + options.domain : options.sender;
  check.identity = options.helo_identity ? auth::Identity::Helo : auth::Identity::MailFrom;
  if (spf::domain_of(check) != options.domain)
    return fail(ErrorKind::Invalid,
                fmt::format("the check would be about {}, not {}", spf::domain_of(check), options.domain));
  return check;
}

Result<spf::Check> check_of_row(const Options& options) {
  if (options.journal.empty()) return fail(ErrorKind::Invalid, "--id needs --journal");
  Result<TrackedMessage> message = find_tracked(options.journal, options.id);
  if (!message) return std::unexpected(std::move(message.error()));
  if (!options.json && !options.notice) {
    fmt::print("Message {} of {}: SPF was {} then\n\n", printable(options.id), printable(message->time),
               message->result.empty() ? "not evaluated" : printable(message->result));
  }
  return std::move(message->check);
}

int explain(const Options& options) {
  Result<spf::Check> made = options.id.empty() ? check_of(options) : check_of_row(options);
  if (!made) return complain("explain", made.error().to_string(), kExitUsage);
  spf::Check& check = *made;
  check.receiver = options.receiver;
  check.explain = spf::Explain::Fetch;
  Result<Sources> sources = open_sources(options.source);
  if (!sources) return complain("explain", sources.error().to_string(), kExitUsage);
  AnswerSource& source = sources->get();
  check.now = source.now();
  source.begin_check();
  SpfTrace trace = trace_spf(check, source);
  if (!options.notice) trace.breadth = breadth_of(trace.outcome.domain, exchanges_of(trace), source);
  const std::string json = trace_json(check, trace);
  if (const std::string problem = source.check_problem(); !problem.empty())
    return complain("explain", problem, kExitFailed);
  source.end_check(json);
  if (options.json) {
    fmt::print("{}\n", json);
  } else {
    fmt::print("{}", options.notice ? spf_notice(check, trace) : trace_report(check, trace));
  }
  return is_recorded(*sources, "spf explain") ? kExitDone : kExitFailed;
}

void append_impostor(JsonObject& parent, std::string_view family, const ImpostorResult& impostor) {
  JsonObject object = parent.object(family);
  object.text("result", auth::rfc_word(impostor.result)).text("reason", impostor.reason);
  object.end();
}

std::string impostor_json(const std::string& domain, const Impostor& found) {
  std::string out;
  JsonObject object(out);
  object.text("domain", domain);
  append_impostor(object, "ipv4", found.v4);
  append_impostor(object, "ipv6", found.v6);
  if (found.v4.as_written) {
    object.text("as_written", auth::rfc_word(*found.v4.as_written));
  } else {
    object.null("as_written");
  }
  object.end();
  return out;
}

std::string impostor_text(const std::string& domain, const Impostor& found) {
  const auto line = [&](std::string_view who, const ImpostorResult& impostor) {
    return fmt::format("{} gets {}: {}\n", who, auth::header_word(impostor.result),
                       printable(impostor.reason));
  };
  const std::string who = fmt::format("{}: an impostor", printable(domain));
  std::string out;
  if (found.v4.result == found.v6.result && found.v4.reason == found.v6.reason) {
    out = line(who, found.v4);
  } else {
    out = line(who + " over IPv4", found.v4) + line(who + " over IPv6", found.v6);
  }
  if (found.v4.as_written && *found.v4.as_written != found.v4.result)
    out += fmt::format("The record alone says {}.\n", auth::header_word(*found.v4.as_written));
  return out;
}

int impostor(const Options& options) {
  if (!spf::checked_domain(options.domain))
    return complain("impostor", fmt::format("{} is not a domain that can have a record", options.domain),
                    kExitUsage);
  Result<Sources> sources = open_sources(options.source);
  if (!sources) return complain("impostor", sources.error().to_string(), kExitUsage);
  AnswerSource& source = sources->get();
  source.begin_check();
  const Impostor found = impostor_of(options.domain, source);
  if (const std::string problem = source.check_problem(); !problem.empty())
    return complain("impostor", problem, kExitFailed);
  const std::string json = impostor_json(options.domain, found);
  source.end_check(json);
  fmt::print("{}", options.json ? json + "\n" : impostor_text(options.domain, found));
  return is_recorded(*sources, "spf impostor") ? kExitDone : kExitFailed;
}

}  // namespace

void add_spf(CLI::App& app, int& exit_status) {
  CLI::App* spf = app.add_subcommand("spf", "Why an SPF result came out, and what a record gives to others");
  spf->require_subcommand(1);
  auto options = std::make_shared<Options>();

  CLI::App* explaining =
      spf->add_subcommand("explain", "Each term in order: what it matched, asked and cost");
  CLI::Option* domain = explaining->add_option("DOMAIN", options->domain,
                                               "The domain of MAIL FROM, or with --helo-identity of HELO");
  CLI::Option* ip = explaining->add_option("--ip", options->ip, "Address of the SMTP client");
  CLI::Option* helo =
      explaining->add_option("--helo", options->helo, "What it said in HELO or EHLO; without it DOMAIN");
  CLI::Option* sender = explaining->add_option("--sender", options->sender,
                                               "Address of MAIL FROM; without it postmaster@DOMAIN");
  CLI::Option* identity = explaining->add_flag("--helo-identity", options->helo_identity,
                                               "Check the HELO name instead of MAIL FROM");
  CLI::Option* id = explaining->add_option(
      "--id", options->id, "Instead of all these: a message of the journal, checked as it was");
  for (CLI::Option* other : {domain, ip, helo, sender, identity}) id->excludes(other);
  explaining->add_option("--journal", options->journal, "The journal of --id");
  explaining->add_option("--receiver", options->receiver, "Our host name, for explanations");
  explaining->add_flag("--notice", options->notice,
                       "Print what can be forwarded to the sending administrator");
  explaining->add_flag("--json", options->json, "Print JSON");
  add_source_options(*explaining, options->source);
  explaining->callback([options, &exit_status] { exit_status = explain(*options); });

  CLI::App* others =
      spf->add_subcommand("impostor", "What a host gets that the domain's record does not list");
  others->add_option("DOMAIN", options->domain, "The domain")->required();
  others->add_flag("--json", options->json, "Print JSON");
  add_source_options(*others, options->source);
  others->callback([options, &exit_status] { exit_status = impostor(*options); });
}

}  // namespace sluice::ctl

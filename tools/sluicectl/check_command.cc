#include "io/base/json_text.h"
#include "io/base/limits.h"
#include "io/mail/header_block.h"
#include "rules/auth/result.h"
#include "rules/evidence/spf_outcome.h"
#include "tools/sluicectl/check_line.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/line_reader.h"
#include "tools/sluicectl/message_file.h"
#include "tools/sluicectl/message_json.h"
#include "tools/sluicectl/message_run.h"
#include "tools/sluicectl/message_settings.h"
#include "tools/sluicectl/printable.h"
#include "tools/sluicectl/source_options.h"
#include "tools/sluicectl/spf_run.h"
#include "tools/sluicectl/spf_text.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace sluice::ctl {
namespace {

struct Options {
  std::string ip, helo, mail_from, receiver, message_file, policy_file;
  SourceOptions source;
  bool helo_identity = false;
  bool json = false;
  bool batch = false;
};

int complain(const Error& error) {
  fmt::print(stderr, "sluicectl check: {}\n", error.to_string());
  return kExitUsage;
}

Result<MessageSettings> settings_of(const Options& options) {
  return options.policy_file.empty() ? MessageSettings() : MessageSettings::of_policy(options.policy_file);
}

// --- Many messages ---

bool write_all(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// What is wrong with a recording or a replay as a whole.
int end_status(const Sources& sources) {
  if (!is_recorded(sources, "check")) return kExitFailed;
  if (!sources.replay || sources.replay->differences() == 0) return kExitDone;
  fmt::print(stderr, "sluicectl check: {} of {} verdicts are not those of the recording\n",
             sources.replay->differences(), sources.replay->checks());
  return kExitFailed;
}

int check_batch(const Options& options) {
  Result<Sources> sources = open_sources(options.source);
  if (!sources) return complain(sources.error());
  const Result<MessageSettings> settings = settings_of(options);
  if (!settings) return complain(settings.error());
  CheckLines lines(sources->get(), *settings);
  LineReader reader(STDIN_FILENO);
  std::string out;
  while (true) {
    const LineReader::Line line = reader.next();
    // Whoever writes a line and waits for its answer gets it: nothing is held back across a wait for input.
    if (line.kind == LineReader::Kind::NeedInput || line.kind == LineReader::Kind::End ||
        out.size() > 65536) {
      if (!write_all(out)) return kExitFailed;
      out.clear();
    }
    if (line.kind == LineReader::Kind::End) return end_status(*sources);
    if (line.kind == LineReader::Kind::Text) out += lines.answer(line.text);
    if (line.kind == LineReader::Kind::TooLong) out += lines.answer_too_long();
    if (line.kind == LineReader::Kind::NeedInput) reader.wait();
  }
}

// --- One message ---

// The return path that the message's last delivery wrote, where no --mail-from was given.
Result<std::string> return_path(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) return std::unexpected(text.error());
  mail::HeaderReader reader;
  reader.feed(*text);
  reader.finish();
  const auto index = reader.block().find("Return-Path");
  if (!index) return fail(ErrorKind::NotFound, path + " has no Return-Path: field; give --mail-from");
  std::string value = mail::unfold(reader.block()[*index].value);
  if (value.starts_with('<') && value.ends_with('>')) value = value.substr(1, value.size() - 2);
  return value;
}

void print_outcome(const spf::Outcome& outcome, const spf::Check& check,
                   std::optional<auth::SpfResult> unlisted) {
  const auto line = [](std::string_view name, std::string_view text) {
    if (!text.empty()) fmt::print("{:<13}{}\n", name, printable(text));
  };
  line("SPF", auth::rfc_word(outcome.result));
  line("client", check.client.to_string());
  line("identity", auth::identity_word(outcome.identity));
  line("domain", outcome.domain);
  line("mechanism", outcome.mechanism.value_or(""));
  line("explanation", outcome.explanation.value_or(""));
  line("lookups", fmt::format("{} of {}, without an answer {} of {}", outcome.lookups, limits::kSpfTerms,
                              outcome.void_lookups, limits::kSpfVoid));
  line("problem", outcome.problem);
  if (!outcome.problem_term.empty()) {
    line("at", fmt::format("\"{}\", octet {} of the record of {}", outcome.problem_term,
                           outcome.problem_offset, outcome.problem_domain));
  } else {
    line("at", outcome.problem_domain);
  }
  if (unlisted) line("others get", auth::rfc_word(*unlisted));
}

void print_message(const evidence::Evidence& found) {
  for (const dkim::SignatureOutcome& signature : found.dkim.signatures) {
    fmt::print("{:<13}{} of {}, selector {}: {}\n", "DKIM", dkim::rfc_word(signature.result),
               printable(signature.domain), printable(signature.selector), dkim::to_word(signature.reason));
  }
  if (found.dkim.signatures.empty()) fmt::print("{:<13}no signature\n", "DKIM");
  fmt::print("{:<13}{}: {}\n", "ARC", arc::rfc_word(found.arc->result), arc::to_word(found.arc->reason));
  const dmarc::Outcome& dmarc = *found.dmarc;
  fmt::print("{:<13}{}: {}; policy {} of {}, aligned: SPF {}, DKIM {}\n", "DMARC",
             dmarc::rfc_word(dmarc.result), dmarc::to_word(dmarc.reason), dmarc::rfc_word(dmarc.policy),
             dmarc.policy_domain.empty() ? "nobody" : printable(dmarc.policy_domain),
             dmarc.spf_aligned ? "yes" : "no", dmarc.dkim_aligned ? "yes" : "no");
  const arc::Override& set_aside = found.arc_override;
  if (!set_aside.reason.empty())
    fmt::print("{:<13}{}: {}\n", "override", set_aside.applied ? "yes" : "no", printable(set_aside.reason));
}

std::string outcome_json(const spf::Outcome& outcome, std::optional<auth::SpfResult> unlisted,
                         const std::optional<evidence::Evidence>& found) {
  std::string out;
  JsonObject object(out);
  JsonObject spf = object.object("spf");
  append_outcome(spf, outcome);
  spf.text("problem", outcome.problem).text("problem_domain", outcome.problem_domain);
  spf.text("problem_term", outcome.problem_term).number("problem_offset", outcome.problem_offset);
  if (unlisted) {
    spf.text("unlisted", auth::rfc_word(*unlisted));
  } else {
    spf.null("unlisted");
  }
  spf.end();
  if (found) {
    append_dkim(object, found->dkim);
    append_arc(object, *found->arc, found->arc_override);
    append_dmarc(object, *found->dmarc);
  }
  object.end();
  return out;
}

// Null without a message.
Result<std::optional<evidence::Evidence>> check_message(const Options& options, const spf::Check& check,
                                                        const spf::Outcome& outcome, AnswerSource& source) {
  if (options.message_file.empty()) return std::nullopt;
  const Result<MessageSettings> settings = settings_of(options);
  if (!settings) return std::unexpected(settings.error());
  const Result<std::string> octets = read_message(options.message_file);
  if (!octets) return std::unexpected(octets.error());
  evidence::Evidence evidence;
  evidence.sender = to_sender(check.sender);
  (evidence.sender.is_null() ? evidence.spf.helo : evidence.spf.mail_from) = evidence::to_evidence(outcome);
  const Result<void> read = run_message(*octets, {.dkim = true, .dmarc = true, .chain = true},
                                        settings->at(check.now), source, evidence);
  if (!read) return std::unexpected(read.error());
  return evidence;
}

int check_one(const Options& options) {
  spf::Check check;
  const auto client = IpAddress::parse(options.ip);
  if (!client) return complain(Error{ErrorKind::Invalid, 0, "--ip needs an IP address"});
  check.client = *client;
  check.helo = options.helo;
  check.sender = options.mail_from;
  check.receiver = options.receiver;
  check.identity = options.helo_identity ? auth::Identity::Helo : auth::Identity::MailFrom;
  check.explain = spf::Explain::Fetch;
  if (options.mail_from.empty() && !options.message_file.empty()) {
    Result<std::string> sender = return_path(options.message_file);
    if (!sender) return complain(sender.error());
    check.sender = std::move(*sender);
  }
  Result<Sources> sources = open_sources(options.source);
  if (!sources) return complain(sources.error());
  AnswerSource& source = sources->get();
  check.now = source.now();
  source.begin_check();
  std::vector<Exchange> log;
  const spf::Outcome outcome = run_spf(check, source, &log);
  const auto unlisted = unlisted_result(outcome.domain, source);
  const Result<std::optional<evidence::Evidence>> found = check_message(options, check, outcome, source);
  if (!found) return complain(found.error());
  const std::string json = outcome_json(outcome, unlisted, *found);
  if (const std::string problem = source.check_problem(); !problem.empty()) {
    fmt::print(stderr, "sluicectl check: {}\n", printable(problem));
    return kExitFailed;
  }
  source.end_check(json);
  if (options.json) {
    fmt::print("{}\n", json);
    return end_status(*sources);
  }
  print_outcome(outcome, check, unlisted);
  if (*found) print_message(**found);
  for (const Exchange& exchange : log) {
    fmt::print("{:<13}{} {}: {}\n", "asked", exchange.question.name.to_text(),
               dns::to_string(exchange.question.type), status_word(exchange.answer.status));
  }
  return end_status(*sources);
}

}  // namespace

void add_check(CLI::App& app, int& exit_status) {
  CLI::App* check =
      app.add_subcommand("check", "Checks one message, or a batch, with SPF, DKIM, ARC and DMARC");
  auto options = std::make_shared<Options>();
  check->add_flag("--batch", options->batch, "Read JSON lines on standard input, answer each with one");
  add_source_options(*check, options->source);
  check->add_option("--ip", options->ip, "Address of the SMTP client");
  check->add_option("--helo", options->helo, "What it said in HELO or EHLO");
  check->add_option("--mail-from", options->mail_from, "Address of MAIL FROM; empty for the null sender");
  check->add_option("--receiver", options->receiver, "Our host name, for explanations");
  check->add_flag("--helo-identity", options->helo_identity, "Check the HELO name instead of MAIL FROM");
  check->add_flag("--json", options->json, "Print JSON");
  check->add_option("--policy", options->policy_file,
                    "Check as a node with this policy would: its dkim, arc and dmarc sections");
  check->add_option(
      "FILE", options->message_file,
      "A message, for DKIM, ARC and DMARC, and for its Return-Path where --mail-from is not given");
  check->callback([options, &exit_status] {
    exit_status = options->batch ? check_batch(*options) : check_one(*options);
  });
}

}  // namespace sluice::ctl

#include "tools/sluicectl/check_line.h"

#include "dnscache/zone/zone_json.h"
#include "io/base/ascii.h"
#include "io/base/json_text.h"
#include "io/mail/header_block.h"
#include "rules/auth/result.h"
#include "rules/evidence/spf_outcome.h"
#include "rules/policy/authentication_results.h"
#include "tools/sluicectl/message_file.h"
#include "tools/sluicectl/message_json.h"
#include "tools/sluicectl/message_run.h"
#include "tools/sluicectl/spf_run.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace sluice::ctl {

using nlohmann::json;

namespace {

constexpr std::string_view kResultsMember = "authentication_results";

struct Request {
  std::string id = "null";  // JSON
  spf::Check check;
  std::vector<std::string> checks;
  bool has_time = false;
  std::string message_file;  // empty: none
  std::optional<std::vector<std::string>> trusted_sealers;
  std::string authserv_id;  // empty: none

  bool wants(std::string_view name) const { return std::ranges::find(checks, name) != checks.end(); }
};

std::string error_line(std::string_view id, std::string_view error) {
  std::string out;
  JsonObject object(out);
  object.raw("id", id).text("error", error);
  object.end();
  out += '\n';
  return out;
}

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

// The text of an optional member; an absent one and null are empty. False when it is something else.
bool read_text(const json& line, const char* key, std::string& out) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return true;
  if (!found->is_string()) return false;
  out = found->get_ref<const std::string&>();
  return true;
}

bool read_texts(const json& list, std::vector<std::string>& out) {
  if (!list.is_array()) return false;
  for (const json& each : list) {
    if (!each.is_string()) return false;
    out.push_back(each.get<std::string>());
  }
  return true;
}

// Reads what is common to all checks; gives the error, or nothing when all is well.
std::string_view read_request(const json& line, Request& request) {
  std::string address;
  if (!read_text(line, "ip", address)) return "\"ip\" is not a string";
  const auto client = IpAddress::parse(address);
  if (!client) return "\"ip\" is not an IP address";
  request.check.client = *client;
  if (!read_text(line, "helo", request.check.helo)) return "\"helo\" is not a string";
  std::string& sender = request.check.sender;
  if (!read_text(line, "mail_from", sender)) return "\"mail_from\" is not a string";
  if (sender.starts_with('<') && sender.ends_with('>')) sender = sender.substr(1, sender.size() - 2);
  if (const auto now = line.find("now"); now != line.end() && !now->is_null()) {
    // Bounded, since microseconds are counted in 64 bits.
    constexpr double kNowMax = 4e12;
    if (!now->is_number()) return "\"now\" is not a number";
    const double seconds = now->get<double>();
    if (!(seconds >= 0 && seconds <= kNowMax)) return "\"now\" is out of range";
    request.check.now = WallTime(std::chrono::seconds(static_cast<int64_t>(seconds)));
    request.has_time = true;
  }
  return {};
}

// Which checks, and what those of the message need.
std::string_view read_checks(const json& line, Request& request) {
  if (!read_text(line, "message_file", request.message_file)) return "\"message_file\" is not a string";
  if (!read_text(line, "authserv_id", request.authserv_id)) return "\"authserv_id\" is not a string";
  std::vector<std::string> sealers;
  if (const auto given = line.find("trusted_sealers"); given != line.end() && !given->is_null()) {
    if (!read_texts(*given, sealers)) return "\"trusted_sealers\" is not a list of strings";
    request.trusted_sealers = std::move(sealers);
  }
  const auto checks = line.find("checks");
  if (checks == line.end() || checks->is_null()) {
    request.checks = {"spf"};
    if (!request.message_file.empty()) request.checks = {"spf", "dkim", "arc", "dmarc"};
    return {};
  }
  std::vector<std::string> names;
  if (!read_texts(*checks, names)) return "\"checks\" is not a list of strings";
  for (std::string& name : names) {
    if (!request.wants(name)) request.checks.push_back(std::move(name));
  }
  return {};
}

void append_text_or_null(JsonObject& object, std::string_view key, const std::optional<std::string>& text) {
  if (text) {
    object.text(key, *text);
  } else {
    object.null(key);
  }
}

void append_spf(JsonObject& parent, const spf::Outcome& outcome) {
  JsonObject object = parent.object("spf");
  append_outcome(object, outcome);
  object.end();
}

bool is_of_message(std::string_view check) { return check == "dkim" || check == "arc" || check == "dmarc"; }

// Runs what the checks need of each other: DMARC needs SPF and DKIM, and whether a chain changes its result
// is part of "arc".
Result<std::optional<spf::Outcome>> run_checks(const Request& request, const MessageSettings& settings,
                                               std::string_view octets, AnswerSource& source,
                                               evidence::Evidence& evidence) {
  const bool with_dmarc = request.wants("dmarc") || request.wants("arc");
  std::optional<spf::Outcome> spf;
  if (request.wants("spf") || with_dmarc) spf = run_spf(request.check, source);
  evidence.client.address = request.check.client;
  evidence.client.helo = request.check.helo;
  evidence.sender = to_sender(request.check.sender);
  if (spf) {
    const bool by_helo = spf->identity == auth::Identity::Helo;
    (by_helo ? evidence.spf.helo : evidence.spf.mail_from) = evidence::to_evidence(*spf);
  }
  if (!std::ranges::any_of(request.checks, is_of_message) || request.message_file.empty()) return spf;
  std::optional<arc::TrustedSealers> sealers;
  if (request.trusted_sealers) sealers.emplace(*request.trusted_sealers);
  const authentication::Wanted wanted{
      .dkim = request.wants("dkim") || with_dmarc, .dmarc = with_dmarc, .chain = request.wants("arc")};
  const authentication::Settings how = settings.at(request.check.now, sealers ? &*sealers : nullptr);
  const Result<void> read = run_message(octets, wanted, how, source, evidence);
  if (!read) return std::unexpected(read.error());
  return spf;
}

void append_check(JsonObject& object, std::string_view check, const std::optional<spf::Outcome>& spf,
                  const evidence::Evidence& evidence) {
  if (check == "spf") append_spf(object, *spf);
  if (check == "content") object.raw(check, R"({"error":"not available"})");
  if (!is_of_message(check)) return;
  const bool found = evidence.dkim.verified || evidence.dmarc || evidence.arc;
  if (!found) {
    object.raw(check, R"({"error":"needs \"message_file\""})");
  } else if (check == "dkim") {
    append_dkim(object, evidence.dkim);
  } else if (check == "arc") {
    append_arc(object, *evidence.arc, evidence.arc_override);
  } else {
    append_dmarc(object, *evidence.dmarc);
  }
}

// The value of the field that the node would write, on one line (W-36).
void append_results_field(JsonObject& object, std::string_view authserv_id,
                          const evidence::Evidence& evidence) {
  const std::string line = policy::authentication_results_line(authserv_id, evidence);
  const std::string value = mail::unfold(std::string_view(line).substr(line.find(':') + 1));
  object.text(kResultsMember, trim(value));
}

}  // namespace

void append_outcome(JsonObject& object, const spf::Outcome& outcome) {
  object.text("result", auth::rfc_word(outcome.result));
  object.text("identity", auth::identity_word(outcome.identity));
  object.text("domain", outcome.domain);
  append_text_or_null(object, "mechanism", outcome.mechanism);
  append_text_or_null(object, "explanation", outcome.explanation);
  object.number("lookups", outcome.lookups).number("void_lookups", outcome.void_lookups);
}

struct CheckLines::LineZone {
  json text;
  dns::Zone zone;
};

CheckLines::CheckLines(AnswerSource& source, const MessageSettings& settings)
    : source_(source), settings_(settings) {}
CheckLines::~CheckLines() = default;

std::string CheckLines::answer(std::string_view line) {
  source_.begin_check();
  std::string out = evaluate(line);
  source_.end_check(std::string_view(out).substr(0, out.size() - 1));
  return out;
}

std::string CheckLines::answer_too_long() {
  source_.begin_check();
  std::string out = error_line("null", "the line is too long");
  source_.end_check(std::string_view(out).substr(0, out.size() - 1));
  return out;
}

std::string CheckLines::evaluate(std::string_view text) {
  json line = json::parse(text, nullptr, false);
  if (line.is_discarded()) return error_line("null", "not JSON");
  if (!line.is_object()) return error_line("null", "not a JSON object");
  Request request;
  request.check.explain = spf::Explain::Fetch;
  const auto id = line.find("id");
  if (id != line.end()) {
    if (!id->is_string() && !id->is_number() && !id->is_null()) {
      return error_line("null", "\"id\" is neither a string nor a number");
    }
    request.id = dump(*id);
  }
  std::string_view wrong = read_request(line, request);
  if (wrong.empty()) wrong = read_checks(line, request);
  if (!wrong.empty()) return error_line(request.id, wrong);
  std::string octets;
  if (!request.message_file.empty() && std::ranges::any_of(request.checks, is_of_message)) {
    Result<std::string> read = read_message(request.message_file);
    if (!read) return error_line(request.id, "\"message_file\": " + read.error().to_string());
    octets = std::move(*read);
  }

  const dns::Zone* zone = nullptr;
  if (const auto given = line.find("zone"); given != line.end() && !given->is_null()) {
    if (!line_zone_ || line_zone_->text != *given) {
      Result<dns::Zone> read = dns::zone_from_json_value(*given);
      if (!read) return error_line(request.id, "\"zone\": " + read.error().to_string());
      line_zone_ = std::make_unique<LineZone>(LineZone{std::move(*given), std::move(*read)});
    }
    zone = &line_zone_->zone;
  }

  std::optional<ZoneSource> of_line;
  if (zone != nullptr) of_line.emplace(*zone);
  AnswerSource& source = of_line ? static_cast<AnswerSource&>(*of_line) : source_;
  if (!request.has_time) request.check.now = source_.now();
  evidence::Evidence evidence;
  const auto spf = run_checks(request, settings_, octets, source, evidence);
  if (!spf) return error_line(request.id, "\"message_file\": " + spf.error().to_string());

  std::string out;
  JsonObject object(out);
  object.raw("id", request.id);
  for (const std::string& check : request.checks) append_check(object, check, *spf, evidence);
  if (!request.authserv_id.empty()) append_results_field(object, request.authserv_id, evidence);
  object.end();
  out += '\n';
  const std::string problem = source_.check_problem();
  return problem.empty() ? out : error_line(request.id, problem);
}

}  // namespace sluice::ctl

#include "tools/sluicectl/sign_line.h"

#include "dnscache/zone/zone_json.h"
#include "io/base/json_text.h"
#include "io/base/limits.h"
#include "io/mail/header_block.h"
#include "rules/arc/sealer.h"
#include "rules/dkim/signer.h"
#include "rules/policy/authentication_results.h"
#include "tools/sluicectl/key_file.h"
#include "tools/sluicectl/message_file.h"
#include "tools/sluicectl/seal_evidence.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace sluice::ctl {

using nlohmann::json;

namespace {

std::string answer_line(std::string_view id, std::string_view error) {
  std::string out;
  JsonObject object(out);
  object.raw("id", id);
  if (error.empty()) {
    object.raw("ok", "true");
  } else {
    object.text("error", error);
  }
  object.end();
  out += '\n';
  return out;
}

std::unexpected<Error> wrong(std::string what) { return fail(ErrorKind::Invalid, std::move(what)); }

// Members that are absent or null leave `out` as it is.
Result<void> read_text(const json& line, const char* key, std::string& out) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return {};
  if (!found->is_string()) return wrong(std::string("\"") + key + "\" is not a string");
  out = found->get_ref<const std::string&>();
  return {};
}

Result<bool> read_names(const json& line, const char* key, std::vector<std::string>& out) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return false;
  if (!found->is_array()) return wrong(std::string("\"") + key + "\" is not a list");
  out.clear();
  for (const json& name : *found) {
    if (!name.is_string()) return wrong(std::string("\"") + key + "\" holds something other than strings");
    out.push_back(name.get_ref<const std::string&>());
  }
  return true;
}

Result<std::optional<int64_t>> read_seconds(const json& line, const char* key) {
  constexpr double kSecondsMax = 4e12;  // microseconds are counted in 64 bits
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return std::nullopt;
  if (!found->is_number()) return wrong(std::string("\"") + key + "\" is not a number");
  const double seconds = found->get<double>();
  if (!(seconds >= 0 && seconds <= kSecondsMax)) return wrong(std::string("\"") + key + "\" is out of range");
  return static_cast<int64_t>(seconds);
}

std::optional<dkim::Canonicalization> canonicalization_of(std::string_view word) {
  if (word == "simple") return dkim::Canonicalization::Simple;
  if (word == "relaxed") return dkim::Canonicalization::Relaxed;
  return std::nullopt;
}

Result<void> read_canonicalization(const std::string& text, dkim::SignSpec& spec) {
  const size_t slash = std::min(text.find('/'), text.size());
  const auto header = canonicalization_of(std::string_view(text).substr(0, slash));
  // c=relaxed alone means a simple body (RFC 6376 section 3.5).
  const auto body = slash == text.size() ? dkim::Canonicalization::Simple
                                         : canonicalization_of(std::string_view(text).substr(slash + 1));
  if (!header || !body) return wrong("\"canonicalization\" is not like \"relaxed/simple\"");
  spec.header = *header;
  spec.body = *body;
  return {};
}

struct Message {
  std::string text;
  mail::HeaderReader reader;
  std::vector<std::string_view> fields;
  std::string_view body;
  std::string line_end;  // in front of the body, where the message has no header block of its own

  std::array<uint8_t, 32> digest(dkim::Canonicalization canonicalization) const {
    dkim::BodyHashes hashes;
    const auto id = hashes.want(canonicalization);
    hashes.feed(body);
    hashes.finish();
    std::array<uint8_t, 32> digest{};
    std::ranges::copy(hashes.digest(*id), digest.begin());
    return digest;
  }
};

Result<std::unique_ptr<Message>> load_message(const std::string& path) {
  Result<std::string> text = read_message(path);
  if (!text) return std::unexpected(text.error());
  auto message = std::make_unique<Message>();
  message->text = std::move(*text);
  message->reader.feed(message->text);
  message->reader.finish();
  if (message->reader.state() != mail::HeaderReader::State::Complete) {
    return wrong(path + " has a header block over the limits");
  }
  const mail::HeaderBlock& block = message->reader.block();
  for (size_t i = 0; i < block.size(); ++i) {
    if (block[i].kind == mail::FieldKind::Field) message->fields.push_back(block[i].raw);
  }
  message->body = std::string_view(message->text).substr(block.body_offset());
  if (block.needs_separator()) message->line_end = "\r\n";
  return message;
}

Result<void> store_message(const std::string& path, std::string_view added, const Message& message) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << added << message.line_end << message.text;
  file.flush();
  if (!file) return fail_system(errno, "cannot write " + path);
  return {};
}

}  // namespace

struct SignLines::LineZone {
  json text;
  dns::Zone zone;
};

struct SignLines::Request {
  std::string mode, message_file, out_file, key_file, algorithm, authserv_id;
  dkim::SignSpec spec;
  Envelope envelope;
  const dns::Zone* zone = nullptr;
  bool own_headers = false;

  Result<void> read(const json& line, WallTime default_now);

 private:
  Result<void> read_lists(const json& line);
  Result<void> read_numbers(const json& line, WallTime default_now);
};

Result<void> SignLines::Request::read(const json& line, WallTime default_now) {
  std::string canonicalization = "relaxed/relaxed";
  std::string ip;
  const std::pair<const char*, std::string*> texts[] = {{"mode", &mode},
                                                        {"message_file", &message_file},
                                                        {"out_file", &out_file},
                                                        {"key_file", &key_file},
                                                        {"algorithm", &algorithm},
                                                        {"authserv_id", &authserv_id},
                                                        {"domain", &spec.domain},
                                                        {"selector", &spec.selector},
                                                        {"identity", &spec.identity},
                                                        {"canonicalization", &canonicalization},
                                                        {"ip", &ip},
                                                        {"helo", &envelope.helo},
                                                        {"mail_from", &envelope.mail_from}};
  for (const auto& [key, place] : texts) {
    if (auto done = read_text(line, key, *place); !done) return done;
  }
  if (mode != "dkim" && mode != "arc") return wrong("\"mode\" is neither \"dkim\" nor \"arc\"");
  for (const auto& [key, place] : {texts[1], texts[2], texts[3], texts[6], texts[7]}) {
    if (place->empty()) return wrong(std::string("\"") + key + "\" is missing");
  }
  std::string& sender = envelope.mail_from;
  if (sender.starts_with('<') && sender.ends_with('>')) sender = sender.substr(1, sender.size() - 2);
  if (!ip.empty()) {
    const auto address = IpAddress::parse(ip);
    if (!address) return wrong("\"ip\" is not an IP address");
    envelope.client = *address;
    envelope.has_client = true;
  }
  if (auto done = read_canonicalization(canonicalization, spec); !done) return done;
  if (auto done = read_lists(line); !done) return done;
  return read_numbers(line, default_now);
}

Result<void> SignLines::Request::read_lists(const json& line) {
  const auto headers = read_names(line, "headers", spec.headers);
  if (!headers) return std::unexpected(headers.error());
  own_headers = *headers;
  if (own_headers) spec.oversigned.clear();
  const auto oversigned = read_names(line, "oversigned", spec.oversigned);
  if (!oversigned) return std::unexpected(oversigned.error());
  return {};
}

Result<void> SignLines::Request::read_numbers(const json& line, WallTime default_now) {
  const auto now = read_seconds(line, "now");
  if (!now) return std::unexpected(now.error());
  envelope.now = *now ? WallTime(std::chrono::seconds(**now)) : default_now;
  const auto expire = read_seconds(line, "expire");
  if (!expire) return std::unexpected(expire.error());
  if (*expire) spec.lifetime = std::chrono::seconds(**expire);
  return {};
}

SignLines::SignLines(AnswerSource& source) : source_(source) {}
SignLines::~SignLines() = default;

std::string SignLines::answer_too_long() { return answer_line("null", "the line is too long"); }

std::string SignLines::answer(std::string_view text) {
  const json line = json::parse(text, nullptr, false);
  if (line.is_discarded()) return answer_line("null", "not JSON");
  if (!line.is_object()) return answer_line("null", "not a JSON object");
  std::string id = "null";
  if (const auto given = line.find("id"); given != line.end()) {
    if (!given->is_string() && !given->is_number() && !given->is_null()) {
      return answer_line("null", "\"id\" is neither a string nor a number");
    }
    id = given->dump(-1, ' ', false, json::error_handler_t::replace);
  }
  Request request;
  if (auto read = request.read(line, source_.now()); !read) return answer_line(id, read.error().to_string());
  if (const auto given = line.find("zone"); given != line.end() && !given->is_null()) {
    if (!line_zone_ || line_zone_->text != *given) {
      Result<dns::Zone> zone = dns::zone_from_json_value(*given);
      if (!zone) return answer_line(id, "\"zone\": " + zone.error().to_string());
      line_zone_ = std::make_unique<LineZone>(LineZone{*given, std::move(*zone)});
    }
    request.zone = &line_zone_->zone;
  }
  const Result<void> done = sign(request);
  return answer_line(id, done ? std::string() : done.error().to_string());
}

Result<const dkim::SigningKey*> SignLines::key_of(const std::string& path) {
  constexpr size_t kKept = 1000;  // ours: then they are read anew
  if (const auto known = keys_.find(path); known != keys_.end()) return &known->second;
  Result<dkim::SigningKey> key = read_key(path);
  if (!key) return std::unexpected(key.error());
  if (keys_.size() >= kKept) keys_.clear();
  return &keys_.emplace(path, std::move(*key)).first->second;
}

Result<void> SignLines::sign(const Request& request) {
  const auto key = key_of(request.key_file);
  if (!key) return std::unexpected(key.error());
  const std::string_view algorithm = dkim::to_word((*key)->algorithm());
  if (!request.algorithm.empty() && request.algorithm != algorithm) {
    return wrong(request.algorithm + " cannot be made with this key, which is for " + std::string(algorithm));
  }
  const auto message = load_message(request.message_file);
  if (!message) return std::unexpected(message.error());
  const Message& read = **message;
  Result<std::string> added;
  if (request.mode == "dkim") {
    added =
        dkim::sign(read.fields, read.digest(request.spec.body), request.spec, **key, request.envelope.now);
  } else {
    std::optional<ZoneSource> zone;
    if (request.zone != nullptr) zone.emplace(*request.zone);
    AnswerSource& source = zone ? static_cast<AnswerSource&>(*zone) : source_;
    const evidence::Evidence evidence = evidence_for_seal(request.envelope, read.text, source);
    const std::string results = policy::arc_results_payload(evidence);
    const std::string& id = request.authserv_id.empty() ? request.spec.domain : request.authserv_id;
    arc::SealSpec spec;
    spec.domain = request.spec.domain;
    spec.selector = request.spec.selector;
    if (request.own_headers) spec.headers = request.spec.headers;
    added = arc::seal(read.fields, read.digest(dkim::Canonicalization::Relaxed), *evidence.arc,
                      {id, results, request.envelope.now}, spec, **key);
  }
  if (!added) return std::unexpected(added.error());
  return store_message(request.out_file, *added, read);
}

}  // namespace sluice::ctl

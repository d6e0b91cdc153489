#include "tools/sluicectl/recording_line.h"

#include "io/base/json_text.h"
#include "io/base/limits.h"
#include "io/base/octet_text.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sluice::ctl {

using nlohmann::json;

namespace {

constexpr int kVersion = 1;

struct StatusName {
  dns::AnswerStatus status;
  std::string_view name;
};
constexpr std::array<StatusName, 6> kStatusNames{{{dns::AnswerStatus::Records, "records"},
                                                  {dns::AnswerStatus::NoData, "no_data"},
                                                  {dns::AnswerStatus::NxDomain, "nx_domain"},
                                                  {dns::AnswerStatus::ServFail, "serv_fail"},
                                                  {dns::AnswerStatus::Timeout, "timeout"},
                                                  {dns::AnswerStatus::OverBudget, "over_budget"}}};
constexpr std::array kTypes{dns::RecordType::A,   dns::RecordType::Ns,  dns::RecordType::Cname,
                            dns::RecordType::Soa, dns::RecordType::Ptr, dns::RecordType::Mx,
                            dns::RecordType::Txt, dns::RecordType::Aaaa};

// A name is its labels, each escaped, with dots between; dots and backslashes inside labels are escaped too.
std::string name_text(const dns::DnsName& name) {
  std::string out;
  std::string_view wire = name.wire();
  while (wire.size() > 1) {
    const size_t size = static_cast<uint8_t>(wire.front());
    if (!out.empty()) out += '.';
    for (const char c : escape_octets(wire.substr(1, size))) {
      if (c == '.') {
        out += "\\046";
      } else {
        out += c;
      }
    }
    wire.remove_prefix(1 + size);
  }
  return out;
}

std::optional<dns::DnsName> name_of(std::string_view text) {
  std::string wire;
  while (!text.empty()) {
    const size_t end = std::min(text.find('.'), text.size());
    std::string label;
    for (size_t at = 0; at < end;) {
      // The dot is the one printable octet that is escaped in a label and nowhere else.
      if (text.substr(at, 4) == "\\046" && end - at >= 4) {
        label += '.';
        at += 4;
        continue;
      }
      const size_t size = text[at] == '\\' ? std::min<size_t>(4, end - at) : 1;
      const auto octet = unescape_octets(text.substr(at, size));
      if (!octet) return std::nullopt;
      label += *octet;
      at += size;
    }
    if (label.empty() || label.size() > limits::kDnsLabel || wire.size() > limits::kDnsName)
      return std::nullopt;
    wire += static_cast<char>(label.size());
    wire += label;
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
    if (text.empty()) return std::nullopt;
  }
  wire += '\0';
  return dns::DnsName::from_wire(wire);
}

// One member, whose key says what the record is.
std::string record_json(const dns::RecordData& data) {
  std::string out;
  JsonObject object(out);
  if (const auto* address = std::get_if<IpAddress>(&data)) {
    object.text("address", address->to_string());
  } else if (const auto* name = std::get_if<dns::DnsName>(&data)) {
    object.text("name", name_text(*name));
  } else if (const auto* exchange = std::get_if<dns::MailExchange>(&data)) {
    object.text("exchange", name_text(exchange->exchange)).number("preference", exchange->preference);
  } else if (const auto* text = std::get_if<std::string>(&data)) {
    object.text("text", escape_octets(*text));
  }
  object.end();
  return out;
}

// Null when the member is absent or no string.
const std::string* text_member(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

std::optional<uint64_t> number_member(const json& object, const char* key, uint64_t most) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned() || found->get<uint64_t>() > most)
    return std::nullopt;
  return found->get<uint64_t>();
}

std::optional<dns::RecordData> record_of(const json& object) {
  if (!object.is_object()) return std::nullopt;
  if (const std::string* text = text_member(object, "address")) {
    const auto address = IpAddress::parse(*text);
    if (address) return *address;
  } else if (const std::string* written = text_member(object, "name")) {
    const auto name = name_of(*written);
    if (name) return *name;
  } else if (const std::string* target = text_member(object, "exchange")) {
    const auto name = name_of(*target);
    const auto preference = number_member(object, "preference", std::numeric_limits<uint16_t>::max());
    if (name && preference) return dns::MailExchange{static_cast<uint16_t>(*preference), *name};
  } else if (const std::string* octets = text_member(object, "text")) {
    auto text_octets = unescape_octets(*octets);
    if (text_octets) return std::move(*text_octets);
  }
  return std::nullopt;
}

std::optional<dns::RecordType> type_of(std::string_view text) {
  for (const dns::RecordType type : kTypes) {
    if (dns::to_string(type) == text) return type;
  }
  if (!text.starts_with("TYPE")) return std::nullopt;
  uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + 4, text.data() + text.size(), value);
  const auto type = static_cast<dns::RecordType>(value);
  if (error != std::errc() || end != text.data() + text.size() || dns::to_string(type) != text)
    return std::nullopt;
  return type;
}

Result<RecordedLine> read_answer(const json& object, const std::string& name) {
  const auto damaged = [](std::string_view member) {
    return fail(ErrorKind::Invalid, fmt::format("\"{}\" is missing or wrong", member));
  };
  RecordedAnswer recorded;
  const auto asked = name_of(name);
  if (!asked) return damaged("name");
  recorded.question.name = *asked;
  const std::string* type = text_member(object, "type");
  const auto known_type = type == nullptr ? std::nullopt : type_of(*type);
  if (!known_type) return damaged("type");
  recorded.question.type = *known_type;
  const std::string* status = text_member(object, "status");
  const StatusName* known = nullptr;
  for (const StatusName& candidate : kStatusNames) {
    if (status != nullptr && candidate.name == *status) known = &candidate;
  }
  if (known == nullptr) return damaged("status");
  recorded.answer.status = known->status;
  const auto ttl = number_member(object, "ttl", std::numeric_limits<uint32_t>::max());
  if (!ttl) return damaged("ttl");
  recorded.answer.ttl = static_cast<uint32_t>(*ttl);
  const auto stale = object.find("stale");
  if (stale != object.end() && !stale->is_boolean()) return damaged("stale");
  recorded.answer.stale = stale != object.end() && stale->get<bool>();
  const auto records = object.find("records");
  if (records == object.end() || !records->is_array()) return damaged("records");
  for (const json& record : *records) {
    auto data = record_of(record);
    if (!data) return damaged("records");
    recorded.answer.records.push_back(std::move(*data));
  }
  return recorded;
}

}  // namespace

std::string question_text(const dns::Question& question) {
  return question.name.to_text() + " " + dns::to_string(question.type);
}

std::string write_recorded(const RecordedLine& line) {
  std::string out;
  JsonObject object(out);
  if (const auto* start = std::get_if<RecordedStart>(&line)) {
    object.number("recording", kVersion);
    object.number("now_us", static_cast<uint64_t>(start->now.time_since_epoch().count()));
  } else if (const auto* recorded = std::get_if<RecordedAnswer>(&line)) {
    const dns::Answer& answer = recorded->answer;
    object.text("name", name_text(recorded->question.name))
        .text("type", dns::to_string(recorded->question.type));
    for (const StatusName& known : kStatusNames) {
      if (known.status == answer.status) object.text("status", known.name);
    }
    object.number("ttl", answer.ttl);
    if (answer.stale) object.boolean("stale", true);
    std::string records;
    for (const dns::RecordData& data : answer.records) {
      if (!records.empty()) records += ',';
      records += record_json(data);
    }
    object.raw("records", "[" + records + "]");
  } else if (const auto* verdict = std::get_if<RecordedVerdict>(&line)) {
    object.text("verdict", escape_octets(verdict->text));
  }
  object.end();
  out += '\n';
  return out;
}

Result<RecordedLine> read_recorded(std::string_view line) {
  if (line.size() > kRecordingLineMax) return fail(ErrorKind::Limit, "the line is too long");
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return fail(ErrorKind::Invalid, "not a JSON object");
  if (const std::string* name = text_member(object, "name")) return read_answer(object, *name);
  if (const std::string* verdict = text_member(object, "verdict")) {
    auto text = unescape_octets(*verdict);
    if (!text) return fail(ErrorKind::Invalid, "\"verdict\" is not escaped text");
    return RecordedVerdict{std::move(*text)};
  }
  if (object.contains("recording")) {
    if (number_member(object, "recording", kVersion) != kVersion)
      return fail(ErrorKind::Invalid, "a recording of another version");
    // Microseconds of some 140,000 years: more would not be a time.
    const auto now = number_member(object, "now_us", 4'000'000'000'000'000'000U);
    if (!now) return fail(ErrorKind::Invalid, "\"now_us\" is missing or wrong");
    return RecordedStart{WallTime(std::chrono::microseconds(static_cast<int64_t>(*now)))};
  }
  return fail(ErrorKind::Invalid, "none of \"recording\", \"name\" and \"verdict\"");
}

}  // namespace sluice::ctl

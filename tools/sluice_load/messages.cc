#include "tools/sluice_load/messages.h"

#include "io/smtp/dot_stuffing.h"

#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sluice::load {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::NotFound, fmt::format("cannot read {}", path));
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

Result<Envelope> read_envelope(const nlohmann::json& json) {
  Envelope envelope;
  envelope.sender = json.at("sender").get<std::string>();
  envelope.recipients = json.at("recipients").get<std::vector<std::string>>();
  if (envelope.recipients.empty()) return fail(ErrorKind::Invalid, "no recipients");
  envelope.helo = json.value("helo", "");
  if (const std::string client = json.value("client", ""); !client.empty()) {
    envelope.client = IpAddress::parse(client);
    if (!envelope.client) return fail(ErrorKind::Invalid, fmt::format("'{}' is no IP address", client));
  }
  return envelope;
}

// Addresses go between brackets on a command line.
bool is_clean(const Envelope& envelope) {
  const auto clean = [](const std::string& text) {
    return text.find_first_of("\r\n<>") == std::string::npos;
  };
  bool all = clean(envelope.sender) && clean(envelope.helo);
  for (const std::string& recipient : envelope.recipients) all = all && clean(recipient);
  return all;
}

}  // namespace

std::string to_wire_form(std::string_view text) {
  std::string lines;
  lines.reserve(text.size() + text.size() / 32);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) lines += '\r';
    lines += text[i];
  }
  if (!lines.empty() && !lines.ends_with("\r\n")) lines += "\r\n";
  std::string wire;
  smtp::Stuffer stuffer;
  stuffer.append(wire, lines);
  return wire;
}

MessageSet generated_message(size_t size, const std::string& sender, std::vector<std::string> recipients) {
  std::string text = fmt::format(
      "From: <{}>\r\nTo: <{}>\r\nSubject: load\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
      "Message-ID: <load@sluice.invalid>\r\n\r\n",
      sender, recipients.front());
  constexpr size_t kLine = 76;
  while (text.size() < size) {
    const size_t room = size - text.size();
    const size_t letters = room >= kLine + 2 ? kLine : (room > 2 ? room - 2 : 1);
    for (size_t i = 0; i < letters; ++i) text += static_cast<char>('a' + (text.size() + i) % 26);
    text += "\r\n";
  }
  MessageSet set;
  set.bodies.push_back(to_wire_form(text));
  Envelope envelope;
  envelope.sender = sender;
  envelope.recipients = std::move(recipients);
  set.envelopes.push_back(std::move(envelope));
  return set;
}

Result<MessageSet> read_manifest(const std::string& manifest, const std::string& folder) {
  std::ifstream lines(manifest);
  if (!lines) return fail(ErrorKind::NotFound, fmt::format("cannot read {}", manifest));
  MessageSet set;
  std::map<std::string, size_t> known;
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty()) continue;
    const auto wrong = [&](const std::string& why) {
      return fail(ErrorKind::Invalid, fmt::format("{}:{}: {}", manifest, number, why));
    };
    try {
      const nlohmann::json json = nlohmann::json::parse(line);
      Result<Envelope> envelope = read_envelope(json);
      if (!envelope) return wrong(envelope.error().message);
      if (!is_clean(*envelope)) return wrong("an address or name holds a line end or a bracket");
      const auto file = json.at("file").get<std::string>();
      const auto [body, fresh] = known.try_emplace(file, set.bodies.size());
      if (fresh) {
        const Result<std::string> text = read_file(folder + "/" + file);
        if (!text) return wrong(text.error().message);
        set.bodies.push_back(to_wire_form(*text));
      }
      envelope->body = body->second;
      set.envelopes.push_back(std::move(*envelope));
    } catch (const nlohmann::json::exception& error) {
      return wrong(error.what());
    }
  }
  if (set.envelopes.empty()) return fail(ErrorKind::Invalid, fmt::format("{} names no message", manifest));
  return set;
}

}  // namespace sluice::load

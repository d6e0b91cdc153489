#include "tools/sluice_load/messages.h"

#include "io/smtp/dot_stuffing.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sluice::load {
namespace {

constexpr size_t kFillerLine = 78;  // with its end
constexpr size_t kFillerLines = 4096;

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

Result<MessageSet> read_folder(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.is_regular_file()) names.push_back(entry.path().string());
  }
  if (error) return fail(ErrorKind::NotFound, fmt::format("cannot read {}: {}", folder, error.message()));
  std::ranges::sort(names);
  MessageSet set;
  for (const std::string& name : names) {
    const Result<std::string> text = read_file(name);
    if (!text) return std::unexpected(text.error());
    set.bodies.push_back(to_wire_form(*text));
  }
  if (set.bodies.empty()) return fail(ErrorKind::Invalid, fmt::format("{} holds no file", folder));
  return set;
}

Result<MessageSet> read_mbox(const std::string& file) {
  std::ifstream lines(file, std::ios::binary);
  if (!lines) return fail(ErrorKind::NotFound, fmt::format("cannot read {}", file));
  MessageSet set;
  std::string text;
  bool inside = false;
  const auto end_message = [&] {
    if (text.ends_with("\n\n")) text.pop_back();  // the line before the next "From " belongs to the format
    if (inside) set.bodies.push_back(to_wire_form(text));
    text.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("From ")) {
      end_message();
      inside = true;
      continue;
    }
    const size_t marks = std::min(line.find_first_not_of('>'), line.size());
    const bool quoted = marks != 0 && std::string_view(line).substr(marks).starts_with("From ");
    text.append(quoted ? std::string_view(line).substr(1) : std::string_view(line)).append("\n");
  }
  end_message();
  if (set.bodies.empty()) return fail(ErrorKind::Invalid, fmt::format("{} holds no message", file));
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

// --- one message ---

serve::MessageOctets Message::octets() const {
  serve::MessageOctets octets;
  octets.pieces.reserve(pieces.size() + 1);
  if (!header.empty()) octets.pieces.emplace_back(header);
  octets.pieces.insert(octets.pieces.end(), pieces.begin(), pieces.end());
  return octets;
}

uint64_t Message::size() const {
  uint64_t sum = header.size();
  for (const std::string_view piece : pieces) sum += piece.size();
  return sum;
}

MessageMaker::MessageMaker(const MessageSet& set, uint64_t seed) : set_(set), random_(seed), seed_(seed) {
  for (size_t line = 0; line < kFillerLines; ++line) {
    for (size_t i = 0; i < kFillerLine - 2; ++i) filler_ += static_cast<char>('a' + (line + i) % 26);
    filler_ += "\r\n";
  }
}

Message MessageMaker::make(uint64_t number) {
  Message message;
  if (set_.envelopes.empty()) {
    address(message);
    if (set_.bodies.empty()) {
      fill(message, number);
    } else {
      message.pieces.emplace_back(set_.bodies[number % set_.bodies.size()]);
    }
    return message;
  }
  const Envelope& envelope = set_.envelopes[number % set_.envelopes.size()];
  message.sender = envelope.sender;
  message.recipients = envelope.recipients;
  message.client = envelope.client;
  message.helo = envelope.helo;
  message.pieces.emplace_back(set_.bodies[envelope.body]);
  return message;
}

void MessageMaker::address(Message& message) {
  const auto any = [&](const std::vector<AddressPattern>& patterns) {
    const size_t which = patterns.size() == 1 ? 0 : random_.below(static_cast<uint32_t>(patterns.size()));
    return patterns[which].draw(random_);
  };
  message.sender = any(set_.from);
  if (!set_.recipients) {
    for (const AddressPattern& pattern : set_.to) message.recipients.push_back(pattern.draw(random_));
    return;
  }
  const uint64_t count = set_.recipients->draw(random_);
  for (uint64_t i = 0; i < count; ++i) message.recipients.push_back(any(set_.to));
}

// A header of this message's own, and so many octets of the filler. A last line that is shorter is the end of
// one; one octet cannot be a line and goes to the subject.
void MessageMaker::fill(Message& message, uint64_t number) {
  message.header = fmt::format(
      "From: <{}>\r\nTo: <{}>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
      "Message-ID: <{}.{:x}@load.invalid>\r\nSubject: load {}",
      message.sender, message.recipients.front(), number, seed_, number);
  constexpr size_t kLineEnds = 4;
  const uint64_t least = message.header.size() + kLineEnds;
  uint64_t text = std::max(set_.size.draw(random_), least) - least;
  if (text % kFillerLine == 1) {
    message.header += '.';
    --text;
  }
  message.header += "\r\n\r\n";
  const std::string_view filler(filler_);
  const size_t rest = text % kFillerLine;
  for (text -= rest; text != 0;) {
    message.pieces.push_back(filler.substr(0, text));
    text -= message.pieces.back().size();
  }
  if (rest != 0) message.pieces.push_back(filler.substr(kFillerLine - rest, rest));
}

}  // namespace sluice::load

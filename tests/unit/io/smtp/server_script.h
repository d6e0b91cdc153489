// Drives a ServerSession over given octets in given pieces, decides by simple rules, and writes down what
// happened, so that runs can be compared. For tests and fuzz targets.
//
// Rules: a sender whose local part is "bad" and recipients whose local part is "no" are refused, "defer" is
// 4xx, "stop" is 421; a HELO name of "refused.example" and a message whose first octet is '!' are refused; a
// message whose first octet is '#' is given up in its body.
#pragma once

#include "io/base/check.h"
#include "io/base/random.h"
#include "io/smtp/dot_stuffing.h"
#include "io/smtp/server_session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::smtp {

struct ServerScript {
  ServerOptions options;
  XclientPeer peer = XclientPeer::NotListed;
  // How many of the octets that are left to feed at once: 1 or more.
  std::function<size_t(size_t left)> piece = [](size_t left) { return left; };
};

struct ServerRun {
  std::string output;
  std::vector<std::string> events;  // without NeedInput and Flush; Body is joined into the EndOfData event
  size_t flushes = 0;
  size_t messages = 0;
  size_t most_at_once = 0;  // recipients of one event
  bool closed = false;
};

class ServerScriptRunner {
 public:
  explicit ServerScriptRunner(const ServerScript& script)
      : script_(script), session_(script_.options, script_.peer) {}

  ServerRun run(std::string_view input) {
    session_.greet();
    while (true) {
      const ServerEvent event = session_.next();
      if (event.kind == ServerEvent::Kind::NeedInput) {
        take_output();
        if (input.empty()) return std::move(run_);
        const size_t size = script_.piece(input.size());
        // A copy of its own, so that a view that lives too long is seen by the sanitizer.
        fed_.assign(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
        fed_.shrink_to_fit();
        input.remove_prefix(size);
        session_.feed({fed_.data(), fed_.size()});
      } else if (!on_event(event)) {
        return std::move(run_);
      }
    }
  }
  ServerSession& session() { return session_; }

 private:
  using Kind = ServerEvent::Kind;

  bool on_event(const ServerEvent& event) {
    switch (event.kind) {
      case Kind::Flush:
        ++run_.flushes;
        SLUICE_CHECK(session_.has_output());
        take_output();
        return true;
      case Kind::Close:
        note("close " + std::string(to_string(event.close_reason)));
        run_.closed = true;
        take_output();
        return false;
      case Kind::Body:
        return on_body(event);
      case Kind::BodyRefused:
        body_.clear();
        note("body refused " + std::string(to_string(event.body_refusal)) + " " + event.reply->to_line());
        return true;
      case Kind::RecipientRefused:
        note("refused " + event.recipient->address.text() + " " + event.reply->to_line());
        return true;
      case Kind::Reset:
        note("reset");
        return true;
      default:
        return on_decision(event);
    }
  }

  bool on_body(const ServerEvent& event) {
    SLUICE_CHECK(!event.octets.empty());
    const bool inside = event.octets.data() >= fed_.data() &&
                        event.octets.data() + event.octets.size() <= fed_.data() + fed_.size();
    SLUICE_CHECK(inside != event.carried);
    dots_ += event.stuffed_dots;
    body_ += event.octets;
    if (body_.front() != '#') return true;
    body_.clear();
    note("gave up");
    session_.refuse_body({452, {4, 3, 1}, "No room"});
    return true;
  }

  bool on_decision(const ServerEvent& event) {
    SLUICE_CHECK(session_.awaits_decision());
    switch (event.kind) {
      case Kind::Hello:
        note((event.extended ? "ehlo " : "helo ") + std::string(event.hello_name));
        decide(event.hello_name == "refused.example" ? "no" : "");
        break;
      case Kind::Xclient:
        note(described(*event.xclient));
        decide("");
        break;
      case Kind::Mail:
        note("mail " + event.mail->sender.text() + (event.mail->smtputf8 ? " utf8" : ""));
        decide(event.mail->sender.local_part() == "bad" ? "no" : event.mail->sender.local_part());
        break;
      case Kind::Recipient:
        run_.most_at_once = std::max(run_.most_at_once, event.recipients.size());
        for (const Recipient& recipient : event.recipients) {
          // Only a decision that ends the session leaves some without one; never a limit.
          SLUICE_CHECK(session_.awaits_decision());
          note("rcpt " + recipient.address.text());
          decide(recipient.address.local_part());
          if (recipient.address.local_part() == "stop") break;
        }
        SLUICE_CHECK(!session_.awaits_decision());
        break;
      case Kind::Data:
        note("data");
        decide("");
        break;
      default:
        on_end(event);
        break;
    }
    return true;
  }

  void on_end(const ServerEvent& event) {
    SLUICE_CHECK(event.kind == Kind::EndOfData);
    SLUICE_CHECK(event.message->wire_octets() == body_.size());
    SLUICE_CHECK(event.message->stuffed_dots() == dots_);
    SLUICE_CHECK(body_.empty() || body_.ends_with("\r\n"));
    note("end " + body_ + " longest=" + std::to_string(event.message->longest_line()) +
         (event.message->eight_bit() ? " 8bit" : ""));
    ++run_.messages;
    const bool refused = body_.starts_with('!');
    body_.clear();
    dots_ = 0;
    decide(refused ? "no" : "");
  }

  void decide(std::string_view what) {
    if (what == "no") {
      session_.reject({550, {5, 7, 1}, "Refused by rule"});
    } else if (what == "defer") {
      session_.reject({450, {4, 2, 0}, "Later"});
    } else if (what == "stop") {
      session_.reject({421, {4, 3, 2}, "Going down"});
    } else {
      session_.accept();
    }
  }

  static std::string described(const XclientOverrides& overrides) {
    std::string text = "xclient";
    append_xclient(text, overrides);
    return text;
  }
  void note(std::string event) {
    if (event == "data" || event == "reset") dots_ = 0;
    run_.events.push_back(std::move(event));
  }
  void take_output() {
    session_.take_output(taken_);
    run_.output += taken_;
  }

  ServerScript script_;
  ServerSession session_;
  ServerRun run_;
  std::vector<char> fed_;
  std::string taken_;
  std::string body_;
  uint64_t dots_ = 0;
};

inline ServerRun run_server(std::string_view input, const ServerScript& script = {}) {
  return ServerScriptRunner(script).run(input);
}

// As a sender does that takes CR, LF and CRLF for line ends.
inline std::string stuffed_behind_any_line_end(std::string_view message) {
  std::string stuffed;
  for (size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '.' && (i == 0 || message[i - 1] == '\r' || message[i - 1] == '\n')) stuffed += '.';
    stuffed += message[i];
  }
  if (!message.empty() && !message.ends_with("\r\n")) stuffed += "\r\n";
  return stuffed.append(kEndOfData);
}

// Sends the message by DATA in one piece, and in random chunks and pieces. Empty: the same events, else what
// differs. A message that ends in CR cannot be compared, nor where line ends are normalised one in LF.
inline std::string bdat_differs_from_data(std::string_view message, Random& random,
                                          BareLineEnds bare_line_ends = BareLineEnds::Refuse) {
  const std::string envelope = "EHLO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";
  std::string data = envelope + "DATA\r\n";
  if (bare_line_ends == BareLineEnds::Normalize) {
    data += stuffed_behind_any_line_end(message);
  } else {
    Stuffer stuffer;
    stuffer.append(data, message);
    stuffer.end(data);
  }
  std::string chunks = envelope;
  for (std::string_view rest = message;;) {
    const size_t size = random.below(static_cast<uint32_t>(std::min<size_t>(rest.size(), 64)) + 1);
    const bool last = size == rest.size() && random.one_in(2);
    chunks += "BDAT " + std::to_string(size) + (last ? " LAST\r\n" : "\r\n");
    chunks += rest.substr(0, size);
    rest.remove_prefix(size);
    if (last) break;
  }
  ServerScript script;
  script.options.idle_commands = SIZE_MAX;
  script.options.bare_line_ends = bare_line_ends;
  const ServerRun by_data = run_server(data, script);
  script.piece = [&random](size_t left) { return std::min<size_t>(left, 1 + random.below(9)); };
  const ServerRun by_chunks = run_server(chunks, script);
  if (by_data.events == by_chunks.events) return "";
  std::string text = "DATA:";
  for (const std::string& event : by_data.events) text += " [" + event + "]";
  text += " BDAT:";
  for (const std::string& event : by_chunks.events) text += " [" + event + "]";
  return text;
}

}  // namespace sluice::smtp

#include "tests/faults/fault_client.h"

#include "tests/faults/pause.h"

#include <array>
#include <charconv>

namespace sluice::faults {

using reactor::Shard;
using runtime::Task;
using namespace std::chrono_literals;

namespace {

// No reply takes longer (W-7: 300 s from the final dot, and RCPT at most as long), with room for stalls of
// the network and a slow disk.
constexpr auto kReplyWait = 400s;
constexpr auto kConnectWait = 200s;

std::string_view to_word(uint8_t asked) {
  static constexpr std::array<std::string_view, 8> kWords{
      "the greeting", "EHLO", "MAIL", "RCPT", "DATA", "a chunk", "the final dot", "a command"};
  return kWords[asked];
}

// Each bare CR and bare LF as CRLF.
std::string with_line_ends(std::string_view text) {
  std::string whole;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool pair = text.substr(i).starts_with("\r\n");
    if (pair) ++i;
    if (text[i] == '\r' || text[i] == '\n') {
      whole += "\r\n";
    } else {
      whole += text[i];
    }
  }
  return whole;
}

}  // namespace

FaultClient::FaultClient(Shard& shard, World& world, size_t number, std::string name, ClientPlan plan,
                         uint64_t seed)
    : shard_(shard),
      world_(world),
      ledger_(world.ledger),
      number_(number),
      name_(std::move(name)),
      plan_(std::move(plan)),
      dice_(seed) {}

void FaultClient::start() {
  const bool spawned = group_.spawn(shard_, run(shard_));
  SLUICE_CHECK(spawned);
}

Task<void> FaultClient::run(Shard& shard) {
  for (const ConnectionPlan& plan : plan_.connections) {
    co_await pause_for(shard, plan.delay);
    const Endpoint node = world_.nodes[plan.node];
    const MonoTime deadline = shard.now() + kConnectWait;
    Talk talk{.plan = plan, .stream = nullptr, .input = {}, .expected = {}};
    talk.connected_at = shard.now();
    std::expected<net::StreamPtr, int> connected = co_await net::Stream::connect(shard, node, deadline);
    if (!connected) {
      ledger_.say("client {} cannot connect to node {}: {}", number_, plan.node, connected.error());
      continue;
    }
    talk.stream = std::move(*connected);
    ledger_.say("client {} is connected to node {}", number_, plan.node);
    co_await talk_to(shard, talk);
    const bool broken = talk.dead_link || talk.over;
    const net::CloseMode mode = broken ? net::CloseMode::Abort : net::CloseMode::Graceful;
    co_await talk.stream->close(shard, mode);
    if (talk.dead_link) {
      // The last packets, too, went nowhere.
      co_await pause_for(shard, 1s);
      cut_link(talk, false);
    }
  }
  ledger_.say("client {} has done", number_);
  done_ = true;
}

Task<void> FaultClient::talk_to(Shard& shard, Talk& talk) {
  if (talk.plan.octets) ledger_.tally().count("client says octet by octet");
  if (talk.plan.pipelined) ledger_.tally().count("client pipelines");
  expect(talk, Asked::Greeting);
  bool over = co_await mishap(shard, talk, Stage::Connected, 0);
  if (over) co_return;
  co_await settle(shard, talk);
  over = co_await mishap(shard, talk, Stage::Greeted, 0);
  if (over || !talk.open) co_return;
  if (talk.plan.mute) {
    co_await flood(shard, talk);
    co_return;
  }
  expect(talk, Asked::Hello);
  std::string hello = talk.plan.helo ? "HELO " : "EHLO ";
  hello += name_ + ".example\r\n";
  co_await say(shard, talk, std::move(hello));
  co_await settle(shard, talk);
  over = co_await mishap(shard, talk, Stage::Hello, 0);
  if (over) co_return;
  for (size_t i = 0; i < talk.plan.transactions.size() && talk.open && !talk.over; ++i)
    co_await transaction(shard, talk, i);
  if (!talk.open || talk.over) co_return;
  expect(talk, Asked::Other);
  std::string quit = "QUIT\r\n";
  co_await say(shard, talk, std::move(quit));
  co_await settle(shard, talk);
}

// --- a transaction ---

void FaultClient::make_recipients(const TransactionPlan& plan, Attempt& attempt) {
  const auto add = [&](std::string_view domain) {
    attempt.recipients.push_back(
        {fmt::format("a{}r{}@{}", attempt.number, attempt.recipients.size(), domain), false, 0, {}});
  };
  for (size_t i = 0; i < plan.recipients; ++i) add(plan.domain);
  if (plan.other_domain_too) add(plan.domain == "plain.example" ? "tagged.example" : "plain.example");
  if (plan.unmanaged_too) add("unmanaged.example");
}

std::string FaultClient::make_message(const TransactionPlan& plan, Attempt& attempt) {
  std::string head =
      fmt::format("From: <{}>\r\nMessage-ID: <{}@{}.example>\r\n", attempt.sender, attempt.number, name_);
  std::string message = head;
  attempt.expected = head;
  if (plan.forged_header) {
    ledger_.tally().count("client forges a header");
    message += "X-TM-Received-SPF: pass (forged)\r\n with a second line\r\n";
  }
  std::string rest = "Subject: a run\r\n\r\n";
  while (rest.size() < plan.body_octets) {
    const size_t kind = dice_.below(12);
    if (kind == 0) rest += '.';
    if (kind == 1) rest += "..";
    const size_t length = kind == 2 ? 0 : dice_.below(plan.body_octets > 20'000 ? 900 : 100);
    const char letter = static_cast<char>('a' + dice_.below(26));
    rest.append(length, letter);
    if (kind == 3) rest += " \xC3\xA4";
    rest += "\r\n";
  }
  if (plan.bad_body) {
    static constexpr std::array<std::string_view, 4> kBad{"\n.\r\nMAIL FROM:<x@y>\r\n", "\r.\r\nQUIT\r\n",
                                                          "x\ny\r\n", "\n.\nRCPT TO:<z@plain.example>\r\n"};
    attempt.bad_body = !world_.normalizes;
    ledger_.tally().count(attempt.bad_body ? "client sends a bad body" : "client has a body normalised");
    rest += dice_.pick(kBad);
  }
  if (plan.body_octets > 20'000) ledger_.tally().count("client sends a huge body");
  attempt.expected += world_.normalizes ? with_line_ends(rest) : rest;
  return message + rest;
}

std::string FaultClient::stuffed(std::string_view message) {
  std::string wire;
  wire.reserve(message.size() + 64);
  while (!message.empty()) {
    if (message.front() == '.') wire += '.';
    const size_t end = message.find("\r\n");
    const size_t size = end == message.npos ? message.size() : end + 2;
    wire.append(message.substr(0, size));
    message.remove_prefix(size);
  }
  return wire;
}

Task<void> FaultClient::transaction(Shard& shard, Talk& talk, size_t index) {
  const TransactionPlan& plan = talk.plan.transactions[index];
  Attempt& attempt = ledger_.add_attempt(number_, talk.plan.node);
  attempt.connected_at = talk.connected_at;
  attempt.domain = plan.domain;
  if (!plan.null_sender) {
    attempt.sender_domain = plan.sender_domain;
    attempt.sender = fmt::format("a{}@{}", attempt.number, plan.sender_domain);
  }
  make_recipients(plan, attempt);
  if (talk.plan.garbage) co_await garbage(shard, talk);
  if (!talk.open) co_return;
  const bool goes_on = co_await envelope(shard, talk, index, attempt);
  if (!goes_on) co_return;
  co_await data(shard, talk, index, attempt);
  if (talk.over || !talk.open) co_return;
  (void)co_await mishap(shard, talk, Stage::Answered, index);
}

// True: DATA may follow.
Task<bool> FaultClient::envelope(Shard& shard, Talk& talk, size_t index, Attempt& attempt) {
  const TransactionPlan& plan = talk.plan.transactions[index];
  expect(talk, Asked::Mail, &attempt);
  std::string mail = fmt::format("MAIL FROM:<{}>", attempt.sender);
  if (plan.declare_size && !talk.plan.helo) mail += fmt::format(" SIZE={}", plan.body_octets + 500);
  mail += "\r\n";
  co_await say(shard, talk, std::move(mail));
  if (!talk.plan.pipelined) co_await settle(shard, talk);
  bool over = co_await mishap(shard, talk, Stage::Mail, index);
  if (over || !talk.open) co_return false;
  if (talk.plan.pipelined || attempt.mail_code == 250) co_await say_recipients(shard, talk, index, attempt);
  over = co_await mishap(shard, talk, Stage::Rcpt, index);
  if (over) co_return false;
  co_await settle(shard, talk);
  if (!talk.open) co_return false;
  if (plan.data_pause != 0s) {
    ledger_.tally().count("client is slow in envelope");
    co_await pause_for(shard, plan.data_pause);
  }
  bool any = false;
  for (const Named& named : attempt.recipients) any = any || named.code == 250;
  if (any && !plan.reset_before_data) co_return true;
  expect(talk, Asked::Other);
  std::string reset = "RSET\r\n";
  co_await say(shard, talk, std::move(reset));
  co_await settle(shard, talk);
  co_return false;
}

Task<void> FaultClient::say_recipients(Shard& shard, Talk& talk, size_t index, Attempt& attempt) {
  const TransactionPlan& plan = talk.plan.transactions[index];
  for (size_t i = 0; i < attempt.recipients.size() && talk.open; ++i) {
    if (i + 1 == attempt.recipients.size() && plan.envelope_pause != 0s) {
      ledger_.tally().count("client is slow in envelope");
      co_await pause_for(shard, plan.envelope_pause);
    }
    expect(talk, Asked::Rcpt, &attempt, i);
    std::string line = fmt::format("RCPT TO:<{}>\r\n", attempt.recipients[i].address);
    attempt.recipients[i].sent = true;
    co_await say(shard, talk, std::move(line));
    if (!talk.plan.pipelined) co_await settle(shard, talk);
  }
}

Task<void> FaultClient::data(Shard& shard, Talk& talk, size_t index, Attempt& attempt) {
  const TransactionPlan& plan = talk.plan.transactions[index];
  const std::string message = make_message(plan, attempt);
  if (plan.bdat && talk.chunking) {
    std::string whole = message;
    co_await chunks(shard, talk, attempt, index, std::move(whole));
    co_return;
  }
  expect(talk, Asked::Data, &attempt);
  std::string command = "DATA\r\n";
  co_await say(shard, talk, std::move(command));
  const bool over = co_await mishap(shard, talk, Stage::Data, index);
  if (over) co_return;
  co_await settle(shard, talk);
  if (!talk.open) co_return;
  if (attempt.data_code == 354) {
    std::string wire = stuffed(message);
    co_await body(shard, talk, index, attempt, std::move(wire));
    co_return;
  }
  expect(talk, Asked::Other);
  std::string reset = "RSET\r\n";
  co_await say(shard, talk, std::move(reset));
  co_await settle(shard, talk);
}

Task<void> FaultClient::body(Shard& shard, Talk& talk, size_t index, Attempt& attempt, std::string wire) {
  const TransactionPlan& plan = talk.plan.transactions[index];
  const size_t half = dice_.below(wire.size() + 1);
  std::string part = wire.substr(0, half);
  co_await say(shard, talk, std::move(part));
  bool over = co_await mishap(shard, talk, Stage::MidBody, index);
  if (over) co_return;
  if (plan.body_pause != 0s) {
    ledger_.tally().count("client is slow in body");
    co_await pause_for(shard, plan.body_pause);
  }
  part = wire.substr(half);
  co_await say(shard, talk, std::move(part));
  over = co_await mishap(shard, talk, Stage::BeforeDot, index);
  if (over) co_return;
  attempt.dot_sent = true;
  expect(talk, Asked::End, &attempt);
  std::string dot = ".\r\n";
  if (plan.cut_dot) {
    ledger_.tally().count("client cuts the dot");
    const size_t cut = dice_.between(1, 2);
    part = dot.substr(0, cut);
    co_await say(shard, talk, std::move(part));
    co_await pause_for(shard, 5ms);
    dot.erase(0, cut);
  }
  co_await say(shard, talk, std::move(dot));
  over = co_await mishap(shard, talk, Stage::AfterDot, index);
  if (over) co_return;
  co_await settle(shard, talk);
}

// BDAT (RFC 3030): no stuffing, and the last CRLF may be missing; then the node adds it (W-9).
Task<void> FaultClient::chunks(Shard& shard, Talk& talk, Attempt& attempt, size_t index,
                               std::string message) {
  ledger_.tally().count("client sends chunks");
  const bool bare_ends = talk.plan.transactions[index].bad_body;
  if (dice_.chance(0.2) && !bare_ends && !message.ends_with("\r\n\r\n")) message.resize(message.size() - 2);
  bool refused = false;
  while (!attempt.dot_sent && talk.open && !refused) {
    const size_t size = dice_.chance(0.3) ? message.size() : dice_.below(message.size() + 1);
    const bool last = size == message.size() && dice_.chance(0.8);
    const Stage stage = last ? Stage::BeforeDot : Stage::MidBody;
    bool over = co_await mishap(shard, talk, stage, index);
    if (over) co_return;
    std::string chunk = fmt::format("BDAT {}{}\r\n", size, last ? " LAST" : "") + message.substr(0, size);
    message.erase(0, size);
    attempt.dot_sent = last;
    expect(talk, last ? Asked::End : Asked::Chunk, &attempt);
    co_await say(shard, talk, std::move(chunk));
    if (last) {
      over = co_await mishap(shard, talk, Stage::AfterDot, index);
      if (over) co_return;
    }
    if (!talk.plan.pipelined || last) co_await settle(shard, talk);
    refused = attempt.data_code >= 400 && !last;
  }
  if (!refused || !talk.open) co_return;
  expect(talk, Asked::Other);
  std::string reset = "RSET\r\n";
  co_await say(shard, talk, std::move(reset));
  co_await settle(shard, talk);
}

// Commands that are answered without mail: at most five errors a connection, so that it goes on.
Task<void> FaultClient::garbage(Shard& shard, Talk& talk) {
  static constexpr std::array<std::string_view, 8> kLines{
      "NOOP\r\n", "FROB the knob\r\n", "RSET\r\n",          "VRFY somebody\r\n",
      "HELP\r\n", "NOOP\r\nNOOP\r\n",  "RCPT TO:<a@b>\r\n", "MAIL FROM:<broken\r\n"};
  ledger_.tally().count("client says garbage");
  const std::string lines(dice_.pick(kLines));
  for (size_t at = lines.find("\r\n"); at != lines.npos; at = lines.find("\r\n", at + 2))
    expect(talk, Asked::Other);
  std::string said = lines;
  co_await say(shard, talk, std::move(said));
  if (!talk.plan.pipelined) co_await settle(shard, talk);
}

// EHLO without end, and not a reply read: it must come to an end by itself.
Task<void> FaultClient::flood(Shard& shard, Talk& talk) {
  ledger_.tally().count("client does not read");
  talk.mute = true;
  talk.stream->hold();
  for (int i = 0; i < 3000; ++i) talk.stream->write("EHLO mute.example\r\n");
  const MonoTime deadline = shard.now() + kReplyWait;
  (void)co_await talk.stream->flush(shard, deadline);
  const auto blind = dice_.time(1s, 200s);
  co_await pause_for(shard, blind);
  talk.stream->go_on();
  while (talk.open && shard.now() < deadline) co_await receive(shard, talk, deadline);
  if (talk.open) ledger_.violated("client {} sent EHLO without end, and is still served", number_);
}

// --- saying ---

Task<void> FaultClient::say(Shard& shard, Talk& talk, std::string octets) {
  if (!talk.open) co_return;
  if (octets.size() < 200) {
    ledger_.say("client {} says {}", number_, octets);
  } else {
    ledger_.say("client {} says {} octets", number_, octets.size());
  }
  size_t at = 0;
  constexpr size_t kOneByOne = 120;
  for (; talk.plan.octets && at < octets.size() && at < kOneByOne; ++at) {
    talk.stream->write(std::string_view(octets).substr(at, 1));
    const auto pause = dice_.time(1us, 3ms);
    co_await pause_for(shard, pause);
  }
  talk.stream->write(std::string_view(octets).substr(at));
  const MonoTime deadline = shard.now() + kReplyWait;
  (void)co_await talk.stream->flush(shard, deadline);
}

void FaultClient::expect(Talk& talk, Asked asked, Attempt* attempt, size_t recipient) {
  talk.expected.push_back({asked, attempt, recipient});
}

// --- hearing ---

Task<void> FaultClient::settle(Shard& shard, Talk& talk) {
  const MonoTime deadline = shard.now() + kReplyWait * (talk.expected.empty() ? 1 : talk.expected.size());
  while (talk.open && !talk.expected.empty() && shard.now() < deadline)
    co_await receive(shard, talk, deadline);
  if (talk.open && !talk.expected.empty() && !talk.dead_link) {
    ledger_.violated("client {} has no reply to {} in time", number_,
                     to_word(static_cast<uint8_t>(talk.expected.front().asked)));
    talk.open = false;
  }
}

Task<void> FaultClient::receive(Shard& shard, Talk& talk, MonoTime deadline) {
  net::Received got = co_await talk.stream->receive(shard, deadline);
  if (got.event == net::StreamEvent::Data) {
    if (talk.mute) co_return;
    talk.input += got.chunk.view();
    take_replies(talk);
  } else if (got.event != net::StreamEvent::Timeout) {
    ledger_.say("client {} is cut off: {}", number_, got.error);
    talk.open = false;
  }
}

void FaultClient::take_replies(Talk& talk) {
  for (;;) {
    const size_t end = talk.input.find("\r\n");
    if (end == talk.input.npos) return;
    const std::string line = talk.input.substr(0, end);
    talk.input.erase(0, end + 2);
    int code = 0;
    if (line.size() >= 3) std::from_chars(line.data(), line.data() + 3, code);
    if (code < 200 || code > 599 || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) {
      ledger_.violated("client {} was told {}", number_, line);
      return;
    }
    if (line.ends_with("CHUNKING")) talk.chunking = true;
    if (line.size() > 3 && line[3] == '-') continue;
    on_reply(talk, code, line);
  }
}

void FaultClient::on_reply(Talk& talk, int code, std::string_view text) {
  ledger_.say("client {} hears {}", number_, text);
  if (talk.told_421) {
    ledger_.violated("client {} has a reply behind 421: {}", number_, text);
  } else if (code == 421) {
    talk.told_421 = true;
    // A time-out is for those who keep us waiting, not for those who wait.
    const bool waits = !talk.expected.empty() && !talk.dead_link;
    if (waits && text.find(" 4.4.2 ") != text.npos)
      ledger_.violated("client {} waited for a reply to {}, and was told: {}", number_,
                       to_word(static_cast<uint8_t>(talk.expected.front().asked)), text);
    talk.expected.clear();
  } else if (talk.expected.empty()) {
    ledger_.violated("client {} has a reply to nothing: {}", number_, text);
  } else {
    const Expected expected = talk.expected.front();
    talk.expected.pop_front();
    if (!fits(expected.asked, code)) {
      ledger_.violated("client {} has this reply to {}: {}", number_,
                       to_word(static_cast<uint8_t>(expected.asked)), text);
    }
    note(expected, code);
  }
}

bool FaultClient::fits(Asked asked, int code) {
  switch (asked) {
    case Asked::Greeting:
      return code == 220 || code >= 400;
    case Asked::Hello:
    case Asked::Mail:
    case Asked::Rcpt:
    case Asked::Chunk:
    case Asked::End:
      return code == 250 || code >= 400;
    case Asked::Data:
      return code == 354 || code >= 400;
    case Asked::Other:
      return (code >= 200 && code < 300) || code >= 400;
  }
  return false;
}

void FaultClient::note(const Expected& expected, int code) {
  Attempt* attempt = expected.attempt;
  if (attempt == nullptr) return;
  switch (expected.asked) {
    case Asked::Mail:
      attempt->mail_code = code;
      break;
    case Asked::Rcpt:
      attempt->recipients[expected.recipient].code = code;
      break;
    case Asked::Data:
    case Asked::Chunk:
      attempt->data_code = code;
      break;
    case Asked::End:
      attempt->end_code = code;
      if (code == 250) world_.on_accepted(*attempt);
      break;
    default:
      break;
  }
}

// --- what goes wrong ---

Task<bool> FaultClient::mishap(Shard& shard, Talk& talk, Stage stage, size_t transaction) {
  const std::optional<MishapPlan>& planned = talk.plan.mishap;
  const bool now =
      planned && planned->stage == stage && (stage <= Stage::Hello || planned->transaction == transaction);
  if (!now || !talk.open || talk.over) co_return talk.over;
  ledger_.tally().count(stage, planned->mishap);
  ledger_.say("client {}: {} at {}", number_, sluice::faults::to_word(planned->mishap),
              sluice::faults::to_word(stage));
  talk.over = true;
  switch (planned->mishap) {
    case Mishap::Reset: {
      const bool at_once = dice_.chance(0.5);
      const auto pause = dice_.time(0ms, 30s);
      if (!at_once) co_await pause_for(shard, pause);
      talk.stream->abort();
      break;
    }
    case Mishap::Leave:
      talk.over = false;  // a FIN, not a reset
      co_await talk.stream->close(shard, net::CloseMode::Graceful);
      talk.open = false;
      break;
    case Mishap::Silence:
      co_await keep_silent(shard, talk);
      break;
    case Mishap::Blackhole: {
      talk.dead_link = true;
      cut_link(talk, true);
      const auto pause = dice_.time(1s, 900s);
      co_await pause_for(shard, pause);
      break;
    }
  }
  co_return true;
}

// It says nothing more; the node must part from it in its own time.
Task<void> FaultClient::keep_silent(Shard& shard, Talk& talk) {
  // What was asked before may take its time first, and then what is said after it.
  const MonoTime deadline = shard.now() + kReplyWait * (talk.expected.size() + 1);
  while (talk.open && shard.now() < deadline) co_await receive(shard, talk, deadline);
  if (talk.open) ledger_.violated("client {} says nothing any more, and is still kept", number_);
}

void FaultClient::cut_link(Talk& talk, bool cut) {
  reactor::SimFaults faults;
  faults.blackhole = cut;
  world_.sim.set_faults(name_, fmt::format("mx{}", talk.plan.node), faults);
}

}  // namespace sluice::faults

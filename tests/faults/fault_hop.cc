#include "tests/faults/fault_hop.h"

#include "tests/faults/pause.h"

#include <charconv>

namespace sluice::faults {

using reactor::Shard;
using runtime::Task;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

namespace {

// "RCPT TO:<a@b> X=Y" -> "a@b"
std::string path_of(std::string_view line) {
  const size_t begin = line.find('<');
  const size_t end = line.find('>');
  if (begin == line.npos || end == line.npos || end < begin) return {};
  return std::string(line.substr(begin + 1, end - begin - 1));
}

std::string unstuffed(std::string_view wire) {
  std::string message;
  message.reserve(wire.size());
  while (!wire.empty()) {
    if (wire.front() == '.') wire.remove_prefix(1);
    const size_t end = wire.find("\r\n");
    const size_t size = end == wire.npos ? wire.size() : end + 2;
    message.append(wire.substr(0, size));
    wire.remove_prefix(size);
  }
  return message;
}

}  // namespace

FaultHop::FaultHop(Shard& shard, const Endpoint& address, size_t number, HopTemper temper, uint64_t seed,
                   Ledger& ledger)
    : shard_(shard), number_(number), temper_(std::move(temper)), dice_(seed), ledger_(ledger) {
  reactor::ListenOptions options;
  options.address = address;
  auto opened = net::Listener::open(shard, options, *this);
  SLUICE_CHECK(opened.has_value());
  listener_ = std::move(*opened);
}

FaultHop::~FaultHop() = default;

void FaultHop::begin_stop() {
  const bool spawned = stopping_.spawn(shard_, stop(shard_));
  SLUICE_CHECK(spawned);
}

Task<void> FaultHop::stop(Shard& shard) {
  co_await listener_->close(shard);
  for (net::Stream* stream : streams_) stream->abort();
  group_.close();
  (void)co_await group_.wait_empty(shard, kNever);
  stopped_ = true;
}

void FaultHop::on_stream(net::StreamPtr stream) {
  const bool spawned = group_.spawn(shard_, serve(shard_, std::move(stream)));
  SLUICE_CHECK(spawned);
}

Rudeness FaultHop::draw(HopStage stage) {
  if (!dice_.chance(temper_.rude[static_cast<size_t>(stage)])) return Rudeness::None;
  return dice_.pick(temper_.manners);
}

std::string FaultHop::ehlo_reply() const {
  std::string reply = temper_.capabilities.empty() ? "250 hop.example" : "250-hop.example";
  for (size_t i = 0; i < temper_.capabilities.size(); ++i) {
    reply += i + 1 == temper_.capabilities.size() ? "\r\n250 " : "\r\n250-";
    reply += temper_.capabilities[i];
  }
  return reply;
}

// --- what it says ---

Task<bool> FaultHop::answer(Shard& shard, Talk& talk, HopStage stage, std::string usual) {
  const Rudeness rudeness = draw(stage);
  if (rudeness == Rudeness::None) {
    ledger_.say("hop {} says {}", number_, usual);
    talk.stream->write(usual + "\r\n");
    co_return true;
  }
  ledger_.tally().count(stage, rudeness);
  ledger_.say("hop {} is rude at {}: {}", number_, to_word(stage), to_word(rudeness));
  if (rudeness == Rudeness::Late) {
    const auto pause = dice_.time(temper_.late_min, temper_.late_max);
    co_await pause_for(shard, pause);
    talk.stream->write(usual + "\r\n");
    co_return true;
  }
  co_await misbehave(shard, talk, rudeness);
  co_return false;
}

Task<void> FaultHop::misbehave(Shard& shard, Talk& talk, Rudeness rudeness) {
  switch (rudeness) {
    case Rudeness::Refuse4:
      talk.stream->write("451 4.3.0 not now\r\n");
      break;
    case Rudeness::Refuse5:
      talk.stream->write("550-5.7.1 no\r\n550 5.7.1 never\r\n");
      break;
    case Rudeness::Say421:
      talk.stream->write("421 4.3.2 going away\r\n");
      talk.open = false;
      break;
    case Rudeness::Garbage:
      talk.stream->write("what is this?\r\n");
      break;
    case Rudeness::Silent:
      // Reads on without a word until it is left alone.
      for (bool more = true; more;) {
        const net::Received got = co_await talk.stream->receive(shard, kNever);
        more = got.event == net::StreamEvent::Data;
      }
      talk.open = false;
      break;
    case Rudeness::Reset:
      talk.stream->abort();
      talk.open = false;
      break;
    case Rudeness::Close:
    case Rudeness::None:
    case Rudeness::Late:
      talk.open = false;
      break;
  }
}

// --- what it hears ---

Task<bool> FaultHop::fill(Shard& shard, Talk& talk) {
  net::Received got = co_await talk.stream->receive(shard, kNever);
  if (got.event == net::StreamEvent::Data) talk.input += got.chunk.view();
  talk.open = talk.open && got.event == net::StreamEvent::Data;
  co_return talk.open;
}

Task<void> FaultHop::serve(Shard& shard, net::StreamPtr stream) {
  streams_.push_back(stream.get());
  Talk talk;
  talk.stream = std::move(stream);
  std::string greeting = "220 hop.example ESMTP";
  (void)co_await answer(shard, talk, HopStage::Greeting, std::move(greeting));
  while (talk.open) {
    const size_t end = talk.input.find("\r\n");
    if (end == talk.input.npos) {
      (void)co_await fill(shard, talk);
      continue;
    }
    std::string line = talk.input.substr(0, end);
    talk.input.erase(0, end + 2);
    co_await command(shard, talk, std::move(line));
  }
  std::erase(streams_, talk.stream.get());
  co_await talk.stream->close(shard, net::CloseMode::Graceful);
}

Task<void> FaultHop::command(Shard& shard, Talk& talk, std::string line) {
  ledger_.say("hop {} hears {}", number_, line);
  const std::string_view verb = std::string_view(line).substr(0, 4);
  if (verb == "EHLO") {
    std::string reply = ehlo_reply();
    (void)co_await answer(shard, talk, HopStage::Ehlo, std::move(reply));
  } else if (verb == "HELO") {  // after an EHLO that was refused
    std::string reply = "250 hop.example";
    (void)co_await answer(shard, talk, HopStage::Ehlo, std::move(reply));
  } else if (verb == "MAIL") {
    if (talk.mail) ledger_.violated("hop {} got MAIL within a transaction", number_);
    std::string yes = "250 2.1.0 ok";
    const bool said = co_await answer(shard, talk, HopStage::Mail, std::move(yes));
    talk.mail = said;
    talk.recipients.clear();
    talk.body.clear();
  } else if (verb == "RCPT") {
    if (!talk.mail) {  // a pipeline behind a refused MAIL
      talk.stream->write("503 5.5.1 MAIL first\r\n");
      co_return;
    }
    std::string yes = "250 2.1.5 ok";
    const bool said = co_await answer(shard, talk, HopStage::Rcpt, std::move(yes));
    if (said) talk.recipients.push_back(path_of(line));
  } else if (verb == "DATA") {
    if (talk.recipients.empty()) {
      ledger_.violated("hop {} got DATA without a recipient that it accepted", number_);
      talk.stream->write("554 5.5.1 no valid recipients\r\n");
      co_return;
    }
    std::string go_on = "354 go on";
    const bool said = co_await answer(shard, talk, HopStage::Data, std::move(go_on));
    if (said) co_await read_data(shard, talk);
  } else if (verb == "BDAT") {
    std::string argument = line.substr(4);
    co_await read_bdat(shard, talk, std::move(argument));
  } else if (verb == "RSET") {
    talk.mail = false;
    talk.recipients.clear();
    talk.stream->write("250 2.0.0 ok\r\n");
  } else if (verb == "QUIT") {
    talk.stream->write("221 2.0.0 bye\r\n");
    talk.open = false;
  } else {
    ledger_.violated("hop {} was told {}", number_, line);
    talk.stream->write("500 5.5.2 what\r\n");
  }
}

Task<void> FaultHop::read_data(Shard& shard, Talk& talk) {
  const bool slow = dice_.chance(temper_.slow);
  if (slow) ledger_.tally().count("hop reads slowly");
  size_t searched = 0;
  size_t end = talk.input.npos;
  for (;;) {
    if (talk.input.starts_with(".\r\n")) {
      end = 0;
      break;
    }
    end = talk.input.find("\r\n.\r\n", searched);
    if (end != talk.input.npos) {
      end += 2;
      break;
    }
    searched = talk.input.size() < 4 ? 0 : talk.input.size() - 4;
    if (slow) {
      talk.stream->hold();
      const auto pause = dice_.time(1ms, 40s);
      co_await pause_for(shard, pause);
      talk.stream->go_on();
    }
    const bool more = co_await fill(shard, talk);
    if (!more) co_return;
  }
  talk.body = unstuffed(std::string_view(talk.input).substr(0, end));
  talk.input.erase(0, end + 3);
  co_await take(shard, talk);
}

Task<void> FaultHop::read_bdat(Shard& shard, Talk& talk, std::string argument) {
  size_t size = 0;
  const std::string_view digits = std::string_view(argument).substr(argument.find_first_not_of(' '));
  std::from_chars(digits.data(), digits.data() + digits.size(), size);
  while (talk.input.size() < size) {
    const bool more = co_await fill(shard, talk);
    if (!more) co_return;
  }
  talk.body += std::string_view(talk.input).substr(0, size);
  talk.input.erase(0, size);
  if (talk.recipients.empty()) {
    ledger_.violated("hop {} got BDAT without a recipient that it accepted", number_);
    talk.stream->write("554 5.5.1 no valid recipients\r\n");
    co_return;
  }
  if (argument.find("LAST") != argument.npos) {
    co_await take(shard, talk);
  } else {
    talk.stream->write("250 2.0.0 more\r\n");
  }
}

// The dot: what is decided here stands, whether or not anybody learns of it.
Task<void> FaultHop::take(Shard& shard, Talk& talk) {
  talk.mail = false;
  const std::vector<std::string> recipients = std::exchange(talk.recipients, {});
  const std::string body = std::exchange(talk.body, {});
  const Rudeness rudeness = draw(HopStage::Dot);
  ledger_.say("hop {} has a dot, {} octets, for {}: {}", number_, body.size(), recipients.front(),
              to_word(rudeness));
  if (rudeness != Rudeness::None) ledger_.tally().count(HopStage::Dot, rudeness);
  if (rudeness != Rudeness::None && rudeness != Rudeness::Late) {
    co_await misbehave(shard, talk, rudeness);
    co_return;
  }
  ledger_.took(number_, recipients, body);
  if (dice_.chance(temper_.took_and_lost)) {
    ledger_.tally().count("hop took it and was lost");
    ledger_.say("hop {} took it and is lost", number_);
    const bool silently = dice_.chance(0.3);
    const Rudeness end = silently ? Rudeness::Silent : dice_.chance(0.5) ? Rudeness::Reset : Rudeness::Close;
    co_await misbehave(shard, talk, end);
    co_return;
  }
  if (rudeness == Rudeness::Late) {
    const auto pause = dice_.time(temper_.late_min, temper_.late_max);
    co_await pause_for(shard, pause);
  }
  ledger_.say("hop {} says it took it", number_);
  talk.stream->write("250 2.0.0 taken\r\n");
}

}  // namespace sluice::faults

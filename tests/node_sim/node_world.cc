#include "tests/node_sim/node_world.h"

#include "dnscache/zone/zone_file.h"
#include "engine/node/policy_files.h"
#include "rules/policy/reader.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace sluice::testing {

using reactor::Shard;
using runtime::Task;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

namespace {

constexpr IpAddress kOtherHop = IpAddress::v4(0xC633640A);  // 198.51.100.10
constexpr uint64_t kSeed = 20260101;
constexpr std::string_view kJournal = "/var/journal.jsonl";

std::string make_log_file() {
  std::string path = ::testing::TempDir() + "node-log-XXXXXX";
  const int file = mkstemp(path.data());
  SLUICE_CHECK(file >= 0);
  close(file);
  return path;
}

std::unique_ptr<runtime::Log> open_log(const std::string& path) {
  runtime::LogOptions options;
  options.path = path;
  return std::move(*runtime::Log::open(options));
}

std::string with_addresses(std::string text, reactor::SimWorld& sim) {
  const auto replace = [&text](std::string_view word, const std::string& by) {
    for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + by.size())) {
      text.replace(at, word.size(), by);
    }
  };
  replace("@second", Endpoint{sim.address("node"), 26}.to_string());
  replace("@nodeaddress", sim.address("node").to_string());
  replace("@node", Endpoint{sim.address("node"), NodeWorld::kPort}.to_string());
  replace("@hopaddress", sim.address("hop").to_string());
  replace("@hop", Endpoint{sim.address("hop"), 25}.to_string());
  replace("@other", Endpoint{kOtherHop, 25}.to_string());
  replace("@journal", std::string(kJournal));
  replace("@dns", Endpoint{sim.address("dns"), 53}.to_string());
  replace("@client", sim.address("client").to_string());
  return text;
}

// The policy with the world's addresses in place of @node, @hop, @other and @journal.
policy::Policy compile(std::string_view document, reactor::SimWorld& sim) {
  const std::string text = with_addresses(std::string(document), sim);
  policy::ReadPolicy read = policy::read_policy(text, 1, "node.example");
  for (const policy::Diagnostic& finding : read.diagnostics.sorted()) {
    if (finding.severity == policy::Severity::Error) ADD_FAILURE() << finding.to_string("policy");
  }
  return std::move(read.policy.value());
}

}  // namespace

NodeWorld::NodeWorld(std::string_view policy_toml, std::string_view zone_yaml)
    : sim_(kSeed),
      log_path_(make_log_file()),
      log_(open_log(log_path_)),
      node_shard_(ShardId{0}, sim_.make_reactor("node")),
      hop_shard_(ShardId{1}, sim_.make_reactor("hop")),
      dns_shard_(ShardId{2}, sim_.make_reactor("dns")),
      client_shard_(ShardId{3}, sim_.make_reactor("client")),
      shards_{&node_shard_, &hop_shard_, &dns_shard_, &client_shard_} {
  Result<dns::Zone> zone = dns::zone_from_yaml(with_addresses(std::string(zone_yaml), sim_));
  SLUICE_CHECK(zone.has_value());
  dns_ = std::make_unique<SimDnsServer>(dns_shard_, Endpoint{sim_.address("dns"), 53}, std::move(*zone));
  hop_ = std::make_unique<ScriptedHop>(hop_shard_, Endpoint{sim_.address("hop"), 25});
  sim_.add_address("hop", kOtherHop);
  other_hop_ = std::make_unique<ScriptedHop>(hop_shard_, Endpoint{kOtherHop, 25});
  policy::Policy policy = compile(policy_toml, sim_);
  std::vector<pipeline::OpenListener> listeners;
  for (const policy::Listener& each : policy.listeners())
    listeners.push_back({next_listener_++, each.address});
  Result<pipeline::PolicyFiles> files = node::read_policy_files(policy);
  SLUICE_CHECK(files.has_value());
  policies_ = std::make_unique<pipeline::LivePolicies>(
      1, std::make_unique<const pipeline::LivePolicy>(std::move(policy), std::move(listeners),
                                                      std::move(*files)));
  policies_->attach(node_shard_);
  resources_.emplace(
      node::NodeResources{*policies_, hosts_, {Endpoint{sim_.address("dns"), 53}}, *log_, worker_});
  node_ = std::make_unique<node::NodeShard>(node_shard_, *resources_, nullptr);
  std::optional<Result<void>> started;
  EXPECT_TRUE(node_tasks_.spawn(node_shard_, start_node(node_shard_, started)));
  sim_.run_until(shards_, [&] { return started.has_value(); }, sim_.now() + 10s);
  if (!started || !*started) ADD_FAILURE() << "the node did not start";
}

NodeWorld::~NodeWorld() {
  if (!stopped_) stop();
  hop_.reset();
  other_hop_.reset();
  dns_.reset();
  pass(1s);
  std::filesystem::remove(log_path_);
}

std::string NodeWorld::log_text() {
  log_->flush();
  std::ifstream file(log_path_);
  return {std::istreambuf_iterator<char>(file), {}};
}

Task<void> NodeWorld::start_node(Shard& shard, std::optional<Result<void>>& result) {
  Result<void> started = co_await node_->start(shard);
  result.emplace(std::move(started));
}

Task<void> NodeWorld::stop_node(Shard& shard, bool& ended) {
  co_await node_->stop(shard);
  ended = true;
}

Task<void> NodeWorld::stop_hops(Shard& shard, bool& ended) {
  co_await hop_->stop(shard);
  co_await other_hop_->stop(shard);
  ended = true;
}

void NodeWorld::run_until(const bool& done) {
  EXPECT_TRUE(sim_.run_until(shards_, [&done] { return done; }, sim_.now() + 2h)) << "nothing came to an end";
}

void NodeWorld::pass(std::chrono::nanoseconds time) { sim_.run(shards_, sim_.now() + time); }

void NodeWorld::reload(std::string_view policy_toml) {
  policy::Policy policy = compile(policy_toml, sim_);
  std::vector<pipeline::OpenListener> listeners = pipeline::listeners_that_stay(policies_->newest(), policy);
  for (pipeline::OpenListener& each : listeners) {
    if (each.number == 0) each.number = next_listener_++;
  }
  Result<pipeline::PolicyFiles> files = node::read_policy_files(policy);
  SLUICE_CHECK(files.has_value());
  policies_->publish(std::make_unique<const pipeline::LivePolicy>(std::move(policy), std::move(listeners),
                                                                  std::move(*files)));
}

size_t NodeWorld::policy_versions() { return policies_->collect(); }

void NodeWorld::begin_stop() {
  stopping_ = true;
  EXPECT_TRUE(node_tasks_.spawn(node_shard_, stop_node(node_shard_, node_ended_)));
}

void NodeWorld::stop() {
  if (!stopping_) begin_stop();
  end_stop();
}

void NodeWorld::end_stop() {
  stopped_ = true;
  run_until(node_ended_);
  report_ = node_->report();
  EXPECT_TRUE(report_.balance.balanced())
      << "named " << report_.balance.named << ", ended " << report_.balance.sum();
  bool ended = false;
  EXPECT_TRUE(hop_tasks_.spawn(hop_shard_, stop_hops(hop_shard_, ended)));
  run_until(ended);
  pass(2s);
  node_.reset();
  policies_->detach(node_shard_);
  pass(1s);
  EXPECT_EQ(node_shard_.reactor().in_flight(), 0U) << "the node left sockets or operations behind";
  EXPECT_EQ(node_shard_.frame_pool().frames_in_use(), 0U) << "a coroutine of the node never ended";
}

Dialogue NodeWorld::follow(Course course) {
  Dialogue dialogue;
  bool ended = false;
  EXPECT_TRUE(
      client_tasks_.spawn(client_shard_, run_dialogue(client_shard_, std::move(course), dialogue, ended)));
  run_until(ended);
  return dialogue;
}

Dialogue NodeWorld::talk(const std::vector<std::string>& lines) {
  Course course;
  course.lines = lines;
  return follow(std::move(course));
}

Dialogue NodeWorld::talk_with_pause(const std::vector<std::string>& lines, size_t before,
                                    std::chrono::nanoseconds pause) {
  Course course;
  course.lines = lines;
  course.before = before;
  course.pause = pause;
  return follow(std::move(course));
}

Dialogue NodeWorld::talk_and(const std::vector<std::string>& lines, size_t before,
                             std::function<void()> action) {
  Course course;
  course.lines = lines;
  course.before = before;
  course.pause = 1s;
  course.action = std::move(action);
  return follow(std::move(course));
}

Dialogue NodeWorld::talk_and_behind(const std::vector<std::string>& lines, size_t behind,
                                    std::function<void()> action) {
  Course course;
  course.lines = lines;
  course.behind = behind;
  course.action_behind = std::move(action);
  return follow(std::move(course));
}

Dialogue NodeWorld::talk_at(uint16_t port, const std::vector<std::string>& lines) {
  Course course;
  course.lines = lines;
  course.port = port;
  return follow(std::move(course));
}

void NodeWorld::talk_and_reset(const std::vector<std::string>& lines) {
  Course course;
  course.lines = lines;
  course.reset_at_end = true;
  follow(std::move(course));
}

void NodeWorld::drain_behind(const std::vector<std::string>& lines, size_t behind) {
  Course course;
  course.lines = lines;
  course.behind = behind;
  course.action_behind = [this] { begin_stop(); };
  follow(std::move(course));
  end_stop();
}

void NodeWorld::leave_in_body(const std::string& octets, int clients) {
  for (int i = 0; i < clients; ++i) {
    Course course;
    course.lines = lines_of({.octets = octets});
    course.lines.resize(course.lines.size() - 2);
    course.lines.push_back(octets);
    course.stay = true;
    staying_.emplace_back();
    EXPECT_TRUE(client_tasks_.spawn(
        client_shard_,
        run_dialogue(client_shard_, std::move(course), staying_.back().dialogue, staying_.back().ended)));
  }
  pass(30s);
}

Dialogue NodeWorld::drain_in_the_middle(const std::vector<std::string>& lines, size_t before,
                                        std::chrono::nanoseconds pause) {
  Course course;
  course.lines = lines;
  course.before = before;
  course.pause = pause;
  course.drain = true;
  const Dialogue dialogue = follow(std::move(course));
  end_stop();
  return dialogue;
}

std::vector<std::string> NodeWorld::lines_of(const Mail& mail) {
  std::vector<std::string> lines;
  if (!mail.ip.empty()) {
    lines.push_back("EHLO tester.example");
    const bool v6 = mail.ip.find(':') != std::string::npos;
    lines.push_back(fmt::format("XCLIENT ADDR={}{}", v6 ? "IPV6:" : "", mail.ip));
  }
  if (!mail.helo.empty()) lines.push_back("EHLO " + mail.helo);
  lines.push_back(fmt::format("MAIL FROM:<{}>", mail.sender));
  for (const std::string& recipient : mail.recipients)
    lines.push_back(fmt::format("RCPT TO:<{}>", recipient));
  lines.push_back("DATA");
  lines.push_back(mail.octets + '.');
  lines.push_back("QUIT");
  return lines;
}

Dialogue NodeWorld::send(const Mail& mail) { return talk(lines_of(mail)); }

namespace {

// The first whole reply in `input`, taken out, its lines parted by '\n'.
std::optional<std::string> take_reply(std::string& input) {
  std::string reply;
  size_t at = 0;
  for (;;) {
    const size_t end = input.find("\r\n", at);
    if (end == input.npos) return std::nullopt;
    if (!reply.empty()) reply += '\n';
    reply += input.substr(at, end - at);
    const bool last = end - at < 4 || input[at + 3] != '-';
    at = end + 2;
    if (last) break;
  }
  input.erase(0, at);
  return reply;
}

// How many replies a line will get: one for each command of a pipeline, one for a message or a chunk of one.
size_t replies_to(const std::string& line, bool is_message) {
  if (is_message || line.starts_with("BDAT ")) return 1;
  size_t count = 1;
  for (size_t at = line.find("\r\n"); at != line.npos; at = line.find("\r\n", at + 2)) ++count;
  return count;
}

}  // namespace

// After a refused DATA the message itself is left out.
Task<void> NodeWorld::run_dialogue(Shard& shard, Course course, Dialogue& dialogue, bool& ended) {
  const std::vector<std::string>& lines = course.lines;
  const Endpoint node{sim_.address("node"), course.port};
  const MonoTime deadline = shard.now() + 60s;
  std::expected<net::StreamPtr, int> connected = co_await net::Stream::connect(shard, node, deadline);
  if (!connected) {
    dialogue.closed = true;
    ended = true;
    co_return;
  }
  net::Stream& stream = **connected;
  stream.set_write_wait(180s);  // as long as a real one waits (RFC 5321 section 4.5.3.2.5)
  std::string input;
  size_t waiting_for = 1;  // the greeting
  for (size_t next = 0;; ++next) {
    while (waiting_for > 0 && !dialogue.closed) {
      if (std::optional<std::string> reply = take_reply(input)) {
        dialogue.replies.push_back(std::move(*reply));
        --waiting_for;
        continue;
      }
      net::Received got = co_await stream.receive(shard, kNever);
      if (got.event == net::StreamEvent::Data) {
        input += got.chunk.view();
      } else {
        dialogue.closed = true;
      }
    }
    if (dialogue.closed || next == lines.size() || lines[next] == kLeave) break;
    if (next == course.before) {
      if (course.drain) begin_stop();
      if (course.action) course.action();
      runtime::Signal nobody;
      const MonoTime until = shard.now() + course.pause;
      (void)co_await nobody.wait_until(shard, until);
    }
    const bool is_message = next > 0 && lines[next - 1] == "DATA";
    if (is_message && !dialogue.last().starts_with('3')) continue;
    stream.write(lines[next] + "\r\n");
    waiting_for = replies_to(lines[next], is_message);
    if (next == course.behind) {
      runtime::Signal nobody;
      const MonoTime a_second = shard.now() + 1s;
      (void)co_await nobody.wait_until(shard, a_second);
      course.action_behind();
    }
    if (course.reset_at_end && next + 1 == lines.size()) {
      const MonoTime a_moment = shard.now() + 10ms;
      (void)co_await stream.flush(shard, a_moment);
      break;
    }
  }
  const net::CloseMode mode = course.reset_at_end ? net::CloseMode::Abort : net::CloseMode::Graceful;
  co_await stream.close(shard, mode);
  ended = true;
}

std::vector<nlohmann::json> NodeWorld::journal() const {
  std::vector<nlohmann::json> rows;
  const std::optional<std::string> text =
      const_cast<reactor::SimWorld&>(sim_).file_content("node", std::string(kJournal));
  std::istringstream lines(text.value_or(""));
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json row = nlohmann::json::parse(line, nullptr, false);
    if (!row.is_discarded()) rows.push_back(std::move(row));
  }
  return rows;
}

namespace {

std::vector<nlohmann::json> of_kind(const std::vector<nlohmann::json>& all, std::string_view kind) {
  std::vector<nlohmann::json> found;
  for (const nlohmann::json& row : all) {
    if (row["kind"] == kind) found.push_back(row);
  }
  return found;
}

}  // namespace

std::vector<nlohmann::json> NodeWorld::rows() const { return of_kind(journal(), "tracking"); }
std::vector<nlohmann::json> NodeWorld::events() const { return of_kind(journal(), "policy_event"); }

nlohmann::json NodeWorld::row() const {
  const std::vector<nlohmann::json> all = rows();
  EXPECT_EQ(all.size(), 1U);
  return all.empty() ? nlohmann::json() : all.front();
}

}  // namespace sluice::testing

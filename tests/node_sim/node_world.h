// NodeWorld: one whole shard of the node in the simulator, between scripted clients, a DNS server and next
// hops. The code that runs is the product's; only the reactor below it is simulated.
//
//   NodeWorld world(kPolicy, kZone);
//   EXPECT_EQ(world.send({.ip = "198.51.100.7", .sender = "a@sender.example", ...}).last(), "250 2.0.0 ...");
//   world.stop();                                   // drains; checks the balance (W-7) and that nothing
//   leaked EXPECT_EQ(world.rows()[0]["disposition"], "relayed");
#pragma once

#include "engine/node/node_shard.h"
#include "io/reactor/sim_world.h"
#include "tests/node_sim/scripted_hop.h"
#include "tests/node_sim/sim_dns_server.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace sluice::testing {

// One dialogue by a client: what it says, and what it was told, reply by reply.
struct Dialogue {
  std::vector<std::string> replies;  // each reply with its lines parted by '\n', the greeting first
  bool closed = false;               // the node closed the connection
  const std::string& last() const { return replies.back(); }
};

struct Mail {
  std::string ip = "198.51.100.7";  // told by XCLIENT; empty: nothing is told
  std::string helo = "client.example";
  std::string sender = "user@sender.example";
  std::vector<std::string> recipients{"rcpt@managed.example"};
  std::string octets = "From: user@sender.example\r\nSubject: test\r\n\r\nhello\r\n";
};

class NodeWorld {
 public:
  static constexpr uint16_t kPort = 25;

  NodeWorld(std::string_view policy_toml, std::string_view zone_yaml);
  ~NodeWorld();

  // Sends the lines one by one, each after the reply to the one before. A line that holds CRLF is several at
  // once: a pipeline, or a message. With kLeave the client goes without a word.
  static constexpr std::string_view kLeave = "(leave)";
  Dialogue talk(const std::vector<std::string>& lines);
  // The usual dialogue for one message, up to QUIT.
  Dialogue send(const Mail& mail);
  static std::vector<std::string> lines_of(const Mail& mail);
  // A client that thinks for `pause` before it says line number `before`.
  Dialogue talk_with_pause(const std::vector<std::string>& lines, size_t before,
                           std::chrono::nanoseconds pause);
  // Something happens right before line number `before` is said.
  Dialogue talk_and(const std::vector<std::string>& lines, size_t before, std::function<void()> action);
  // Something happens a second after line number `behind` was said, before it is answered.
  Dialogue talk_and_behind(const std::vector<std::string>& lines, size_t behind,
                           std::function<void()> action);
  // A dialogue at another listener of the node.
  Dialogue talk_at(uint16_t port, const std::vector<std::string>& lines);
  // A client that is cut off right behind its last line.
  void talk_and_reset(const std::vector<std::string>& lines);
  // The node is told to stop before line number `before` is said, so long after the word to stop.
  Dialogue drain_in_the_middle(const std::vector<std::string>& lines, size_t before,
                               std::chrono::nanoseconds pause = std::chrono::seconds(1));
  // The node is told to stop a second after line number `behind` was said, before it is answered.
  void drain_behind(const std::vector<std::string>& lines, size_t behind);
  // That many clients send these octets as their message's beginning, and then nothing; they stay until
  // stop().
  void leave_in_body(const std::string& octets, int clients);

  // Another policy takes effect at the node's next turn, as by SIGHUP.
  void reload(std::string_view policy_toml);
  size_t policy_versions();  // that are still alive

  // Lets the world go on for a time.
  void pass(std::chrono::nanoseconds time);
  // Drains and stops the node; the journal is complete afterwards.
  void stop();

  WallTime wall_now() { return node_shard_.wall_now(); }
  reactor::SimWorld& sim() { return sim_; }
  ScriptedHop& hop() { return *hop_; }
  ScriptedHop& other_hop() { return *other_hop_; }
  SimDnsServer& dns() { return *dns_; }
  std::string log_text();  // what the node logged so far
  const node::ShardReport& report() const { return report_; }
  std::vector<nlohmann::json> journal() const;  // all rows
  std::vector<nlohmann::json> rows() const;     // kind "tracking"
  std::vector<nlohmann::json> events() const;   // kind "policy_event"
  nlohmann::json row() const;                   // the only tracking row

 private:
  // What happens before a line is said, and how the client leaves.
  struct Course {
    std::vector<std::string> lines;
    size_t before = SIZE_MAX;
    std::chrono::nanoseconds pause{0};
    std::function<void()> action;
    uint16_t port = kPort;
    bool drain = false;
    bool reset_at_end = false;
    size_t behind = SIZE_MAX;
    std::function<void()> action_behind;
    bool stay = false;  // after the last line, until the node closes
  };
  Dialogue follow(Course course);
  runtime::Task<void> run_dialogue(reactor::Shard& shard, Course course, Dialogue& dialogue, bool& ended);
  void begin_stop();
  void end_stop();
  runtime::Task<void> start_node(reactor::Shard& shard, std::optional<Result<void>>& result);
  runtime::Task<void> stop_node(reactor::Shard& shard, bool& ended);
  runtime::Task<void> stop_hops(reactor::Shard& shard, bool& ended);
  void run_until(const bool& done);

  reactor::SimWorld sim_;
  std::string log_path_;
  std::unique_ptr<runtime::Log> log_;
  std::unique_ptr<pipeline::LivePolicies> policies_;
  dns::HostsTable hosts_;
  runtime::SimulatedWorker worker_{std::chrono::milliseconds(1)};
  std::optional<node::NodeResources> resources_;
  reactor::Shard node_shard_;
  reactor::Shard hop_shard_;
  reactor::Shard dns_shard_;
  reactor::Shard client_shard_;
  std::vector<reactor::Shard*> shards_;
  std::unique_ptr<SimDnsServer> dns_;
  std::unique_ptr<ScriptedHop> hop_;
  std::unique_ptr<ScriptedHop> other_hop_;
  uint32_t next_listener_ = 1;
  std::unique_ptr<node::NodeShard> node_;
  runtime::TaskGroup node_tasks_;
  runtime::TaskGroup hop_tasks_;
  runtime::TaskGroup client_tasks_;
  struct Staying {
    Dialogue dialogue;
    bool ended = false;
  };
  std::deque<Staying> staying_;
  node::ShardReport report_;
  bool stopping_ = false;
  bool node_ended_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::testing

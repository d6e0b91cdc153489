// ControlLoop: the control thread of a node, from ready to stopped: signals, the requests of the admin
// servers, reloads, the heartbeat of the shards, the service manager.
//
//   SIGTERM, SIGINT, `drain`  drain (W-16); a second signal breaks off what still runs; a third ends the
//   process SIGHUP, `reload`          the policy is read anew; SIGHUP also opens the journal and the log file
//   anew
//
// A reload reads, checks and compiles here, off the shards, then publishes (Node::begin_reload). Any error
// keeps the version in force and is told with its line and column, to the log and to who asked. The signals
// must be blocked in every thread before the first thread is made.
#pragma once

#include "engine/node/admin_desk.h"
#include "engine/node/dns_errands.h"
#include "engine/node/node.h"
#include "engine/node/node_view.h"
#include "engine/node/service_manager.h"
#include "rules/policy/diagnostics.h"

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::node {

struct ControlOptions {
  std::string policy_file;
  std::string machine_name;  // where the document gives no host name
  sigset_t signals{};        // SIGTERM, SIGINT, SIGHUP: blocked
};

class ControlLoop {
 public:
  // All outlive the loop. `policy` in `node` has the serial 1.
  ControlLoop(Node& node, AdminDesk& desk, const ServiceManager& manager, runtime::Log& log,
              ControlOptions options);
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  // Until every shard has stopped. False: one did not within its time, and the process must end by force.
  bool run();
  // Goes on answering what is asked, for as long as `condition` gives true.
  template <class Condition>
  void answer_while(Condition condition) {
    while (condition()) wait_and_take(std::chrono::milliseconds(5));
  }

 private:
  using Requests = std::vector<std::unique_ptr<AdminRequest>>;
  struct Outcome {
    int status = 200;
    std::string body;
  };

  void wait_and_take(std::chrono::milliseconds longest);
  void take_signals();
  void on_signal(int number);
  void take_requests();
  void answer_fresh();
  std::chrono::milliseconds time_to_wait() const;

  void begin_drain();
  void beat();
  bool over_time() const;

  void begin_reload();
  void look_at_reload();
  void end_reload(bool done, std::vector<std::string> errors);
  void log_findings(const policy::Diagnostics& findings);

  NodeView view();
  std::string stats();
  void log(runtime::LogLevel level, const char* event, std::initializer_list<runtime::LogField> fields);

  Node& node_;
  AdminDesk& desk_;
  const ServiceManager& manager_;
  runtime::Log& log_;
  ControlOptions options_;
  int signals_ = -1;  // signalfd
  WallTime started_;
  WallTime policy_loaded_;
  MonoTime next_beat_{};
  MonoTime drain_began_{};
  unsigned end_signals_ = 0;
  bool draining_ = false;

  Requests wanting_fresh_;  // metrics, stats: answered when the shards have spoken
  MonoTime fresh_until_{};
  DnsErrands dns_errands_{node_};

  bool reloading_ = false;
  bool reload_again_ = false;
  MonoTime reload_until_{};
  uint64_t serial_ = 1;
  std::vector<std::string> reload_restart_;
  std::vector<std::string> reload_warnings_;
  Requests reload_askers_;
  Requests next_reload_askers_;
  ReloadCounts reloads_;
};

}  // namespace sluice::node

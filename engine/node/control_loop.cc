#include "engine/node/control_loop.h"

#include "engine/node/allocator.h"
#include "engine/node/health.h"
#include "engine/node/metrics_page.h"
#include "engine/node/process_figures.h"
#include "engine/node/system_file.h"
#include "io/base/json_text.h"
#include "rules/policy/reader.h"
#include "rules/policy/restart.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace sluice::node {

using runtime::LogField;
using runtime::LogLevel;

namespace {

constexpr std::chrono::milliseconds kFreshWait{
    500};                                      // for the shards' word; then the one before is good enough
constexpr std::chrono::milliseconds kSoon{2};  // while shards are waited for

MonoTime mono_now() { return MonoTime(std::chrono::steady_clock::now().time_since_epoch()); }
WallTime wall_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

void answer_all(std::vector<std::unique_ptr<AdminRequest>> requests, const AdminAnswer& answer) {
  for (const auto& request : requests) request->answer(answer);
}

AdminAnswer health_answer(const Health& health) {
  return {health.good() ? 200 : 503, "application/json", health.to_json()};
}

}  // namespace

ControlLoop::ControlLoop(Node& node, AdminDesk& desk, const ServiceManager& manager, runtime::Log& log,
                         ControlOptions options)
    : node_(node),
      desk_(desk),
      manager_(manager),
      log_(log),
      options_(std::move(options)),
      signals_(signalfd(-1, &options_.signals, SFD_CLOEXEC | SFD_NONBLOCK)),
      started_(wall_now()),
      policy_loaded_(started_) {
  SLUICE_CHECK(signals_ >= 0);
}

ControlLoop::~ControlLoop() { close(signals_); }

bool ControlLoop::run() {
  while (!draining_ || !node_.stopped()) {
    if (over_time()) {
      log(LogLevel::Error, "node.forced_end", {});
      return false;
    }
    wait_and_take(time_to_wait());
  }
  return true;
}

std::chrono::milliseconds ControlLoop::time_to_wait() const {
  if (reloading_ || !wanting_fresh_.empty() || dns_errands_.busy()) return kSoon;
  if (draining_) return std::chrono::milliseconds(20);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_beat_ - mono_now());
  return std::clamp(left, std::chrono::milliseconds(0), std::chrono::milliseconds(1000));
}

void ControlLoop::wait_and_take(std::chrono::milliseconds longest) {
  std::array<pollfd, 2> doors{{{signals_, POLLIN, 0}, {desk_.descriptor(), POLLIN, 0}}};
  (void)poll(doors.data(), doors.size(), static_cast<int>(longest.count()));
  take_signals();
  take_requests();
  if (reloading_) look_at_reload();
  if (!wanting_fresh_.empty()) answer_fresh();
  if (dns_errands_.busy()) dns_errands_.look(mono_now());
  if (mono_now() >= next_beat_) beat();
}

// --- signals, the end ---

void ControlLoop::take_signals() {
  signalfd_siginfo info{};
  while (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    on_signal(static_cast<int>(info.ssi_signo));
  }
}

void ControlLoop::on_signal(int number) {
  if (number == SIGHUP) {
    log_.reopen();
    node_.reopen_journals();
    begin_reload();
    return;
  }
  ++end_signals_;
  if (!draining_) {
    begin_drain();
  } else if (end_signals_ <= 2) {
    log(LogLevel::Warning, "node.hurried", {});
    node_.hurry();
  } else {
    // The operator has asked three times: as if the signal had never been caught.
    (void)std::signal(number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    (void)raise(number);
  }
}

void ControlLoop::begin_drain() {
  if (std::exchange(draining_, true)) return;
  drain_began_ = mono_now();
  manager_.stopping();
  log(LogLevel::Info, "node.draining", {});
  if (reloading_) end_reload(false, {"the node is being stopped"});
  node_.begin_stop();
}

bool ControlLoop::over_time() const {
  return draining_ && mono_now() - drain_began_ > limits::kDrainWait + limits::kStopGrace;
}

void ControlLoop::beat() {
  const auto watchdog = manager_.watchdog();
  auto period = std::chrono::duration_cast<std::chrono::microseconds>(Node::kHeartbeat);
  if (watchdog) period = std::min(period, *watchdog / 2);
  next_beat_ = mono_now() + period;
  return_unused_memory();
  (void)node_.policy_versions();  // lets go of versions that no shard has any more
  if (watchdog && is_alive(view()).good()) manager_.alive();
}

// --- what is asked ---

void ControlLoop::take_requests() {
  while (std::unique_ptr<AdminRequest> request = desk_.take()) {
    switch (request->question()) {
      case AdminQuestion::Alive:
        request->answer(health_answer(is_alive(view())));
        break;
      case AdminQuestion::Ready:
        request->answer(health_answer(is_ready(view())));
        break;
      case AdminQuestion::Metrics:
      case AdminQuestion::Stats:
      case AdminQuestion::DnsStats:
        node_.ask_shards();
        fresh_until_ = mono_now() + kFreshWait;
        wanting_fresh_.push_back(std::move(request));
        break;
      case AdminQuestion::DnsLookup:
      case AdminQuestion::DnsFlush:
        dns_errands_.take(std::move(request));
        break;
      case AdminQuestion::Reload:
        next_reload_askers_.push_back(std::move(request));
        begin_reload();
        break;
      case AdminQuestion::Drain:
        begin_drain();
        request->answer({202, "application/json", "{\"status\":\"draining\"}\n"});
        break;
    }
  }
}

void ControlLoop::answer_fresh() {
  if (!node_.shards_answered() && mono_now() < fresh_until_) return;
  for (const auto& request : std::exchange(wanting_fresh_, {})) {
    if (request->question() == AdminQuestion::Metrics) {
      request->answer({200, std::string(kMetricsContentType), metrics_page(view())});
    } else if (request->question() == AdminQuestion::DnsStats) {
      request->answer({200, "application/json", dns_stats(view().shards)});
    } else {
      request->answer({200, "application/json", stats()});
    }
  }
}

NodeView ControlLoop::view() {
  NodeView view;
  const policy::Policy& policy = node_.policy();
  view.phase = draining_ ? Phase::Draining : Phase::Running;
  view.now = mono_now();
  view.stuck_after = policy.admin().stuck_after;
  view.shards = node_.shard_reports();
  view.backend = node_.status().backend;
  view.policy_version = policy.version().to_string();
  view.policy_loaded = policy_loaded_;
  view.policy_versions_alive = node_.policy_versions();
  view.defers_in_dns_outage = policy.dns().on_outage == policy::OnOutage::Defer;
  view.reloads = reloads_;
  view.started = started_;
  view.log_dropped = log_.dropped();
  view.log_suppressed = log_.suppressed();
  view.process = read_process_figures();
  view.allocator = read_allocator_figures();
  view.hop_metrics = node_.hop_metrics();
  for (const policy::ManagedDomain& domain : policy.domains()) {
    view.domains.push_back({domain.name, delivery::hops_text(domain.next_hops)});
  }
  return view;
}

std::string ControlLoop::stats() {
  const NodeView now = view();
  const ShardReport sum = now.sum();
  std::string text;
  JsonObject json(text);
  std::vector<std::string> listeners;
  for (const Endpoint& listener : node_.status().listeners) listeners.push_back(listener.to_string());
  std::vector<std::string> not_ready;
  for (const HealthReason& reason : is_ready(now).reasons) not_ready.push_back(reason.text);
  json.text("state", draining_ ? "draining" : "running")
      .texts("not_ready", not_ready)
      .text("backend", now.backend)
      .number("shards", now.shards.size())
      .texts("listeners", listeners)
      .text("policy_version", now.policy_version)
      .texts("restart_needed", reloads_.restart_needed)
      .number("sessions", sum.sessions)
      .number("connections", sum.connections)
      .number("messages", sum.smtp.messages);
  JsonObject recipients = json.object("recipients");
  recipients.number("named", sum.balance.named);
  for (size_t i = 0; i < message::kDispositions; ++i) {
    recipients.number(message::to_word(static_cast<message::Disposition>(i)), sum.balance.ended[i]);
  }
  recipients.end();
  json.number("journal_rows", sum.journal.rows_written)
      .number("journal_rows_waiting", sum.journal.rows_kept)
      .number("journal_rows_dropped", sum.journal.rows_dropped)
      .number("dns_questions", sum.dns_questions)
      .number("resident_octets", now.process.resident_octets);
  json.end();
  text += '\n';
  return text;
}

void ControlLoop::log(LogLevel level, const char* event, std::initializer_list<LogField> fields) {
  log_.write(wall_now(), level, event, fields);
}

// --- reload ---

void ControlLoop::begin_reload() {
  if (draining_) {
    answer_all(std::exchange(next_reload_askers_, {}),
               {409, "application/json", "{\"status\":\"draining\"}\n"});
    return;
  }
  if (reloading_) {  // what is in the file now may be newer than what is under way
    reload_again_ = true;
    return;
  }
  reload_askers_ = std::exchange(next_reload_askers_, {});
  reload_restart_.clear();
  reload_warnings_.clear();
  manager_.reloading();
  const Result<std::string> text = read_system_file(options_.policy_file);
  if (!text) {
    end_reload(false, {text.error().to_string()});
    return;
  }
  policy::ReadPolicy read = policy::read_policy(*text, serial_ + 1, options_.machine_name);
  std::vector<std::string> errors;
  for (const policy::Diagnostic& finding : read.diagnostics.sorted()) {
    const bool error = finding.severity == policy::Severity::Error;
    (error ? errors : reload_warnings_).push_back(finding.to_string(options_.policy_file));
  }
  log_findings(read.diagnostics);
  if (!read.policy) {
    end_reload(false, std::move(errors));
    return;
  }
  reload_restart_ = policy::settings_that_need_restart(node_.policy_at_start(), *read.policy);
  const Result<void> begun = node_.begin_reload(std::move(*read.policy));
  if (!begun) {
    end_reload(false, {begun.error().to_string()});
    return;
  }
  ++serial_;
  reloading_ = true;
  reload_until_ = mono_now() + limits::kReloadWait;
}

void ControlLoop::look_at_reload() {
  if (node_.reload_state() == Node::ReloadState::Done) {
    policy_loaded_ = wall_now();
    const std::string problem = node_.reload_problem();
    std::vector<std::string> errors;
    if (!problem.empty()) errors.push_back(problem);
    end_reload(errors.empty(), std::move(errors));
  } else if (mono_now() >= reload_until_) {
    end_reload(false,
               {fmt::format("not every shard has taken the policy up within {} s; it holds where it was",
                            limits::kReloadWait.count())});
  }
}

void ControlLoop::end_reload(bool done, std::vector<std::string> errors) {
  reloading_ = false;
  ++(done ? reloads_.done : reloads_.failed);
  reloads_.last_failed = !done;
  const std::string version = node_.policy().version().to_string();
  std::string body;
  JsonObject json(body);
  json.text("status", done ? "reloaded" : "failed").text("policy_version", version);
  if (!errors.empty()) json.texts("errors", errors);
  if (!reload_warnings_.empty()) json.texts("warnings", reload_warnings_);
  if (done) {
    reloads_.restart_needed = reload_restart_;
    if (!reload_restart_.empty()) json.texts("restart_needed", reload_restart_);
    log(LogLevel::Info, "policy.reloaded", {{"version", version}});
    for (const std::string& setting : reload_restart_) {
      log(LogLevel::Warning, "policy.restart_needed", {{"setting", setting}});
    }
  } else {
    for (const std::string& error : errors) log(LogLevel::Error, "policy.reload_failed", {{"reason", error}});
  }
  json.end();
  body += '\n';
  answer_all(std::exchange(reload_askers_, {}), {done ? 200 : 422, "application/json", body});
  manager_.ready(done ? "Running" : "Running with the policy before; the last reload failed");
  if (std::exchange(reload_again_, false)) begin_reload();
}

void ControlLoop::log_findings(const policy::Diagnostics& findings) {
  for (const policy::Diagnostic& finding : findings.sorted()) {
    const bool error = finding.severity == policy::Severity::Error;
    log(error ? LogLevel::Error : LogLevel::Warning, error ? "policy.error" : "policy.warning",
        {{"file", options_.policy_file},
         {"line", finding.position.line},
         {"column", finding.position.column},
         {"setting", finding.path},
         {"problem", finding.message}});
  }
}

}  // namespace sluice::node

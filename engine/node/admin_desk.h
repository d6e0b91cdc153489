// AdminDesk: where the threads of the admin server put what they are asked, and the control thread takes it.
// All that is known of the node belongs to the control thread; so it gives every answer, and nothing needs a
// lock.
//
// ask() may be called from any thread but the control thread, and waits for the answer or gives up after a
// time.
#pragma once

#include "io/base/result.h"

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>

namespace sluice::node {

enum class AdminQuestion : uint8_t {
  Metrics,
  Alive,
  Ready,
  Stats,
  Reload,
  Drain,
  DnsStats,
  DnsLookup,
  DnsFlush
};

// As the asker wrote them; only some questions take any.
struct AdminArguments {
  std::string name, type, all;
};

struct AdminAnswer {
  int status = 200;  // of HTTP
  std::string type = "application/json";
  std::string body;
};

class AdminRequest {
 public:
  explicit AdminRequest(AdminQuestion question, AdminArguments arguments = {})
      : question_(question), arguments_(std::move(arguments)) {}
  AdminRequest(const AdminRequest&) = delete;
  AdminRequest& operator=(const AdminRequest&) = delete;
  ~AdminRequest();  // an unanswered one is told that the node ends

  AdminQuestion question() const { return question_; }
  const AdminArguments& arguments() const { return arguments_; }
  void answer(AdminAnswer answer);

 private:
  friend class AdminDesk;
  AdminQuestion question_;
  AdminArguments arguments_;
  bool answered_ = false;
  std::promise<AdminAnswer> promise_;
};

class AdminDesk {
 public:
  [[nodiscard]] static Result<std::unique_ptr<AdminDesk>> open();
  ~AdminDesk();  // after the last ask()
  AdminDesk(const AdminDesk&) = delete;
  AdminDesk& operator=(const AdminDesk&) = delete;

  AdminAnswer ask(AdminQuestion question, std::chrono::seconds wait, AdminArguments arguments = {});

  // --- the control thread ---
  int descriptor() const { return read_end_; }  // readable while something lies here
  std::unique_ptr<AdminRequest> take();         // null: nothing

 private:
  AdminDesk(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}
  int read_end_;
  int write_end_;
};

}  // namespace sluice::node

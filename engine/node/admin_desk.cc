#include "engine/node/admin_desk.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace sluice::node {

AdminRequest::~AdminRequest() {
  if (!answered_) answer({503, "application/json", "{\"status\":\"ending\"}\n"});
}

void AdminRequest::answer(AdminAnswer answer) {
  answered_ = true;
  promise_.set_value(std::move(answer));
}

Result<std::unique_ptr<AdminDesk>> AdminDesk::open() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_system(errno, "cannot make a pipe");
  return std::unique_ptr<AdminDesk>(new AdminDesk(ends[0], ends[1]));
}

AdminDesk::~AdminDesk() {
  while (take() != nullptr) {
  }
  close(read_end_);
  close(write_end_);
}

// A pointer is far below PIPE_BUF, so it arrives whole or not at all.
AdminAnswer AdminDesk::ask(AdminQuestion question, std::chrono::seconds wait, AdminArguments arguments) {
  auto request = std::make_unique<AdminRequest>(question, std::move(arguments));
  std::future<AdminAnswer> answer = request->promise_.get_future();
  AdminRequest* const handed = request.get();
  if (write(write_end_, &handed, sizeof handed) == static_cast<ssize_t>(sizeof handed)) {
    (void)request.release();
  } else {
    request.reset();
  }
  if (answer.wait_for(wait) == std::future_status::ready) return answer.get();
  return {504, "application/json", "{\"status\":\"no answer in time\"}\n"};
}

std::unique_ptr<AdminRequest> AdminDesk::take() {
  AdminRequest* handed = nullptr;
  if (read(read_end_, &handed, sizeof handed) != static_cast<ssize_t>(sizeof handed)) return nullptr;
  return std::unique_ptr<AdminRequest>(handed);
}

}  // namespace sluice::node

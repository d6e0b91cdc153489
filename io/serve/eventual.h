// Eventual<T>: what a handler gives back: a value that is there already, or a Task that will have it. So a
// handler that has nothing to wait for costs no coroutine frame and no turn.
//
//   Eventual<Answer> on_rcpt(Shard& shard, ...) override {
//     if (known) return Answer(reply);      // ready
//     return look_it_up(shard, ...);        // a Task<Answer>
//   }
//   Answer answer = co_await std::move(eventual);   // whoever called on_rcpt(), awaited once
#pragma once

#include "io/runtime/task.h"

#include <concepts>
#include <coroutine>
#include <optional>
#include <utility>
#include <variant>

namespace sluice::serve {

struct Done {};  // for handlers that say nothing but "over"

template <class T>
class [[nodiscard]] Eventual {
 public:
  template <class U>
    requires std::constructible_from<T, U&&> && (!std::same_as<std::remove_cvref_t<U>, Eventual>) &&
             (!std::same_as<std::remove_cvref_t<U>, runtime::Task<T>>)
  Eventual(U&& value) : content_(std::in_place_index<0>, std::forward<U>(value)) {}
  Eventual(runtime::Task<T> task) : content_(std::in_place_index<1>, std::move(task)) {}
  Eventual(Eventual&&) noexcept = default;
  Eventual& operator=(Eventual&&) noexcept = default;
  Eventual(const Eventual&) = delete;
  Eventual& operator=(const Eventual&) = delete;
  ~Eventual() = default;

  bool ready() const { return content_.index() == 0; }
  // Only when ready().
  T take() { return std::move(std::get<0>(content_)); }

  class Awaiter {
   public:
    explicit Awaiter(Eventual& eventual) : eventual_(eventual) {}
    bool await_ready() const { return eventual_.ready(); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
      task_.emplace(std::move(std::get<1>(eventual_.content_)).operator co_await());
      return task_->await_suspend(awaiting);
    }
    [[nodiscard]] T await_resume() {
      if (eventual_.ready()) return eventual_.take();
      return task_->await_resume();
    }

   private:
    Eventual& eventual_;
    std::optional<typename runtime::Task<T>::Awaiter> task_;
  };
  // The Eventual must live until the await is over, as a temporary of the full expression or a moved name
  // does.
  Awaiter operator co_await() && { return Awaiter(*this); }

 private:
  std::variant<T, runtime::Task<T>> content_;
};

}  // namespace sluice::serve

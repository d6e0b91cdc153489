// LocalRef<T>: shares an immutable T among many holders of one shard; the last one destroys it. The count is
// a plain number, so the object and all that refer to it stay on that shard (or in one thread). For what
// hangs on a cached answer and is still in use when the cache lets go of it. May be null. Nothing fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace sluice {

template <class T>
class LocalRef {
 public:
  LocalRef() = default;
  LocalRef(const LocalRef& other) noexcept : box_(other.box_) {
    if (box_ != nullptr) ++box_->references;
  }
  LocalRef(LocalRef&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
  LocalRef& operator=(const LocalRef& other) noexcept {
    if (this != &other) LocalRef(other).swap(*this);
    return *this;
  }
  LocalRef& operator=(LocalRef&& other) noexcept {
    LocalRef(std::move(other)).swap(*this);
    return *this;
  }
  ~LocalRef() { reset(); }

  template <class... Args>
  [[nodiscard]] static LocalRef make(Args&&... args) {
    LocalRef made;
    made.box_ = new Box(std::forward<Args>(args)...);
    return made;
  }

  void reset() noexcept {
    Box* left = std::exchange(box_, nullptr);
    if (left != nullptr && --left->references == 0) delete left;
  }
  explicit operator bool() const { return box_ != nullptr; }
  const T* get() const { return box_ == nullptr ? nullptr : &box_->object; }
  const T& operator*() const { return box_->object; }
  const T* operator->() const { return &box_->object; }
  size_t references() const { return box_ == nullptr ? 0 : box_->references; }  // to the same object

 private:
  struct Box {
    template <class... Args>
    explicit Box(Args&&... args) : object(std::forward<Args>(args)...) {}
    const T object;
    uint32_t references = 1;
  };
  void swap(LocalRef& other) noexcept { std::swap(box_, other.box_); }

  Box* box_ = nullptr;
};

}  // namespace sluice

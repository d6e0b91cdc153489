// Attachment: one owned object of a type that the cache does not know, and a mark of that type. The object is
// destroyed with the Attachment. Move-only.
//
// A type may have a part that most users need only (`using View = ...; const View* view() const`, valid as
// long as the object), which is then found without a look at the object itself.
#pragma once

#include <memory>
#include <utility>

namespace sluice::dns {

class Attachment {
 public:
  using Type = const void*;
  template <class T>
  static constexpr Type type_of() {
    return &kType<T>;
  }

  Attachment() = default;
  template <class T>
  explicit Attachment(std::unique_ptr<T> object)
      : object_(object.release()),
        type_(&kType<T>),
        destroy_([](void* o) noexcept { delete static_cast<T*>(o); }) {
    if constexpr (requires { typename T::View; }) view_ = static_cast<const T*>(object_)->view();
  }
  Attachment(Attachment&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)),
        view_(other.view_),
        type_(other.type_),
        destroy_(other.destroy_) {}
  Attachment& operator=(Attachment&& other) noexcept {
    if (this == &other) return *this;
    reset();
    object_ = std::exchange(other.object_, nullptr);
    view_ = other.view_;
    type_ = other.type_;
    destroy_ = other.destroy_;
    return *this;
  }
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  ~Attachment() { reset(); }

  Type type() const { return type_; }
  void* object() const { return object_; }
  const void* view() const { return view_; }  // null where the type has none
  void reset() noexcept {
    if (object_ != nullptr) destroy_(std::exchange(object_, nullptr));
  }

 private:
  template <class T>
  static constexpr char kType = 0;  // its address tells the types apart

  void* object_ = nullptr;
  const void* view_ = nullptr;
  Type type_ = nullptr;
  void (*destroy_)(void*) noexcept = nullptr;
};

}  // namespace sluice::dns

// Sendable: what may go from one shard to another: values that own all that they hold. No references, raw
// pointers, spans or string views anywhere inside, for they would point at memory of the shard they left.
//
// Accepted: numbers, enumerations, chrono, std::string, vector, array, optional, variant, pair, tuple and
// unique_ptr of such; aggregates of up to 12 such fields (each field is looked at, arrays as fields are not
// understood and fail to compile). A class with private members is taken at its word:
//
//   template <> inline constexpr bool sluice::runtime::kSendableByPromise<dns::Question> = true;
//
// A unique_ptr's object must be Sendable too, or const and promised. Copies of reference counts (shared_ptr)
// and Chunks (they belong to their shard's pool) are refused.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::runtime {

template <class T>
inline constexpr bool kSendableByPromise = false;

namespace detail {

template <class T>
consteval bool sendable();

template <class... Parts>
inline constexpr bool kAllSendable = (sendable<Parts>() && ...);

// Known templates of the standard library, by their parts.
template <class T>
struct SendableParts {
  static constexpr bool kKnown = false;
};
template <bool kOk>
struct Known {
  static constexpr bool kKnown = true;
  static constexpr bool kSendable = kOk;
};
template <>
struct SendableParts<std::string> : Known<true> {};
template <>
struct SendableParts<std::monostate> : Known<true> {};
template <class T>
struct SendableParts<std::vector<T>> : Known<kAllSendable<T>> {};
template <class T, size_t kCount>
struct SendableParts<std::array<T, kCount>> : Known<kAllSendable<T>> {};
template <class T>
struct SendableParts<std::optional<T>> : Known<kAllSendable<T>> {};
template <class... T>
struct SendableParts<std::variant<T...>> : Known<kAllSendable<T...>> {};
template <class... T>
struct SendableParts<std::tuple<T...>> : Known<kAllSendable<T...>> {};
template <class A, class B>
struct SendableParts<std::pair<A, B>> : Known<kAllSendable<A, B>> {};
template <class T>
struct SendableParts<std::unique_ptr<T>> : Known<kAllSendable<std::remove_const_t<T>>> {};
template <class Rep, class Period>
struct SendableParts<std::chrono::duration<Rep, Period>> : Known<true> {};
template <class Clock, class Duration>
struct SendableParts<std::chrono::time_point<Clock, Duration>> : Known<true> {};

// Converts to anything, for counting how many initialisers an aggregate takes.
struct Anything {
  template <class T>
  operator T() const;  // never defined
};
template <class T, size_t... kIndex>
consteval bool takes_initialisers(std::index_sequence<kIndex...> /*count*/) {
  return requires { T{(static_cast<void>(kIndex), Anything{})...}; };
}
template <class T, size_t kCount = 13>
consteval size_t field_count() {
  if constexpr (kCount == 0) {
    return 0;
  } else if constexpr (takes_initialisers<T>(std::make_index_sequence<kCount>{})) {
    return kCount;
  } else {
    return field_count<T, kCount - 1>();
  }
}

// The declared types of the fields, references included: decltype of a structured binding's name gives them.
// Never called.
template <size_t kCount, class T>
auto field_types(T& value) {
  if constexpr (kCount == 1) {
    auto& [a] = value;
    return std::type_identity<std::tuple<decltype(a)>>{};
  }
  if constexpr (kCount == 2) {
    auto& [a, b] = value;
    return std::type_identity<std::tuple<decltype(a), decltype(b)>>{};
  }
  if constexpr (kCount == 3) {
    auto& [a, b, c] = value;
    return std::type_identity<std::tuple<decltype(a), decltype(b), decltype(c)>>{};
  }
  if constexpr (kCount == 4) {
    auto& [a, b, c, d] = value;
    return std::type_identity<std::tuple<decltype(a), decltype(b), decltype(c), decltype(d)>>{};
  }
  if constexpr (kCount == 5) {
    auto& [a, b, c, d, e] = value;
    return std::type_identity<std::tuple<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e)>>{};
  }
  if constexpr (kCount == 6) {
    auto& [a, b, c, d, e, f] = value;
    return std::type_identity<
        std::tuple<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f)>>{};
  }
  if constexpr (kCount == 7) {
    auto& [a, b, c, d, e, f, g] = value;
    return std::type_identity<std::tuple<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e),
                                         decltype(f), decltype(g)>>{};
  }
  if constexpr (kCount == 8) {
    auto& [a, b, c, d, e, f, g, h] = value;
    return std::type_identity<std::tuple<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e),
                                         decltype(f), decltype(g), decltype(h)>>{};
  }
  if constexpr (kCount == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = value;
    return std::type_identity<std::tuple<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e),
                                         decltype(f), decltype(g), decltype(h), decltype(i)>>{};
  }
  if constexpr (kCount == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = value;
    return std::type_identity<std::tuple<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e),
                                         decltype(f), decltype(g), decltype(h), decltype(i), decltype(j)>>{};
  }
  if constexpr (kCount == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = value;
    return std::type_identity<
        std::tuple<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                   decltype(h), decltype(i), decltype(j), decltype(k)>>{};
  }
  if constexpr (kCount == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = value;
    return std::type_identity<
        std::tuple<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                   decltype(h), decltype(i), decltype(j), decltype(k), decltype(l)>>{};
  }
}
template <class... Fields>
consteval bool tuple_sendable(std::type_identity<std::tuple<Fields...>> /*types*/) {
  return kAllSendable<Fields...>;
}

template <class T>
consteval bool sendable() {
  if constexpr (std::is_reference_v<T> || std::is_pointer_v<T> || std::is_member_pointer_v<T>) {
    return false;
  } else if constexpr (kSendableByPromise<T> || std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return true;
  } else if constexpr (SendableParts<T>::kKnown) {
    return SendableParts<T>::kSendable;
  } else if constexpr (std::is_empty_v<T> && std::is_aggregate_v<T>) {
    return true;
  } else if constexpr (std::is_aggregate_v<T> && !std::is_union_v<T>) {
    constexpr size_t kCount = field_count<T>();
    if constexpr (kCount == 0 || kCount > 12) {
      return false;
    } else {
      return tuple_sendable(decltype(field_types<kCount>(std::declval<T&>())){});
    }
  } else {
    return false;
  }
}

}  // namespace detail

template <class T>
concept Sendable = std::is_nothrow_move_constructible_v<T> && detail::sendable<T>();

}  // namespace sluice::runtime

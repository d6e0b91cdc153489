// CHECK: for what only a defect of ours can break. It prints the condition and ends the process; one node
// restarts fast and nothing acknowledged is lost. What a peer, a file or a resolver can cause is never a
// CHECK.
#pragma once

namespace sluice {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace sluice

#define SLUICE_CHECK(condition)                              \
  (__builtin_expect(!!(condition), 1) ? static_cast<void>(0) \
                                      : ::sluice::check_failed(#condition, __FILE__, __LINE__))

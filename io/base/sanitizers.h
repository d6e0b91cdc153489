// Which sanitizer this build runs under, asked in one way of every compiler: clang has __has_feature, g++ a
// macro.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SLUICE_ADDRESS_SANITIZER 1
#endif

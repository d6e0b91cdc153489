// The catalogue of log messages: what each event of the log means and what to do, in English and Japanese.
// The log itself carries the stable id only (runtime::Log), so that programs can rely on it and people read
// it in their language. docs/log_catalogue.md is generated from it (`sluicectl log-catalogue`); a check
// compares its ids with those in the code. Shared immutable.
#pragma once

#include "io/runtime/log.h"

#include <span>
#include <string>
#include <string_view>

namespace sluice::node {

struct LogMessage {
  std::string_view event;
  runtime::LogLevel level;
  std::string_view english;         // when
  std::string_view english_advice;  // what to do; empty: nothing
  std::string_view japanese;
  std::string_view japanese_advice;
};

// Sorted by event.
std::span<const LogMessage> log_catalogue();
// The document.
std::string log_catalogue_page();

}  // namespace sluice::node

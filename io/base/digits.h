// Numbers and times of day as text, appended to a string: for what is written with every message, where
// formatting by a general library would cost more than the rest of the line. Pure.
#pragma once

#include "io/base/clock.h"

#include <cstdint>
#include <string>

namespace sluice {

void append_number(std::string& out, uint64_t value);

// The last `width` decimal digits of the value, zeros in front; at most 20.
void append_padded(std::string& out, uint64_t value, unsigned width);

// RFC 3339, UTC, to the microsecond: 2026-11-21T09:30:00.000001Z. Years 0 to 9999; others are clamped.
void append_timestamp(std::string& out, WallTime time);

}  // namespace sluice

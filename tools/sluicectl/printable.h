// Foreign octets as text that can be printed. io/base/octet_text.h has a form that can be read back.
#pragma once

#include <string>
#include <string_view>

namespace sluice::ctl {

// Printable ASCII as it is, all else as \xHH: for a terminal, where nothing that others wrote may act.
std::string printable(std::string_view octets);

}  // namespace sluice::ctl

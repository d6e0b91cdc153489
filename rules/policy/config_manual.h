// Prints the settings of config_schema.h as the manual page docs/configuration.md. A test compares the file
// with what this prints; `sluicectl policy manual` writes it.
#pragma once

#include <string>

namespace sluice::policy {

// Markdown, ends with a newline; the same text for the same build.
std::string configuration_manual();

}  // namespace sluice::policy

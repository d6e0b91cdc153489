#include "rules/policy/config_manual.h"

#include "rules/policy/config_schema.h"
#include "rules/policy/spf_rule.h"

#include <array>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

// In the order of ValueType.
constexpr std::array<std::string_view, 16> kTypeWords{
    "true or false",
    "whole number",
    "size (octets, or text as \"50 MiB\")",
    "text",
    "one of",
    "domain name",
    "IP address with port",
    "host with port",
    "list of IP addresses and prefixes",
    "list of domain names",
    "list of hosts with ports",
    "list of IP addresses, with or without port",
    "list of peers",
    "list of header field names",
    "list of domain names, `.example.com` for all below too",
    "list of tables"};

// By Reload.
constexpr std::array<std::string_view, 3> kReloadWords{"holds from the next transaction on",
                                                       "holds for connections that begin from then on",
                                                       "no effect; taken at start"};

std::string type_text(const Setting& setting) {
  std::string text(kTypeWords.at(static_cast<size_t>(setting.type)));
  for (size_t i = 0; i < setting.choices.size(); ++i) {
    text += fmt::format("{} `\"{}\"`", i == 0 ? "" : ",", setting.choices[i]);
  }
  if (!setting.unit.empty() && setting.type != ValueType::Size) text += fmt::format(", {}", setting.unit);
  const bool numeric = setting.type == ValueType::Integer || setting.type == ValueType::Size;
  if (numeric) text += fmt::format(", {} to {}", setting.minimum, setting.maximum);
  return text;
}

std::string setting_text(const Setting& setting) {
  std::string text = fmt::format("### `{}`\n\n{}\n\n", setting.name, setting.text);
  text += fmt::format("- Type: {}\n", type_text(setting));
  if (setting.required) {
    text += "- Required\n";
  } else if (!setting.default_text.empty()) {
    text += fmt::format("- Default: `{}`\n", setting.default_text);
  }
  if (!setting.at_zero.empty()) text += fmt::format("- When {}\n", setting.at_zero);
  return text + fmt::format("- Reload: {}\n\n", kReloadWords.at(static_cast<size_t>(setting.reload)));
}

std::string section_text(const Section& section) {
  std::string text = fmt::format("## {}", section.title);
  if (!section.path.empty()) {
    const bool array = section.kind == SectionKind::ArrayOfTables;
    text += fmt::format(": `{}{}{}`", array ? "[[" : "[", section.path, array ? "]]" : "]");
  }
  text += fmt::format("\n\n{}\n\n", section.text);
  for (const Setting& setting : section.settings) text += setting_text(setting);
  return text;
}

std::string presets_text() {
  std::string text =
      "## Presets of SPF rules\n\n"
      "| preset | Fail | SoftFail | Neutral | None | PermError | TempError | `enforce_at` | meaning |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (size_t i = 0; i < preset_names().size(); ++i) {
    const PresetTable preset = preset_table(static_cast<Preset>(i));
    text += fmt::format("| `{}` |", preset.name);
    for (const SpfResult result : kActionableResults)
      text += fmt::format(" {} |", to_word(preset.actions.at(result)));
    text += fmt::format(" {} | {} |\n", preset.enforce_at == EnforceAt::Rcpt ? "rcpt" : "end-of-data",
                        preset.text);
  }
  return text + "\nEvery preset inserts the result header. Pass is never intercepted.\n";
}

constexpr std::string_view kIntroduction =
    "# Configuration\n\n"
    "<!-- Generated from rules/policy/schema_*.cc by `sluicectl policy manual`; a test fails if they differ. "
    "-->\n\n"
    "A node reads one policy document, written in [TOML](https://toml.io/en/v1.0.0). `sluicectl policy check "
    "FILE`\n"
    "says what is wrong with one: its first syntax error, or every other error at once, each with line and "
    "column.\n"
    "A document with an error is never used; a node that is running keeps the one it has. A reload (SIGHUP) "
    "takes the\n"
    "new document as a whole; transactions that have begun end under the old one. Examples stand in "
    "`examples/`.\n\n"
    "Domain names may be written with U-labels; they are compared without regard to case, as A-labels.\n\n";

}  // namespace

std::string configuration_manual() {
  std::string text(kIntroduction);
  for (const Section& section : config_schema()) text += section_text(section);
  return text + presets_text();
}

}  // namespace sluice::policy

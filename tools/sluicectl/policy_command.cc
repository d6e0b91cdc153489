#include "io/base/limits.h"
#include "rules/policy/config_manual.h"
#include "rules/policy/policy_check.h"
#include "tools/sluicectl/commands.h"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace sluice::ctl {
namespace {

// Null when it cannot be read. One octet more than a document may have is enough to be refused as too long.
std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& input = path == "-" ? std::cin : file;
  std::string text(limits::kPolicyDocument + 1, '\0');
  if (!input.read(text.data(), static_cast<std::streamsize>(text.size())) && !input.eof())
    return std::nullopt;
  text.resize(static_cast<size_t>(input.gcount()));
  return text;
}

int check(const std::string& path) {
  const std::optional<std::string> text = read_file(path);
  if (!text) {
    fmt::print(stderr, "sluicectl: {} cannot be read\n", path);
    return kExitUsage;
  }
  const policy::PolicyReport report = policy::check_policy(*text, path);
  fmt::print("{}", report.text);
  return report.usable ? kExitDone : kExitFailed;
}

}  // namespace

void add_policy(CLI::App& app, int& exit_status) {
  CLI::App* policy = app.add_subcommand("policy", "The policy document");
  policy->require_subcommand(1);
  CLI::App* checking = policy->add_subcommand("check", "Says what is wrong, or risky, in a policy document");
  // The callback runs while the command line is parsed, after the option: its text lives in the option
  // itself.
  const CLI::Option* file = checking->add_option("FILE", "The document; - for standard input")->required();
  checking->callback([file, &exit_status] { exit_status = check(file->as<std::string>()); });
  CLI::App* manual =
      policy->add_subcommand("manual", "Prints the manual of all settings (docs/configuration.md)");
  manual->callback([] { fmt::print("{}", policy::configuration_manual()); });
}

}  // namespace sluice::ctl

// sluicectl: the operator's command line. Subcommands are in files of their own; see commands.h.
#include "tools/sluicectl/commands.h"

#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app("The operator's command line of Sluice");
  app.name("sluicectl");
  app.require_subcommand(1);
  int exit_status = sluice::ctl::kExitDone;
  sluice::ctl::add_check(app, exit_status);
  sluice::ctl::add_sign(app, exit_status);
  sluice::ctl::add_dkim(app, exit_status);
  sluice::ctl::add_selftest(app, exit_status);
  sluice::ctl::add_policy(app, exit_status);
  sluice::ctl::add_node(app, exit_status);
  sluice::ctl::add_spf(app, exit_status);
  sluice::ctl::add_dns(app, exit_status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? sluice::ctl::kExitDone : sluice::ctl::kExitUsage;
  }
  return exit_status;
}

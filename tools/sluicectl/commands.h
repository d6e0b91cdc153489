// The subcommands of sluicectl. Each function adds one to the command line; when it is called, it stores the
// process's exit status: 0 done, 1 the check failed, 2 the input or the command line is wrong.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace sluice::ctl {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// `exit_status` must live until the command line was parsed.
void add_check(CLI::App& app, int& exit_status);
void add_sign(CLI::App& app, int& exit_status);
void add_dkim(CLI::App& app, int& exit_status);  // dkim keygen, check-dns, which-key
void add_selftest(CLI::App& app, int& exit_status);
void add_policy(CLI::App& app, int& exit_status);
void add_node(CLI::App& app, int& exit_status);  // reload, drain, stats
void add_spf(CLI::App& app, int& exit_status);   // spf explain, spf impostor
void add_dns(CLI::App& app, int& exit_status);   // dns stats, dns lookup, dns flush

}  // namespace sluice::ctl

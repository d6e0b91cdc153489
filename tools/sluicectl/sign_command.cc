#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/line_reader.h"
#include "tools/sluicectl/sign_line.h"
#include "tools/sluicectl/source_options.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace sluice::ctl {
namespace {

bool write_all(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// As with `check --batch`: whoever waits for an answer gets it.
int sign_batch(const SourceOptions& options) {
  Result<Sources> sources = open_sources(options);
  if (!sources) {
    fmt::print(stderr, "sluicectl sign: {}\n", sources.error().to_string());
    return kExitUsage;
  }
  SignLines lines(sources->get());
  LineReader reader(STDIN_FILENO);
  std::string out;
  while (true) {
    const LineReader::Line line = reader.next();
    if (line.kind == LineReader::Kind::NeedInput || line.kind == LineReader::Kind::End ||
        out.size() > 65536) {
      if (!write_all(out)) return kExitFailed;
      out.clear();
    }
    if (line.kind == LineReader::Kind::End) return kExitDone;
    if (line.kind == LineReader::Kind::Text) out += lines.answer(line.text);
    if (line.kind == LineReader::Kind::TooLong) out += lines.answer_too_long();
    if (line.kind == LineReader::Kind::NeedInput) reader.wait();
  }
}

}  // namespace

void add_sign(CLI::App& app, int& exit_status) {
  CLI::App* sign = app.add_subcommand("sign", "Signs (DKIM) or seals (ARC) messages of a batch");
  auto options = std::make_shared<SourceOptions>();
  auto batch = std::make_shared<bool>(false);
  sign->add_flag("--batch", *batch, "Read JSON lines on standard input, answer each with one")->required();
  add_source_options(*sign, *options);
  sign->callback([options, batch, &exit_status] { exit_status = sign_batch(*options); });
}

}  // namespace sluice::ctl

// Where a subcommand's answers come from, as options of its command line: a zone file, a server, the system's
// resolvers or a recording; and a recording of them.
#pragma once

#include "io/base/result.h"
#include "tools/sluicectl/answer_source.h"
#include "tools/sluicectl/recording.h"

#include <memory>
#include <string>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace sluice::ctl {

struct SourceOptions {
  std::string zone_file, server, record_file, replay_file;
};

// `options` must live until the command line was parsed.
void add_source_options(CLI::App& command, SourceOptions& options);

struct Sources {
  std::unique_ptr<dns::Zone> zone;
  std::unique_ptr<AnswerSource> answers;       // of a zone or a server
  std::unique_ptr<RecordingSource> recording;  // of those answers
  std::unique_ptr<ReplaySource> replay;

  AnswerSource& get() const;
};

Result<Sources> open_sources(const SourceOptions& options);
// After the last end_check(). False: the recording is not whole, and `command` has complained of it.
bool is_recorded(const Sources& sources, std::string_view command);

}  // namespace sluice::ctl

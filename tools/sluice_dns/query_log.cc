#include "tools/sluice_dns/query_log.h"

#include "io/base/json_text.h"

#include <cerrno>
#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace sluice::tool {

Result<QueryLog> QueryLog::open(const std::string& target) {
  QueryLog log;
  log.file_.reset(target == "-" ? stdout : std::fopen(target.c_str(), "ae"));
  if (!log.file_) return fail_system(errno, "query log " + target);
  return log;
}

void QueryLog::write(WallTime time, const Endpoint& client, std::string_view transport,
                     const std::optional<dns::Question>& question, std::string_view outcome) {
  if (!file_) return;
  line_.clear();
  JsonObject json(line_);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time - seconds).count();
  json.text("time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", seconds, milliseconds))
      .text("client", client.to_string())
      .text("transport", transport);
  if (question) {
    json.text("name", question->name.to_text()).text("type", dns::to_string(question->type));
  } else {
    json.null("name").null("type");
  }
  json.text("outcome", outcome);
  json.end();
  line_ += '\n';
  const bool written = std::fwrite(line_.data(), 1, line_.size(), file_.get()) == line_.size();
  if (std::fflush(file_.get()) != 0 || !written) ++lines_failed_;
}

}  // namespace sluice::tool

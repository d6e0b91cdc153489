// RecordingSource and ReplaySource: answers of the DNS kept in a file, and given again later, so that a
// verdict can be had once more as it was, without any DNS (docs/formats.md, "Recorded answers").
//
// A recording is written in the order of use: what the first check needed, its verdict, what the second
// needed beyond that or was told otherwise, its verdict. So a replay is exact when it makes the same checks
// in the same order; within one check a name has one answer. A question that is not in the recording is a
// problem of the check that asked it, as is a line that cannot be read; a file that cannot be written ends
// the recording, and every check from there on has that problem. Nothing throws.
#pragma once

#include "tools/sluicectl/answer_source.h"
#include "tools/sluicectl/recording_line.h"

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::ctl {

// Ours: octets of a recording, written or read. It is held in memory.
inline constexpr uint64_t kRecordingMax = uint64_t{256} * 1024 * 1024;

class RecordingSource final : public AnswerSource {
 public:
  // The source must outlive this. A file that is there is written over.
  static Result<std::unique_ptr<RecordingSource>> open(const std::string& path, AnswerSource& source);

  dns::Answer ask(const dns::Question& question) override;
  dns::Answer refuse(const dns::Question& question) override;
  WallTime now() override { return now_; }
  void begin_check() override { this_check_.clear(); }
  std::string check_problem() override { return problem_; }
  void end_check(std::string_view verdict) override;

 private:
  RecordingSource(std::string path, AnswerSource& source) : path_(std::move(path)), source_(source) {}
  dns::Answer keep(const dns::Question& question, dns::Answer answer);
  void write(const RecordedLine& line);
  void put(const std::string& line);

  std::string path_;
  AnswerSource& source_;
  std::ofstream file_;
  WallTime now_{};
  uint64_t written_ = 0;
  std::string problem_;
  std::unordered_map<std::string, dns::Answer> this_check_;  // by question_text()
  std::unordered_map<std::string, std::string> last_lines_;  // what the file says of a question
};

class ReplaySource final : public AnswerSource {
 public:
  static Result<std::unique_ptr<ReplaySource>> open(const std::string& path);

  dns::Answer ask(const dns::Question& question) override;
  std::optional<dns::Answer> ask_aside(const dns::Question& question) override;  // null: not recorded
  dns::Answer refuse(const dns::Question& question) override { return ask(question); }
  WallTime now() override { return now_; }
  void begin_check() override;
  std::string check_problem() override { return problem_; }
  void end_check(std::string_view verdict) override;

  uint64_t checks() const { return checks_; }
  uint64_t differences() const { return differences_; }  // verdicts that are not those of the recording

 private:
  explicit ReplaySource(std::string path) : path_(std::move(path)) {}
  bool next_line(std::string& line);

  std::string path_;
  std::ifstream file_;
  uint64_t line_number_ = 0;
  WallTime now_{};
  std::string damage_;  // of the file: what is behind it is not read
  std::string problem_;
  std::optional<std::string> verdict_;  // of this check
  uint64_t checks_ = 0;
  uint64_t differences_ = 0;
  std::unordered_map<std::string, dns::Answer> answers_;  // by question_text()
};

}  // namespace sluice::ctl

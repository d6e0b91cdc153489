#include "tools/sluicectl/recording.h"

#include <cerrno>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

namespace sluice::ctl {

// --- Writing ---

Result<std::unique_ptr<RecordingSource>> RecordingSource::open(const std::string& path,
                                                               AnswerSource& source) {
  std::unique_ptr<RecordingSource> recording(new RecordingSource(path, source));
  recording->file_.open(path, std::ios::binary | std::ios::trunc);
  if (!recording->file_) return fail_system(errno, "cannot write " + path);
  recording->now_ = source.now();
  recording->write(RecordedStart{recording->now_});
  if (!recording->problem_.empty()) return fail(ErrorKind::System, recording->problem_);
  return recording;
}

dns::Answer RecordingSource::ask(const dns::Question& question) {
  const auto known = this_check_.find(question_text(question));
  return known != this_check_.end() ? known->second : keep(question, source_.ask(question));
}

dns::Answer RecordingSource::refuse(const dns::Question& question) {
  const auto known = this_check_.find(question_text(question));
  return known != this_check_.end() ? known->second : keep(question, source_.refuse(question));
}

dns::Answer RecordingSource::keep(const dns::Question& question, dns::Answer answer) {
  const std::string key = question_text(question);
  std::string line = write_recorded(RecordedAnswer{question, answer});
  std::string& last = last_lines_[key];
  if (last != line) {
    put(line);
    last = std::move(line);
  }
  return this_check_.emplace(key, std::move(answer)).first->second;
}

void RecordingSource::end_check(std::string_view verdict) {
  write(RecordedVerdict{std::string(verdict)});
  file_.flush();
  if (!file_ && problem_.empty()) problem_ = fmt::format("cannot write {}", path_);
}

void RecordingSource::write(const RecordedLine& line) { put(write_recorded(line)); }

void RecordingSource::put(const std::string& line) {
  if (!problem_.empty()) return;
  if (line.size() > kRecordingLineMax) {
    problem_ = fmt::format("{}: a line of {} octets is too long to be recorded", path_, line.size());
  } else if (written_ + line.size() > kRecordingMax) {
    problem_ = fmt::format("{} is full: a recording has at most {} octets", path_, kRecordingMax);
  } else {
    written_ += line.size();
    file_ << line;
    if (!file_) problem_ = fmt::format("cannot write {}", path_);
  }
}

// --- Reading ---

Result<std::unique_ptr<ReplaySource>> ReplaySource::open(const std::string& path) {
  std::unique_ptr<ReplaySource> replay(new ReplaySource(path));
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return fail(ErrorKind::NotFound, fmt::format("cannot read {}: {}", path, error.message()));
  if (size > kRecordingMax)
    return fail(ErrorKind::Limit,
                fmt::format("{} is too large: a recording has at most {} octets", path, kRecordingMax));
  replay->file_.open(path, std::ios::binary);
  std::string first;
  if (!replay->file_ || !replay->next_line(first))
    return fail(ErrorKind::Invalid, path + " is not a recording");
  const Result<RecordedLine> line = read_recorded(first);
  const auto* start = line ? std::get_if<RecordedStart>(&*line) : nullptr;
  if (start == nullptr) {
    const std::string why = line ? "it does not begin with \"recording\"" : line.error().message;
    return fail(ErrorKind::Invalid, fmt::format("{} is not a recording: {}", path, why));
  }
  replay->now_ = start->now;
  return replay;
}

// False at the end.
bool ReplaySource::next_line(std::string& line) {
  if (!std::getline(file_, line)) return false;
  ++line_number_;
  return true;
}

// Takes in what was written up to the verdict of this check.
void ReplaySource::begin_check() {
  ++checks_;
  problem_.clear();
  verdict_.reset();
  std::string text;
  while (damage_.empty() && !verdict_ && next_line(text)) {
    Result<RecordedLine> line = read_recorded(text);
    if (!line) {
      damage_ = fmt::format("{}, line {}: {}", path_, line_number_, line.error().message);
    } else if (auto* answer = std::get_if<RecordedAnswer>(&*line)) {
      answers_.insert_or_assign(question_text(answer->question), std::move(answer->answer));
    } else if (auto* verdict = std::get_if<RecordedVerdict>(&*line)) {
      verdict_ = std::move(verdict->text);
    } else {
      damage_ = fmt::format("{}, line {}: a second recording begins", path_, line_number_);
    }
  }
}

dns::Answer ReplaySource::ask(const dns::Question& question) {
  const auto found = answers_.find(question_text(question));
  if (found != answers_.end()) return found->second;
  if (problem_.empty()) {
    problem_ = fmt::format("the recording has no answer to {}", question_text(question));
    if (!damage_.empty()) problem_ += fmt::format(" ({})", damage_);
  }
  dns::Answer answer;
  answer.status = dns::AnswerStatus::ServFail;
  return answer;
}

std::optional<dns::Answer> ReplaySource::ask_aside(const dns::Question& question) {
  const auto found = answers_.find(question_text(question));
  if (found != answers_.end()) return found->second;
  if (!damage_.empty() && problem_.empty()) problem_ = damage_;  // it may have been recorded
  return std::nullopt;
}

void ReplaySource::end_check(std::string_view verdict) {
  if (verdict_ != verdict) ++differences_;
}

}  // namespace sluice::ctl

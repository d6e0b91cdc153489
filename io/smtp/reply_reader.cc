#include "io/smtp/reply_reader.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"

namespace sluice::smtp {

size_t ReplyReader::feed(std::string_view octets) {
  size_t taken = 0;
  while (state_ == State::Reading && taken < octets.size()) {
    const std::string_view rest = octets.substr(taken);
    const size_t newline = rest.find('\n');
    const size_t size = newline == std::string_view::npos ? rest.size() : newline + 1;
    if (size > limits::kHopReplyLine - line_.size()) {
      state_ = State::Broken;
      break;
    }
    taken += size;
    if (newline == std::string_view::npos) {
      line_.append(rest);
    } else if (line_.empty()) {
      take_line(rest.substr(0, newline));
    } else {
      line_.append(rest.substr(0, newline));
      take_line(line_);
      line_.clear();
    }
  }
  return taken;
}

void ReplyReader::next_reply() {
  reply_.code = 0;
  reply_.status = {};
  reply_.text.clear();
  lines_ = 0;
  state_ = State::Reading;
}

void ReplyReader::reset() {
  next_reply();
  line_.clear();
}

// "250 text", "250-text", "250".
void ReplyReader::take_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const bool has_code = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && is_ascii_digit(line[1]) &&
                        is_ascii_digit(line[2]);
  const char mark = line.size() > 3 ? line[3] : ' ';
  if (!has_code || (mark != ' ' && mark != '-')) {
    state_ = State::Broken;
    return;
  }
  const auto code = static_cast<uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  const bool first = lines_ == 0;
  if ((!first && code != reply_.code) || ++lines_ > limits::kHopReplyLines) {
    state_ = State::Broken;
    return;
  }
  std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view();

  // A status whose class is not that of the code is only text.
  const size_t space = text.find(' ');
  const auto status = EnhancedStatus::parse(text.substr(0, space));
  const bool consistent = status && status->status_class == code / 100;
  if (consistent && (first || *status == reply_.status)) {
    if (first) reply_.status = *status;
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  reply_.code = code;
  if (!first) reply_.text.push_back('\n');
  reply_.text.append(text);
  if (mark == ' ') state_ = State::Complete;
}

}  // namespace sluice::smtp

#include "tools/sluicectl/line_reader.h"

#include <cerrno>

#include <unistd.h>

namespace sluice::ctl {

LineReader::Line LineReader::next() {
  const size_t end = buffer_.find('\n', searched_);
  if (end == std::string::npos && !at_end_) {
    searched_ = buffer_.size();
    if (buffer_.size() - start_ > kLineMax) {
      skipping_ = true;
      start_ = buffer_.size();
    }
    return {Kind::NeedInput, {}};
  }
  const size_t stop = end == std::string::npos ? buffer_.size() : end;
  if (end == std::string::npos && stop == start_ && !skipping_) return {Kind::End, {}};
  const std::string_view text = std::string_view(buffer_).substr(start_, stop - start_);
  start_ = searched_ = end == std::string::npos ? stop : end + 1;
  if (skipping_ || text.size() > kLineMax) {
    skipping_ = false;
    return {Kind::TooLong, {}};
  }
  return {Kind::Text, text.ends_with('\r') ? text.substr(0, text.size() - 1) : text};
}

void LineReader::wait() {
  constexpr size_t kRead = 256 * 1024;
  buffer_.erase(0, start_);
  searched_ -= start_;
  start_ = 0;
  const size_t old = buffer_.size();
  buffer_.resize(old + kRead);
  ssize_t got;
  do {
    got = ::read(descriptor_, buffer_.data() + old, kRead);
  } while (got < 0 && errno == EINTR);
  buffer_.resize(old + (got > 0 ? static_cast<size_t>(got) : 0));
  if (got <= 0) at_end_ = true;
}

}  // namespace sluice::ctl

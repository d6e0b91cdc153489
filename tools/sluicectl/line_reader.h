// Lines from a descriptor, without waiting: what is there is given out, and next() says when more must be
// waited for, so that the caller can flush first. A line over kLineMax octets is stepped over and reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::ctl {

class LineReader {
 public:
  static constexpr size_t kLineMax = 64 * 1024 * 1024;  // ours: a line may carry a zone

  enum class Kind : uint8_t { Text, TooLong, NeedInput, End };
  struct Line {
    Kind kind = Kind::End;
    std::string_view text;  // without its line end; valid until the next call
  };

  explicit LineReader(int descriptor) : descriptor_(descriptor) {}
  Line next();
  void wait();  // blocks until there is more input or its end

 private:
  int descriptor_;
  std::string buffer_;
  size_t start_ = 0;     // of the line that comes next
  size_t searched_ = 0;  // no line end before this
  bool at_end_ = false;
  bool skipping_ = false;  // inside a line that is too long
};

}  // namespace sluice::ctl

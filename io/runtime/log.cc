#include "io/runtime/log.h"

#include "io/base/check.h"

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ctime>
#include <functional>

#include <fcntl.h>
#include <unistd.h>

namespace sluice::runtime {

// `turn` says whose the slot is, as in a bounded queue with a ticket per slot: equal to the position, it is
// free for the writer of that position; one more, it holds that position's record.
struct alignas(64) Log::Slot {
  std::atomic<size_t> turn{0};
  uint32_t size = 0;
  std::array<char, kRecordMax> text;
};

namespace {

constexpr std::string_view kCutMark = ",\"cut\":true}\n";

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Error:
      return "error";
  }
  return "error";
}

// Length of the well-formed UTF-8 sequence at the start, 0 when there is none (overlong forms, surrogates and
// beyond U+10FFFF included).
size_t utf8_length(std::string_view text) {
  const auto octet = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](size_t i, unsigned low, unsigned high) {
    return i < text.size() && octet(i) >= low && octet(i) <= high;
  };
  const unsigned first = octet(0);
  if (first >= 0xC2 && first <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

}  // namespace

// Formats into a slot's text and always leaves room for the end of the object.
class LogRecord {
 public:
  explicit LogRecord(std::array<char, Log::kRecordMax>& text) : text_(text) {}

  void raw(std::string_view octets) {
    if (cut_ || octets.size() > room()) {
      cut_ = true;
      return;
    }
    std::memcpy(text_.data() + size_, octets.data(), octets.size());
    size_ += octets.size();
  }
  void quoted(std::string_view octets) {
    if (cut_ || room() < 2) {
      cut_ = true;
      return;
    }
    text_[size_++] = '"';
    --end_;  // of the closing quote
    bool whole = true;
    while (whole && !octets.empty()) whole = character(octets);
    ++end_;
    text_[size_++] = '"';
    if (!whole) cut_ = true;
  }
  void time(WallTime at) {
    const auto since = at.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    const time_t when = static_cast<time_t>(seconds.count());
    std::tm parts{};
    gmtime_r(&when, &parts);
    std::array<char, 40> date{};
    const size_t length = strftime(date.data(), date.size(), "\"%Y-%m-%dT%H:%M:%S.", &parts);
    raw({date.data(), length});
    std::array<char, 9> fraction{'0', '0', '0', '0', '0', '0', 'Z', '"'};
    auto micros = static_cast<unsigned>((since - seconds).count());
    for (size_t i = 6; i-- > 0; micros /= 10) fraction[i] = static_cast<char>('0' + micros % 10);
    raw({fraction.data(), 8});
  }
  void field(const LogField& field) {
    const size_t before = size_;
    raw(",");
    quoted(field.name_);
    raw(":");
    if (cut_) {
      size_ = before;  // half a name is no JSON
      return;
    }
    const size_t value_start = size_;
    std::visit([this](auto value) { this->value(value); }, field.value_);
    if (cut_ && size_ == value_start) size_ = before;
  }
  size_t finish() {
    const std::string_view end = cut_ ? kCutMark : std::string_view("}\n");
    std::memcpy(text_.data() + size_, end.data(), end.size());
    return size_ + end.size();
  }

 private:
  size_t room() const { return end_ - size_; }
  void value(std::string_view text) { quoted(text); }
  void value(bool truth) { raw(truth ? "true" : "false"); }
  template <class Number>
  void value(Number number) {
    if constexpr (std::is_same_v<Number, double>) {
      if (!std::isfinite(number)) return raw("null");
    }
    std::array<char, 32> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    raw({digits.data(), static_cast<size_t>(end - digits.data())});
  }
  // Takes one character off the front. False when there is no room for it.
  bool character(std::string_view& octets) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    const auto first = static_cast<unsigned char>(octets.front());
    size_t taken = 1;
    std::array<char, 6> escape{'\\', 'u', '0', '0', kHex[first >> 4], kHex[first & 15]};
    std::string_view out(escape.data(), escape.size());
    if (first == '"' || first == '\\') {
      escape[1] = static_cast<char>(first);
      out = out.substr(0, 2);
    } else if (first >= 0x20 && first < 0x7F) {
      out = octets.substr(0, 1);
    } else if (first >= 0x80) {
      // An octet that is not UTF-8 is shown as the code point of its value: readable, and still valid JSON.
      taken = std::max<size_t>(1, utf8_length(octets));
      if (taken > 1) out = octets.substr(0, taken);
    }
    if (out.size() > room()) return false;
    std::memcpy(text_.data() + size_, out.data(), out.size());
    size_ += out.size();
    octets.remove_prefix(taken);
    return true;
  }

  std::array<char, Log::kRecordMax>& text_;
  size_t size_ = 0;
  size_t end_ = Log::kRecordMax - kCutMark.size();
  bool cut_ = false;
};

Result<std::unique_ptr<Log>> Log::open(const LogOptions& options) {
  int file = STDERR_FILENO;
  if (!options.path.empty()) {
    file = ::open(options.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (file < 0) return fail_system(errno, "cannot open the log file " + options.path);
  }
  return std::unique_ptr<Log>(new Log(file, options));
}

Log::Log(int file, const LogOptions& options)
    : file_(file),
      path_(options.path),
      level_(options.level),
      lines_per_second_(options.lines_per_second),
      kinds_(options.lines_per_second == 0 ? nullptr : std::make_unique<Kind[]>(kKinds)),
      mask_(std::bit_ceil(options.records < 2 ? 2 : options.records) - 1),
      slots_(std::make_unique<Slot[]>(mask_ + 1)) {
  for (size_t i = 0; i <= mask_; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
  thread_ = std::thread([this] { loop(); });
}

Log::~Log() {
  stopping_.store(true, std::memory_order_release);
  bell_.fetch_add(1, std::memory_order_release);
  bell_.notify_one();
  thread_.join();
  if (kinds_ != nullptr) {
    std::string rest;
    for (size_t i = 0; i < kKinds; ++i) {
      const uint64_t held_back = kinds_[i].held_back.load(std::memory_order_relaxed);
      if (held_back == 0) continue;
      rest += "{\"level\":\"warning\",\"event\":\"log.suppressed\",\"of\":\"";
      rest += kinds_[i].event.load(std::memory_order_relaxed);
      rest += "\",\"lines\":" + std::to_string(held_back) + "}\n";
    }
    write_out(rest);
  }
  if (file_ != STDERR_FILENO) ::close(file_);
}

Log::Slot* Log::claim() noexcept {
  size_t position = tail_.load(std::memory_order_relaxed);
  while (true) {
    Slot& slot = slots_[position & mask_];
    const size_t turn = slot.turn.load(std::memory_order_acquire);
    if (turn == position) {
      if (tail_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) return &slot;
    } else if (turn < position) {
      return nullptr;  // still holds the record of one lap ago: full
    } else {
      position = tail_.load(std::memory_order_relaxed);
    }
  }
}

Log::Kind* Log::kind_of(const char* event) noexcept {
  const std::string_view name(event);
  size_t at = std::hash<std::string_view>()(name) % kKinds;
  for (size_t tried = 0; tried < kKinds; ++tried, at = (at + 1) % kKinds) {
    const char* known = kinds_[at].event.load(std::memory_order_acquire);
    if (known == nullptr &&
        kinds_[at].event.compare_exchange_strong(known, event, std::memory_order_acq_rel)) {
      return &kinds_[at];
    }
    if (name == known) return &kinds_[at];
  }
  return nullptr;
}

bool Log::admits(WallTime at, Kind& kind) noexcept {
  constexpr unsigned kCountBits = 24;
  const auto second =
      static_cast<uint64_t>(std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count());
  uint64_t window = kind.window.load(std::memory_order_relaxed);
  while (true) {
    const bool same = window >> kCountBits == second;
    if (same && (window & ((1U << kCountBits) - 1)) >= lines_per_second_) {
      kind.held_back.fetch_add(1, std::memory_order_relaxed);
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    const uint64_t next = same ? window + 1 : (second << kCountBits) | 1;
    if (!kind.window.compare_exchange_weak(window, next, std::memory_order_relaxed)) continue;
    const uint64_t held_back = same ? 0 : kind.held_back.exchange(0, std::memory_order_relaxed);
    if (held_back != 0) {
      const char* of = kind.event.load(std::memory_order_relaxed);
      put(at, LogLevel::Warning, "log.suppressed", {{"of", of}, {"lines", held_back}});
    }
    return true;
  }
}

void Log::write(WallTime at, LogLevel level, const char* event,
                std::initializer_list<LogField> fields) noexcept {
  if (!enabled(level)) return;
  if (kinds_ != nullptr) {
    Kind* kind = kind_of(event);
    if (kind != nullptr && !admits(at, *kind)) return;
  }
  put(at, level, event, fields);
}

void Log::put(WallTime at, LogLevel level, std::string_view event,
              std::initializer_list<LogField> fields) noexcept {
  Slot* slot = claim();
  if (slot == nullptr) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  LogRecord record(slot->text);
  record.raw("{\"time\":");
  record.time(at);
  record.raw(",\"level\":");
  record.quoted(level_name(level));
  record.raw(",\"event\":");
  record.quoted(event);
  for (const LogField& field : fields) record.field(field);
  slot->size = static_cast<uint32_t>(record.finish());
  slot->turn.store(slot->turn.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  bell_.fetch_add(1, std::memory_order_release);
  bell_.notify_one();
}

size_t Log::drain(std::string& batch) {
  constexpr size_t kBatchOctets = 64UL * 1024;
  size_t records = 0;
  size_t position = head_.load(std::memory_order_relaxed);
  while (batch.size() < kBatchOctets) {
    Slot& slot = slots_[position & mask_];
    if (slot.turn.load(std::memory_order_acquire) != position + 1) break;
    batch.append(slot.text.data(), slot.size);
    slot.turn.store(position + mask_ + 1, std::memory_order_release);
    ++position;
    ++records;
  }
  const uint64_t dropped = dropped_.load(std::memory_order_relaxed);
  if (dropped != dropped_told_) {
    batch += "{\"level\":\"warning\",\"event\":\"log.dropped\",\"records\":" +
             std::to_string(dropped - dropped_told_) + "}\n";
    dropped_told_ = dropped;
  }
  if (reopen_.exchange(false, std::memory_order_acquire)) reopen_file(batch);
  write_out(batch);
  batch.clear();
  head_.store(position, std::memory_order_release);
  head_.notify_all();
  return records;
}

void Log::reopen() noexcept {
  if (path_.empty()) return;
  reopen_.store(true, std::memory_order_release);
  bell_.fetch_add(1, std::memory_order_release);
  bell_.notify_one();
}

// What the batch holds goes to the new file, where there is one.
void Log::reopen_file(std::string& batch) {
  const int fresh = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fresh < 0) {
    batch +=
        "{\"level\":\"error\",\"event\":\"log.reopen_failed\",\"error\":" + std::to_string(errno) + "}\n";
    return;
  }
  ::close(file_);
  file_ = fresh;
}

void Log::write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a full disk: the log has nowhere to say so
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void Log::loop() {
  std::string batch;
  while (true) {
    const uint32_t seen = bell_.load(std::memory_order_acquire);
    const bool stopping = stopping_.load(std::memory_order_acquire);
    if (drain(batch) != 0) continue;
    if (stopping) return;
    bell_.wait(seen, std::memory_order_acquire);
  }
}

void Log::flush() {
  const size_t until = tail_.load(std::memory_order_acquire);
  size_t head = head_.load(std::memory_order_acquire);
  while (head < until) {
    head_.wait(head, std::memory_order_acquire);
    head = head_.load(std::memory_order_acquire);
  }
}

}  // namespace sluice::runtime

// Log: one JSON object a line, from any thread, without ever holding it up.
//
//   log.write(shard.wall_now(), LogLevel::Info, "smtp.connect", {{"peer", peer}, {"shard", 3}});
//   {"time":"2026-01-02T03:04:05.678901Z","level":"info","event":"smtp.connect","peer":"192.0.2.1","shard":3}
//
// A record is formatted into a slot of a bounded ring; a thread of the log's own writes the ring out. When
// the ring is full the record is dropped and counted, and the count is logged as soon as there is room. A
// record longer than its slot loses its tail: texts are cut, and "cut":true says so. Octets that are not
// UTF-8 or not printable are escaped, so whatever a peer sent cannot forge a line. Secrets are not passed in.
//
// The event is the stable id of the message and a string literal; what it says in words, and in which
// languages, is the business of a catalogue. Of one event at most `lines_per_second` are written in a second;
// what is held back is counted and told by a line "log.suppressed" before the next of its kind.
#pragma once

#include "io/base/clock.h"
#include "io/base/result.h"

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

namespace sluice::runtime {

enum class LogLevel : uint8_t { Debug, Info, Warning, Error };

// A name and a value; both live until write() returns.
class LogField {
 public:
  LogField(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  LogField(std::string_view name, const char* value) : name_(name), value_(std::string_view(value)) {}
  LogField(std::string_view name, const std::string& value) : name_(name), value_(std::string_view(value)) {}
  LogField(std::string_view name, bool value) : name_(name), value_(value) {}
  LogField(std::string_view name, double value) : name_(name), value_(value) {}
  template <std::unsigned_integral N>
    requires(!std::same_as<N, bool>)
  LogField(std::string_view name, N value) : name_(name), value_(uint64_t{value}) {}
  template <std::signed_integral N>
  LogField(std::string_view name, N value) : name_(name), value_(int64_t{value}) {}

 private:
  friend class LogRecord;
  std::string_view name_;
  std::variant<std::string_view, bool, double, uint64_t, int64_t> value_;
};

struct LogOptions {
  std::string path;  // empty: standard error. Appended to; made with mode 0640
  LogLevel level = LogLevel::Info;
  size_t records = 4096;          // slots of 1 KB. Derived: a burst of 4000 lines while the disk stalls
  uint32_t lines_per_second = 0;  // of one event; 0: no limit
};

class Log {
 public:
  static Result<std::unique_ptr<Log>> open(const LogOptions& options);
  // Writes out what is in the ring. No other thread may write any more.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool enabled(LogLevel level) const { return level >= level_; }
  // `event` is a literal: it outlives the log.
  void write(WallTime at, LogLevel level, const char* event, std::initializer_list<LogField> fields) noexcept;
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  uint64_t suppressed() const { return suppressed_.load(std::memory_order_relaxed); }
  // The file is opened anew by its path before the next line is written (after a rename by others). One that
  // cannot be opened is told in the old one, which is kept.
  void reopen() noexcept;
  // Waits until everything written before is out. For tests and for the end of a program; never on a shard.
  void flush();

  static constexpr size_t kRecordMax = 1000;

 private:
  struct Slot;
  // One event and its lines of the present second.
  struct Kind {
    std::atomic<const char*> event{nullptr};
    std::atomic<uint64_t> window{0};  // second << 24 | lines
    std::atomic<uint64_t> held_back{0};
  };
  static constexpr size_t kKinds = 128;  // events beyond it are not limited

  Log(int file, const LogOptions& options);
  Slot* claim() noexcept;
  void put(WallTime at, LogLevel level, std::string_view event,
           std::initializer_list<LogField> fields) noexcept;
  Kind* kind_of(const char* event) noexcept;
  bool admits(WallTime at, Kind& kind) noexcept;
  void reopen_file(std::string& batch);
  void loop();
  size_t drain(std::string& batch);
  void write_out(std::string_view text);

  int file_;  // of the log's thread
  const std::string path_;
  const LogLevel level_;
  const uint32_t lines_per_second_;
  const std::unique_ptr<Kind[]> kinds_;
  std::atomic<uint64_t> suppressed_{0};
  std::atomic<bool> reopen_{false};
  const size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(64) std::atomic<size_t> tail_{0};  // writers claim here
  alignas(64) std::atomic<size_t> head_{0};  // the log's thread reads here
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint32_t> bell_{0};
  std::atomic<bool> stopping_{false};
  uint64_t dropped_told_ = 0;
  std::thread thread_;
};

}  // namespace sluice::runtime

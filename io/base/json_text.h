// Writes JSON (RFC 8259) straight into a string: journal rows, log lines, tool output. Nothing is built in
// between and nothing foreign can break out: strings are escaped, with them what a terminal or a viewer would
// obey (controls, of the direction of text too); octets that are not UTF-8 become U+FFFD.
// Reading JSON is for nlohmann-json at the edges. Pure.
//
//   JsonObject row(out);                      // {
//   row.text("sender", sender).number("size", size);
//   JsonObject spf = row.object("spf");       // a member object; it must end before its parent is used again
//   spf.text("result", "fail");
//   spf.end();
//   row.end();                                // }
#pragma once

#include "io/base/clock.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

// The string in double quotes.
void append_json_string(std::string& out, std::string_view text);

class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  // Keys are ours and are written as they are.
  JsonObject& text(std::string_view key, std::string_view value);
  JsonObject& number(std::string_view key, uint64_t value);
  JsonObject& time(std::string_view key, WallTime value);  // append_timestamp()
  JsonObject& boolean(std::string_view key, bool value);
  JsonObject& null(std::string_view key);
  JsonObject& texts(std::string_view key, std::span<const std::string> values);
  JsonObject& raw(std::string_view key, std::string_view json);  // a value that is JSON already
  [[nodiscard]] JsonObject object(std::string_view key) {
    begin(key);
    return JsonObject(out_);
  }
  void end() { out_ += '}'; }

 private:
  friend class JsonArray;
  void begin(std::string_view key);

  std::string& out_;
  bool first_ = true;
};

// A member that is an array; it must end before its parent is used again.
//
//   JsonArray sets(row, "sets");
//   append_json_string(sets.next(), "one");   // any value, where next() says
//   sets.end();
class JsonArray {
 public:
  JsonArray(JsonObject& parent, std::string_view key) : out_(parent.out_) {
    parent.begin(key);
    out_ += '[';
  }
  JsonArray(const JsonArray&) = delete;
  JsonArray& operator=(const JsonArray&) = delete;

  std::string& next() {
    if (!first_) out_ += ',';
    first_ = false;
    return out_;
  }
  void end() { out_ += ']'; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace sluice

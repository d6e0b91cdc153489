#include "rules/dkim/tag_writer.h"

#include <algorithm>
#include <utility>

#include <openssl/evp.h>

namespace sluice::dkim {
namespace {

constexpr size_t kColumns = 78;
// A value that may be broken anywhere starts in a line that has room for so much of it.
constexpr size_t kLeastOfBase64 = 8;

}  // namespace

std::string to_base64(std::string_view octets) {
  std::string text((octets.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock writes a final NUL
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(octets.data()), static_cast<int>(octets.size()));
  text.resize(static_cast<size_t>(written));
  return text;
}

TagWriter::TagWriter(std::string_view field_name) : text_(field_name) {
  text_ += ": ";
  column_ = text_.size();
}

void TagWriter::fold() {
  text_ += "\r\n ";
  column_ = 1;
}

// Room is also kept for the semicolon or colon behind.
void TagWriter::begin(std::string_view name, size_t value_octets) {
  if (!first_) {
    text_ += ';';
    ++column_;
    if (column_ + 1 + name.size() + 1 + value_octets + 1 > kColumns) {
      fold();
    } else {
      text_ += ' ';
      ++column_;
    }
  }
  first_ = false;
  text_ += name;
  text_ += '=';
  column_ += name.size() + 1;
}

TagWriter& TagWriter::tag(std::string_view name, std::string_view value) {
  begin(name, value.size());
  text_ += value;
  column_ += value.size();
  return *this;
}

TagWriter& TagWriter::number(std::string_view name, uint64_t value) {
  return tag(name, std::to_string(value));
}

TagWriter& TagWriter::list(std::string_view name, std::span<const std::string> values) {
  begin(name, values.empty() ? 0 : values.front().size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) {
      text_ += ':';
      ++column_;
      if (column_ + values[i].size() + 1 > kColumns) fold();
    }
    text_ += values[i];
    column_ += values[i].size();
  }
  return *this;
}

TagWriter& TagWriter::base64(std::string_view name, std::string_view octets) {
  begin(name, kLeastOfBase64);
  append_base64(octets);
  return *this;
}

void TagWriter::append_base64(std::string_view octets) {
  const std::string text = to_base64(octets);
  std::string_view value = text;
  while (!value.empty()) {
    if (column_ + 2 > kColumns) fold();
    const size_t piece = std::min(value.size(), kColumns - 1 - column_);
    text_ += value.substr(0, piece);
    column_ += piece;
    value.remove_prefix(piece);
  }
}

TagWriter& TagWriter::begin_signature() {
  begin("b", kLeastOfBase64);
  return *this;
}

std::string TagWriter::finish(std::string_view signature_octets) {
  append_base64(signature_octets);
  text_ += "\r\n";
  return std::move(text_);
}

}  // namespace sluice::dkim

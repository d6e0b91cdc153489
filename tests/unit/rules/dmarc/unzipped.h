// What is in a gzip file, for tests of report files.
#pragma once

#include <string>

#include <gtest/gtest.h>
#include <zlib.h>

namespace sluice::testing {

inline std::string unzipped(std::string packed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  (void)inflateEnd(&stream);
  return out;
}

}  // namespace sluice::testing

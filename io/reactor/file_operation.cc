#include "io/reactor/file_operation.h"

namespace sluice::reactor {

FileOperation open_file(Shard& shard, const std::string& path, int flags, uint32_t mode) {
  return {shard,
          [&](Reactor& reactor, FileHandler& handler) { reactor.open_file(path, flags, mode, handler); }};
}

FileOperation read_file(Shard& shard, FileId file, uint64_t offset, std::span<char> into) {
  return {shard,
          [&](Reactor& reactor, FileHandler& handler) { reactor.read_file(file, offset, into, handler); }};
}

FileOperation write_file(Shard& shard, FileId file, uint64_t offset, std::span<const iovec> slices) {
  return {shard,
          [&](Reactor& reactor, FileHandler& handler) { reactor.write_file(file, offset, slices, handler); }};
}

FileOperation sync_file(Shard& shard, FileId file, SyncMode mode) {
  return {shard, [&](Reactor& reactor, FileHandler& handler) { reactor.sync_file(file, mode, handler); }};
}

FileOperation close_file(Shard& shard, FileId file) {
  return {shard, [&](Reactor& reactor, FileHandler& handler) { reactor.close_file(file, handler); }};
}

FileOperation rename_file(Shard& shard, const std::string& from, const std::string& to) {
  return {shard, [&](Reactor& reactor, FileHandler& handler) { reactor.rename_file(from, to, handler); }};
}

FileOperation unlink_file(Shard& shard, const std::string& path) {
  return {shard, [&](Reactor& reactor, FileHandler& handler) { reactor.unlink_file(path, handler); }};
}

}  // namespace sluice::reactor

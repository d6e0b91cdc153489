#include "engine/message/body.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::message {

using reactor::FileId;
using reactor::FileOperation;
using runtime::Task;

void Body::release_chunks() {
  chunks_.clear();
  store_.budget().give_memory(std::exchange(held_octets_, 0));
}

void Body::clear() {
  release_chunks();
  if (file_) store_.files()->discard(store_.shard(), std::exchange(file_, FileId{}), spilled_octets_);
  wire_octets_ = spilled_octets_ = 0;
}

Task<Room> Body::make_room(Shard& shard) {
  if (store_.files() != nullptr && held_octets_ >= limits::kSpillLeast) {
    const WrittenOut written = co_await write_out(shard);
    if (written == WrittenOut::Failed) {
      ++store_.counters().spill_failures;
      co_return Room::NoDisk;
    }
  }
  if (!store_.budget().over_memory()) co_return Room::Made;
  ++store_.counters().memory_waits;
  const MonoTime deadline = shard.now() + limits::kMemoryWait;
  const bool free = co_await store_.budget().wait_for_memory(shard, waiter_, deadline);
  if (free) co_return Room::Made;
  ++store_.counters().memory_refusals;
  co_return Room::NoMemory;
}

// A write that failed may have left a part behind; nobody reads it.
Task<Body::WrittenOut> Body::write_out(Shard& shard) {
  const uint64_t octets = wire_octets_ - spilled_octets_;
  const MonoTime deadline = shard.now() + limits::kSpillRoomWait;
  const bool room = co_await store_.budget().reserve_disk(shard, octets, deadline);
  if (!room) {
    ++store_.counters().disk_full;
    spill_above_ = held_octets_ + store_.message_memory();
    co_return WrittenOut::NotNow;
  }
  int64_t result = 0;
  if (!file_) {
    const std::expected<FileId, int> opened = co_await store_.files()->open(shard);
    result = opened ? 0 : -opened.error();
    if (opened) file_ = *opened;
  }
  if (result == 0) {
    std::vector<iovec> slices;
    slices.reserve(chunks_.size());
    // iovec serves reading too and so wants a pointer to non-const; a write only reads.
    for (const Chunk& chunk : chunks_)
      slices.push_back({const_cast<char*>(chunk.view().data()), chunk.size()});
    FileOperation writing = write_file(shard, file_, spilled_octets_, slices);
    result = co_await writing;
    if (result >= 0 && static_cast<uint64_t>(result) != octets) result = -EIO;
  }
  if (result < 0) {
    store_.budget().give_disk(octets);
    co_return WrittenOut::Failed;
  }
  if (spilled_octets_ == 0) ++store_.counters().spilled_messages;
  store_.counters().spilled_octets += octets;
  spilled_octets_ += octets;
  spill_above_ = store_.message_memory();
  release_chunks();
  co_return WrittenOut::Yes;
}

void Body::views_from(uint64_t offset, std::pmr::vector<std::string_view>& out) const {
  SLUICE_CHECK(offset >= spilled_octets_);
  out.reserve(out.size() + chunks_.size());
  offset -= spilled_octets_;
  for (const Chunk& chunk : chunks_) {
    if (offset < chunk.size()) {
      out.push_back(chunk.view().substr(static_cast<size_t>(offset)));
      offset = 0;
    } else {
      offset -= chunk.size();
    }
  }
}

Task<std::expected<Chunk, int>> Body::read(Shard& shard, uint64_t offset) {
  SLUICE_CHECK(offset < spilled_octets_);
  const auto size = static_cast<uint32_t>(std::min<uint64_t>(limits::kSpillRead, spilled_octets_ - offset));
  char* buffer = store_.new_buffer(size);
  const std::span<char> into(buffer, size);
  FileOperation reading = read_file(shard, file_, offset, into);
  const int64_t result = co_await reading;
  if (result > 0) {
    store_.counters().read_octets += static_cast<uint64_t>(result);
    co_return store_.fill(buffer, size, static_cast<uint32_t>(result));
  }
  store_.drop_buffer(buffer, size);
  ++store_.counters().read_failures;
  co_return std::unexpected(result < 0 ? static_cast<int>(-result)
                                       : EIO);  // 0: the file is shorter than it was
}

}  // namespace sluice::message

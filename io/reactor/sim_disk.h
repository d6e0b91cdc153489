// SimDisk: one node's disk in memory, which knows what is written and what is durable. The operations here
// are immediate; SimReactor gives them their time and their injected errors. How durability and crashes work
// stands in sim_world.h. Results are those of FileHandler: >= 0, or -errno. One thread.
#pragma once

#include "io/base/random.h"
#include "io/reactor/reactor.h"
#include "io/reactor/sim_faults.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::reactor {

class SimDisk {
 public:
  int64_t open(const std::string& path, int flags);
  int64_t read(FileId file, uint64_t offset, std::span<char> into) const;
  // Stops after `octets_max`, as a disk does that fails midway.
  int64_t write(FileId file, uint64_t offset, std::span<const iovec> slices, uint64_t octets_max);
  int64_t sync(FileId file);
  int64_t close(FileId file);
  int64_t rename(const std::string& from, const std::string& to);
  int64_t unlink(const std::string& path);

  // Closes everything; loses what was not durable, by lot. How many changes were lost or torn.
  uint64_t crash(Random& random);

  std::optional<std::string> content(const std::string& path) const;
  void put(const std::string& path, std::string content);
  void remove(const std::string& path);
  std::vector<std::string> names() const;
  uint64_t octets_used() const;  // of all files, those without a name included
  size_t open_files() const { return open_.size(); }

  SimDiskFaults faults;

 private:
  using InodeNumber = uint64_t;
  struct Change {
    uint64_t offset = 0;
    std::string octets;
    bool truncate = false;  // to `offset`
  };
  struct Inode {
    std::string content;
    std::string durable;
    std::vector<Change> unsynced;  // what leads from durable to content
  };
  struct Open {
    InodeNumber inode = 0;
    int flags = 0;
    bool directory = false;
  };
  // `inode` became known as `to` (empty: it was unlinked), and is no longer known as `from` (empty: it was
  // new).
  struct NameChange {
    InodeNumber inode = 0;
    std::string from;
    std::string to;
  };

  int64_t add_open(InodeNumber inode, int flags, bool directory);
  void collect();
  static void apply(std::string& content, const Change& change);
  static void apply(std::map<std::string, InodeNumber>& names, const NameChange& change);

  std::map<InodeNumber, Inode> inodes_;
  std::map<std::string, InodeNumber> names_;
  std::map<std::string, InodeNumber> durable_names_;
  std::vector<NameChange> unsynced_names_;
  std::map<int32_t, Open> open_;
  InodeNumber next_inode_ = 1;
  int32_t next_file_ = 3;
};

}  // namespace sluice::reactor

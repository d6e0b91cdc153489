#include "io/reactor/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include <fcntl.h>

namespace sluice::reactor {

int64_t SimDisk::add_open(InodeNumber inode, int flags, bool directory) {
  const int32_t file = next_file_++;
  open_[file] = {inode, flags, directory};
  return file;
}

int64_t SimDisk::open(const std::string& path, int flags) {
  if ((flags & O_TMPFILE) == O_TMPFILE) {
    if (faults.no_unnamed_files) return -EOPNOTSUPP;
    inodes_[next_inode_] = {};
    return add_open(next_inode_++, flags, false);
  }
  const auto found = names_.find(path);
  if ((flags & O_DIRECTORY) != 0) return found == names_.end() ? add_open(0, flags, true) : -ENOTDIR;
  if (found == names_.end()) {
    if ((flags & O_CREAT) == 0) return -ENOENT;
    const InodeNumber inode = next_inode_++;
    inodes_[inode] = {};
    names_[path] = inode;
    unsynced_names_.push_back({inode, "", path});
    return add_open(inode, flags, false);
  }
  if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return -EEXIST;
  if ((flags & O_TRUNC) != 0 && (flags & O_ACCMODE) != O_RDONLY) {
    Inode& inode = inodes_[found->second];
    inode.unsynced.push_back({0, "", true});
    inode.content.clear();
  }
  return add_open(found->second, flags, false);
}

int64_t SimDisk::read(FileId file, uint64_t offset, std::span<char> into) const {
  const auto found = open_.find(file.value);
  if (found == open_.end() || (found->second.flags & O_ACCMODE) == O_WRONLY) return -EBADF;
  if (found->second.directory) return -EISDIR;
  const std::string& content = inodes_.at(found->second.inode).content;
  if (offset >= content.size()) return 0;
  const size_t count = std::min<size_t>(into.size(), content.size() - offset);
  std::copy_n(content.data() + offset, count, into.data());
  return static_cast<int64_t>(count);
}

int64_t SimDisk::write(FileId file, uint64_t offset, std::span<const iovec> slices, uint64_t octets_max) {
  const auto found = open_.find(file.value);
  if (found == open_.end() || (found->second.flags & O_ACCMODE) == O_RDONLY) return -EBADF;
  Inode& inode = inodes_.at(found->second.inode);
  Change change;
  change.offset = (found->second.flags & O_APPEND) != 0 ? inode.content.size() : offset;
  for (const iovec& slice : slices)
    change.octets.append(static_cast<const char*>(slice.iov_base), slice.iov_len);
  const size_t wanted = change.octets.size();
  if (change.octets.size() > octets_max) change.octets.resize(octets_max);
  const uint64_t end = change.offset + change.octets.size();
  const uint64_t used = octets_used();
  const uint64_t growth = end > inode.content.size() ? end - inode.content.size() : 0;
  if (used + growth > faults.capacity) {
    const uint64_t excess = used + growth - faults.capacity;
    change.octets.resize(change.octets.size() - std::min<uint64_t>(change.octets.size(), excess));
  }
  const size_t written = change.octets.size();
  if (written != 0) {
    apply(inode.content, change);
    inode.unsynced.push_back(std::move(change));
  }
  if (written == wanted) return static_cast<int64_t>(written);
  return written == octets_max ? -EIO : -ENOSPC;
}

int64_t SimDisk::sync(FileId file) {
  const auto found = open_.find(file.value);
  if (found == open_.end()) return -EBADF;
  const Open& open = found->second;
  if (!open.directory) {
    Inode& inode = inodes_.at(open.inode);
    for (const Change& change : inode.unsynced) apply(inode.durable, change);
    inode.unsynced.clear();
  }
  std::erase_if(unsynced_names_, [&](const NameChange& change) {
    const bool concerned = open.directory || change.inode == open.inode;
    if (concerned) apply(durable_names_, change);
    return concerned;
  });
  return 0;
}

int64_t SimDisk::close(FileId file) {
  if (open_.erase(file.value) == 0) return -EBADF;
  collect();
  return 0;
}

int64_t SimDisk::rename(const std::string& from, const std::string& to) {
  const auto found = names_.find(from);
  if (found == names_.end()) return -ENOENT;
  if (from == to) return 0;
  unsynced_names_.push_back({found->second, from, to});
  apply(names_, unsynced_names_.back());
  return 0;
}

int64_t SimDisk::unlink(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) return -ENOENT;
  const InodeNumber inode = found->second;
  const bool durable = std::ranges::any_of(
      durable_names_, [&](const auto& name) { return name.first == path || name.second == inode; });
  names_.erase(found);
  if (durable) {
    unsynced_names_.push_back({inode, path, ""});
  } else {  // that it ever was there, nobody can find out any more
    std::erase_if(unsynced_names_, [&](const NameChange& change) { return change.inode == inode; });
  }
  collect();
  return 0;
}

uint64_t SimDisk::crash(Random& random) {
  open_.clear();
  uint64_t lost = 0;
  const size_t kept_names = random.below(static_cast<uint32_t>(unsynced_names_.size()) + 1);
  for (size_t i = 0; i < kept_names; ++i) apply(durable_names_, unsynced_names_[i]);
  lost += unsynced_names_.size() - kept_names;
  unsynced_names_.clear();
  names_ = durable_names_;
  for (auto& [number, inode] : inodes_) {
    enum class Fate : uint8_t { NothingKept, AllKept, EachByLot };
    const auto fate = static_cast<Fate>(random.below(3));
    if (fate == Fate::NothingKept) lost += inode.unsynced.size();
    for (Change& change : inode.unsynced) {
      if (fate == Fate::NothingKept) break;
      if (fate == Fate::EachByLot && random.one_in(2)) {
        ++lost;
        continue;
      }
      const bool torn = fate == Fate::EachByLot && !change.truncate && random.one_in(4);
      if (torn) ++lost;
      if (torn) change.octets.resize(random.below(static_cast<uint32_t>(change.octets.size())));
      apply(inode.durable, change);
    }
    inode.unsynced.clear();
    inode.content = inode.durable;
  }
  collect();
  return lost;
}

std::optional<std::string> SimDisk::content(const std::string& path) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return std::nullopt;
  return inodes_.at(found->second).content;
}

void SimDisk::put(const std::string& path, std::string content) {
  const InodeNumber inode = next_inode_++;
  inodes_[inode] = {content, content, {}};
  names_[path] = inode;
  durable_names_[path] = inode;
  collect();
}

void SimDisk::remove(const std::string& path) {
  names_.erase(path);
  durable_names_.erase(path);
  std::erase_if(unsynced_names_, [&](const NameChange& change) { return change.to == path; });
  collect();
}

std::vector<std::string> SimDisk::names() const {
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) names.push_back(name);
  return names;
}

uint64_t SimDisk::octets_used() const {
  uint64_t octets = 0;
  for (const auto& [number, inode] : inodes_) octets += inode.content.size();
  return octets;
}

// Forgets the inodes that nothing can reach any more.
void SimDisk::collect() {
  std::set<InodeNumber> reachable;
  for (const auto& [name, inode] : names_) reachable.insert(inode);
  for (const auto& [name, inode] : durable_names_) reachable.insert(inode);
  for (const NameChange& change : unsynced_names_) reachable.insert(change.inode);
  for (const auto& [file, open] : open_) reachable.insert(open.inode);
  std::erase_if(inodes_, [&](const auto& entry) { return !reachable.contains(entry.first); });
}

void SimDisk::apply(std::string& content, const Change& change) {
  if (change.truncate) {
    content.resize(change.offset);
    return;
  }
  if (content.size() < change.offset + change.octets.size())
    content.resize(change.offset + change.octets.size());
  content.replace(change.offset, change.octets.size(), change.octets);
}

void SimDisk::apply(std::map<std::string, InodeNumber>& names, const NameChange& change) {
  if (const auto old = names.find(change.from); old != names.end() && old->second == change.inode)
    names.erase(old);
  if (!change.to.empty()) names[change.to] = change.inode;
}

}  // namespace sluice::reactor

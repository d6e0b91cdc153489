// File operations of the uring back end.
#include "io/reactor/uring_impl.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>

namespace sluice::reactor {

void UringFileOperation::reset() {
  kind = Kind::Once;
  handler = nullptr;
  file = -1;
  offset = written = 0;
  path.clear();
  other_path.clear();
  slices.clear();
  next_slice = 0;
}

UringFileOperation& UringReactor::new_file_operation(FileHandler& handler) {
  UringFileOperation& operation = files_.acquire();
  operation.handler = &handler;
  return operation;
}

void UringReactor::open_file(const std::string& path, int flags, uint32_t mode, FileHandler& handler) {
  UringFileOperation& operation = new_file_operation(handler);
  operation.path = path;
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_openat(&entry, AT_FDCWD, operation.path.c_str(), flags | O_CLOEXEC, mode);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::File, operation.id()));
}

void UringReactor::read_file(FileId file, uint64_t offset, std::span<char> into, FileHandler& handler) {
  const UringFileOperation& operation = new_file_operation(handler);
  const auto octets = static_cast<unsigned>(std::min<size_t>(into.size(), INT_MAX));
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_read(&entry, file.value, into.data(), octets, offset);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::File, operation.id()));
}

void UringReactor::write_file(FileId file, uint64_t offset, std::span<const iovec> slices,
                              FileHandler& handler) {
  UringFileOperation& operation = new_file_operation(handler);
  operation.kind = UringFileOperation::Kind::Write;
  operation.file = file.value;
  operation.offset = offset;
  operation.slices.assign(slices.begin(), slices.end());
  advance_slices(operation.slices, operation.next_slice, 0);
  submit_write(operation);
}

// With nothing to write it is still asked, so that a bad descriptor is reported.
void UringReactor::submit_write(UringFileOperation& operation) {
  const auto count =
      static_cast<unsigned>(std::min<size_t>(operation.slices.size() - operation.next_slice, IOV_MAX));
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_writev(&entry, operation.file, operation.slices.data() + operation.next_slice, count,
                       operation.offset + operation.written);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::File, operation.id()));
}

void UringReactor::sync_file(FileId file, SyncMode mode, FileHandler& handler) {
  const UringFileOperation& operation = new_file_operation(handler);
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_fsync(&entry, file.value, mode == SyncMode::Data ? IORING_FSYNC_DATASYNC : 0);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::File, operation.id()));
}

void UringReactor::close_file(FileId file, FileHandler& handler) {
  const UringFileOperation& operation = new_file_operation(handler);
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_close(&entry, file.value);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::File, operation.id()));
}

void UringReactor::rename_file(const std::string& from, const std::string& to, FileHandler& handler) {
  UringFileOperation& operation = new_file_operation(handler);
  operation.path = from;
  operation.other_path = to;
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_renameat(&entry, AT_FDCWD, operation.path.c_str(), AT_FDCWD, operation.other_path.c_str(), 0);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::File, operation.id()));
}

void UringReactor::unlink_file(const std::string& path, FileHandler& handler) {
  UringFileOperation& operation = new_file_operation(handler);
  operation.path = path;
  io_uring_sqe& entry = ring_.next();
  io_uring_prep_unlinkat(&entry, AT_FDCWD, operation.path.c_str(), 0);
  io_uring_sqe_set_data64(&entry, user_data(UringOp::File, operation.id()));
}

void UringReactor::on_file(UringFileOperation& operation, int result) {
  int64_t report = result;
  if (operation.kind == UringFileOperation::Kind::Write) {
    if (result == -EINTR || result == -EAGAIN) return submit_write(operation);
    const bool unfinished = operation.next_slice < operation.slices.size();
    if (result == 0 && unfinished) report = -EIO;  // neither written nor refused: it would go on for ever
    if (result > 0) {
      operation.written += static_cast<uint64_t>(result);
      advance_slices(operation.slices, operation.next_slice, static_cast<size_t>(result));
      if (operation.next_slice < operation.slices.size()) return submit_write(operation);
      report = static_cast<int64_t>(operation.written);
    }
  }
  FileHandler* handler = operation.handler;
  files_.release(operation);
  handler->on_file_result(report);
}

}  // namespace sluice::reactor

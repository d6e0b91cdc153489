// What goes wrong, and how often, in a simulated world. Probabilities are between 0 and 1 and are drawn from
// the world's seed. The defaults are a healthy network that still splits streams anywhere and varies in
// latency.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::reactor {

// Of one link, in both directions.
struct SimFaults {
  // Every segment and datagram travels for a time between the two. At least a microsecond.
  std::chrono::microseconds latency_min{50};
  std::chrono::microseconds latency_max{500};

  bool blackhole = false;     // nothing arrives: connects time out, streams stall, datagrams are lost
  double refuse_connect = 0;  // ECONNREFUSED although somebody listens
  double accept_error = 0;    // per connection: the listener reports EMFILE, and takes it after a pause
  double lose_connect = 0;    // nobody ever answers: ETIMEDOUT after kSimConnectTimeout

  uint32_t segment_max = 16384;  // octets that travel together: between 1 and this
  double tiny_segment = 0.1;     // per segment: it has at most 8 octets
  double stall = 0;              // per segment: it and all behind it come later, by up to stall_max
  std::chrono::milliseconds stall_max{2000};
  double reset = 0;  // per segment: it is lost, and both ends see ECONNRESET

  double lose_datagram = 0;
  double duplicate_datagram = 0;
  double delay_datagram = 0;  // it comes later, by up to datagram_delay_max, and so out of order
  std::chrono::milliseconds datagram_delay_max{200};
};

inline constexpr std::chrono::seconds kSimConnectTimeout{127};  // as Linux with six SYN retries

// Of one node's disk.
struct SimDiskFaults {
  std::chrono::microseconds latency_min{20};
  std::chrono::microseconds latency_max{2000};
  double open_error = 0;                  // EIO
  double read_error = 0;                  // EIO
  double write_error = 0;                 // EIO; a part of the octets may have been written
  double sync_error = 0;                  // EIO; what was not synced is as after no sync
  double rename_error = 0;                // EIO
  bool no_unnamed_files = false;          // O_TMPFILE is EOPNOTSUPP, as on some file systems
  uint64_t capacity = UINT64_C(1) << 40;  // octets of all files; beyond it ENOSPC
};

// What was injected: one count for each kind, so that a run can say what it has been through.
enum class SimInjection : uint8_t {
  ConnectRefused,
  ConnectLost,
  AcceptError,
  TinySegment,
  Stall,
  Reset,  // of a stream, segment and all
  Blackhole,
  DatagramLost,
  DatagramDuplicated,
  DatagramDelayed,
  OpenError,
  ReadError,
  WriteError,
  SyncError,
  RenameError,
  DiskFull,
  Crash,
  UnsyncedLost,  // a change of a file or of a name that a crash took away or tore
  LateReport,
  CanceledSend,  // a stream was closed while the kernel still read from a send's buffers
};
inline constexpr size_t kSimInjections = 20;
const char* to_word(SimInjection kind);  // "connect refused", ...

// Sizes that the kernel would choose.
struct SimReactorOptions {
  uint32_t send_buffer = 65536;     // per stream: octets taken from the sender ahead of the peer
  uint32_t receive_buffer = 65536;  // per stream: octets that wait for the receiver
  uint32_t chunk_capacity = 4096;   // of a received Chunk's buffer; at least a datagram of 4096
  size_t receive_memory_max = 64UL * 1024 * 1024;  // capacity of all Chunks out; above it receiving pauses
  // Per stream that has gone: a completion of an operation of its comes once more, by up to late_report_max
  // later, when another may have its slot. It belongs to nobody.
  double late_report = 0;
  std::chrono::microseconds late_report_max{1000};
  // A send that is cancelled by close() goes on reading its buffers for up to so long, until it is reported.
  std::chrono::microseconds cancel_max{200};
  // For a world with one reactor that is driven without SimWorld::run(): poll() itself moves the time on, up
  // to its wake_at, while it has nothing to report.
  bool advance_in_poll = false;
};

}  // namespace sluice::reactor

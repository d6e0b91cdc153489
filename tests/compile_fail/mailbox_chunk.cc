// A Chunk's buffer belongs to the pool of its shard: its octets are copied before they cross.
#include "io/base/chunk.h"
#include "io/runtime/mailbox.h"

#include <string>

#ifdef SLUICE_MISUSE
using Octets = sluice::Chunk;
#else
using Octets = std::string;
#endif

bool send(sluice::runtime::Mailbox<Octets>& mailbox, Octets octets) {
  return mailbox.send(std::move(octets));
}

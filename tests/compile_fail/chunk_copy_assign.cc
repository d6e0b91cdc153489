// Assigning a Chunk by copy would forget one buffer and give another back twice.
#include "io/base/chunk.h"

void replace(sluice::Chunk& to, sluice::Chunk& from) {
#ifdef SLUICE_MISUSE
  to = from;
#else
  to = std::move(from);
#endif
}

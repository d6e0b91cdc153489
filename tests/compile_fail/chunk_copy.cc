// Two Chunks for one buffer would give it back twice.
#include "io/base/chunk.h"

sluice::Chunk take(sluice::Chunk& chunk) {
#ifdef SLUICE_MISUSE
  return sluice::Chunk(chunk);
#else
  return std::move(chunk);
#endif
}

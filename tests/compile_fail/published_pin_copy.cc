// A copied Pin would let go of its version twice.
#include "io/runtime/published.h"

using Pin = sluice::runtime::Published<int>::Pin;

Pin take(Pin& pin) {
#ifdef SLUICE_MISUSE
  return Pin(pin);
#else
  return Pin(std::move(pin));
#endif
}

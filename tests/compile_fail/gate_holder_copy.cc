// A copied Holder would leave the gate twice.
#include "io/runtime/gate.h"

using sluice::runtime::Gate;

Gate::Holder take(Gate::Holder& holder) {
#ifdef SLUICE_MISUSE
  return Gate::Holder(holder);
#else
  return Gate::Holder(std::move(holder));
#endif
}

// A failure that is made and not returned is a failure that nobody sees.
#include "io/base/result.h"

sluice::Result<int> answer() {
#ifdef SLUICE_MISUSE
  sluice::fail(sluice::ErrorKind::Invalid, "never seen");
  return 0;
#else
  return sluice::fail(sluice::ErrorKind::Invalid, "seen");
#endif
}

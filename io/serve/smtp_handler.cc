#include "io/serve/smtp_handler.h"

namespace sluice::serve {

std::string_view to_string(AbortReason reason) {
  switch (reason) {
    case AbortReason::Reset:
      return "reset";
    case AbortReason::Disconnected:
      return "disconnected";
    case AbortReason::BodyRefused:
      return "body refused";
  }
  return "unknown";
}

std::string_view to_string(DisconnectReason reason) {
  switch (reason) {
    case DisconnectReason::Quit:
      return "quit";
    case DisconnectReason::ClientClosed:
      return "closed by client";
    case DisconnectReason::Broken:
      return "connection broken";
    case DisconnectReason::TimedOut:
      return "timed out";
    case DisconnectReason::Protocol:
      return "protocol errors";
    case DisconnectReason::Handler:
      return "refused";
    case DisconnectReason::Draining:
      return "draining";
  }
  return "unknown";
}

}  // namespace sluice::serve

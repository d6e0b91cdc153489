// A view would point at memory of the shard that it left.
#include "io/runtime/mailbox.h"

#include <string>
#include <string_view>

struct Message {
  int number;
#ifdef SLUICE_MISUSE
  std::string_view text;
#else
  std::string text;
#endif
};

bool send(sluice::runtime::Mailbox<Message>& mailbox, Message message) {
  return mailbox.send(std::move(message));
}

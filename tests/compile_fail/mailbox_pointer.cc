// A raw pointer says nothing about who owns what it points at.
#include "io/runtime/mailbox.h"

#include <memory>
#include <string>

struct Message {
  int number;
#ifdef SLUICE_MISUSE
  const std::string* text;
#else
  std::unique_ptr<const std::string> text;
#endif
};

bool send(sluice::runtime::Mailbox<Message>& mailbox, Message message) {
  return mailbox.send(std::move(message));
}

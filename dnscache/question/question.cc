#include "dnscache/question/question.h"

namespace sluice::dns {

std::string to_string(RecordType type) {
  switch (type) {
    case RecordType::A:
      return "A";
    case RecordType::Ns:
      return "NS";
    case RecordType::Cname:
      return "CNAME";
    case RecordType::Soa:
      return "SOA";
    case RecordType::Ptr:
      return "PTR";
    case RecordType::Mx:
      return "MX";
    case RecordType::Txt:
      return "TXT";
    case RecordType::Aaaa:
      return "AAAA";
  }
  return "TYPE" + std::to_string(static_cast<unsigned>(type));
}

}  // namespace sluice::dns

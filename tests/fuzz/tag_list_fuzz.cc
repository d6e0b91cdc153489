// Any octets as a tag=value list and as the values in it: views stay inside the text, what was read is read
// again, base64 comes back.
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/auth/tag_list.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace sluice;
using namespace sluice::auth;

void check_inside(std::string_view text, std::string_view view) {
  SLUICE_CHECK(view.data() >= text.data() && view.data() + view.size() <= text.data() + text.size());
}

void check_value(std::string_view value) {
  SLUICE_CHECK(trim_folding(value) == value);
  size_t items = 0;
  ItemList list(value);
  while (const auto item = list.next()) {
    check_inside(value, *item);
    SLUICE_CHECK(!item->contains(':'));
    ++items;
  }
  SLUICE_CHECK(items == 1 + static_cast<size_t>(std::ranges::count(value, ':')));
  const auto decoded = base64_decode(value, 4096);
  const std::string bare = without_white_space(value);
  SLUICE_CHECK(decoded == base64_decode(bare, 4096));
  if (decoded) SLUICE_CHECK(decoded->size() <= bare.size() / 4 * 3 && bare.size() % 4 == 0);
  if (const auto number = read_number(value, 76))
    SLUICE_CHECK(*number == UINT64_MAX || value.ends_with(std::to_string(*number)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  const auto list = TagList::parse(text);
  if (!list) return 0;
  SLUICE_CHECK(list->size() >= 1 && list->size() <= limits::kTagListTags);
  std::string again;
  for (const Tag& tag : list->tags()) {
    check_inside(text, tag.name);
    check_inside(text, tag.whole);
    check_inside(tag.whole, tag.value);
    SLUICE_CHECK(!tag.name.empty() && !tag.whole.contains(';') && !tag.whole.contains('\0'));
    SLUICE_CHECK(list->tag(tag.name) == &tag);
    check_value(tag.value);
    again.append(tag.name).append("=").append(tag.whole).append(";");
  }
  const auto second = TagList::parse(again);
  SLUICE_CHECK(second && second->size() == list->size());
  for (size_t i = 0; i < list->size(); ++i) SLUICE_CHECK(second->tags()[i].value == list->tags()[i].value);
  return 0;
}

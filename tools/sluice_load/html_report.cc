#include "tools/sluice_load/html_report.h"

#include "tools/sluice_load/html_page.h"

#include <fstream>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sluice::load {
namespace {

// Inside a script element nothing may look like its end; in JSON '<' can be written so.
std::string safe_in_script(const std::string& json) {
  std::string safe;
  safe.reserve(json.size());
  for (const char octet : json) {
    if (octet == '<') {
      safe += "\\u003c";
    } else {
      safe += octet;
    }
  }
  return safe;
}

}  // namespace

Result<std::string> html_report(const std::vector<std::string>& summaries) {
  std::string data = "[";
  for (const std::string& summary : summaries) {
    const nlohmann::json json = nlohmann::json::parse(summary, nullptr, false);
    if (!json.is_object() || !json.contains("v") || !json.contains("series") || !json.contains("points_us")) {
      return fail(ErrorKind::Invalid, "this is not a summary of sluice-load send");
    }
    if (data.size() > 1) data += ",\n";
    data += safe_in_script(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  data += "]";
  std::string page(kHtmlHead);
  page.append("<script type=\"application/json\" id=\"runs\">\n")
      .append(data)
      .append("\n</script>\n<script>\n");
  page.append(kHtmlScript).append("</script>\n</body>\n</html>\n");
  return page;
}

Result<void> write_html_report(const std::string& file, const std::vector<std::string>& summaries) {
  Result<std::string> page = html_report(summaries);
  if (!page) return std::unexpected(std::move(page.error()));
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << *page;
  out.close();
  if (!out) return fail(ErrorKind::System, fmt::format("cannot write {}", file));
  return {};
}

}  // namespace sluice::load

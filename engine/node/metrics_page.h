// The metrics page: every number of a NodeView in the Prometheus text format. docs/operations.md lists the
// names, and a test compares the list with this page. Pure.
#pragma once

#include "engine/node/node_view.h"

#include <string>

namespace sluice::node {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_page(const NodeView& view);

}  // namespace sluice::node

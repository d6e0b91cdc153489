#include "tools/sluice_load/html_page.h"

namespace sluice::load {

// clang-format off
const std::string_view kHtmlHead = R"page(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sluice-load report</title>
<style>
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --soft: #667; --line: #d8dce3; --warn: #a33b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --paper: #14181f; --soft: #9aa3b2; --line: #333b47; --warn: #ffb38a; } }
body { margin: 1.5rem auto; max-width: 72rem; padding: 0 1rem; font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: .2rem; }
figcaption small { font-weight: 400; color: var(--soft); }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 11px; }
svg .grid { stroke: var(--line); } svg .data { fill: none; stroke-width: 1.6; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.legend span { display: inline-block; margin-right: 1rem; } .legend i { display: inline-block; width: 1.4rem; height: .25rem; margin-right: .35rem; vertical-align: middle; }
.warn { color: var(--warn); font-weight: 600; }
</style>
</head>
<body>
<h1>sluice-load report</h1>
<div id="report"></div>
<noscript>The plots are drawn by a script in this file; the figures are the JSON in its source.</noscript>
)page";

const std::string_view kHtmlScript = R"page("use strict";
const runs = JSON.parse(document.getElementById("runs").textContent);
const root = document.getElementById("report");
const colours = ["#2f6fde", "#d9480f", "#2b8a3e", "#9c36b5", "#0b7285", "#e67700", "#c2255c", "#5c940d"];
const colour = n => colours[n % colours.length];
const nameOf = (run, n) => run.name || `run ${n + 1}`;
const element = (tag, text, parent) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (parent) parent.append(e); return e; };
const drawn = (tag, attributes, parent, text) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  parent.append(e); return e;
};
const count = v => Math.round(v).toLocaleString("en");
const number = v => v >= 1000 ? Math.round(v).toLocaleString("en") : v >= 10 ? v.toFixed(1) : v >= 0.1 || v === 0 ? v.toFixed(2) : v.toPrecision(2);

// lines: [{name, colour, dash, points: [[x, y], ...]}]; scales: {log, ticks: [[value, label], ...], map} of x and y.
function plot(parent, title, note, lines, x, y) {
  const W = 560, H = 270, left = 58, right = 34, top = 10, bottom = 30;
  const figure = element("figure", undefined, parent);
  const caption = element("figcaption", title + " ", figure); element("small", note, caption);
  const svg = drawn("svg", {viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title}, figure);
  const px = v => left + (W - left - right) * x.part(v), py = v => H - bottom - (H - top - bottom) * y.part(v);
  for (const [v, label] of y.ticks) {
    drawn("line", {class: "grid", x1: left, x2: W - right, y1: py(v), y2: py(v)}, svg);
    drawn("text", {x: left - 5, y: py(v) + 4, "text-anchor": "end"}, svg, label);
  }
  for (const [v, label] of x.ticks) {
    drawn("line", {class: "grid", x1: px(v), x2: px(v), y1: top, y2: H - bottom}, svg);
    drawn("text", {x: px(v), y: H - bottom + 15, "text-anchor": "middle"}, svg, label);
  }
  for (const line of lines) {
    const path = line.points.map(([a, b], i) => `${i ? "L" : "M"}${px(a).toFixed(1)} ${py(b).toFixed(1)}`).join("");
    drawn("path", {class: "data", d: path, stroke: line.colour, "stroke-dasharray": line.dash || ""}, svg);
    for (const [a, b, words] of line.points)
      drawn("title", {}, drawn("circle", {cx: px(a), cy: py(b), r: 4, fill: "transparent"}, svg), `${line.name}: ${words || number(b)}`);
  }
}
const linear = (most, unit) => {
  const rough = Math.max(most, 1e-9) / 5, size = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find(m => m * size >= rough) * size;
  const end = Math.ceil(most / step) * step || step, ticks = [];
  for (let i = 0; i * step <= end * 1.0001; ++i) ticks.push([i * step, (+(i * step).toPrecision(6)).toLocaleString("en") + (unit || "")]);
  return {part: v => v / end, ticks};
};
const logarithmic = (least, most) => {
  const low = Math.floor(Math.log10(Math.max(least, 0.001))), high = Math.max(Math.ceil(Math.log10(Math.max(most, 0.001))), low + 1), ticks = [];
  for (let e = low; e <= high; ++e) ticks.push([10 ** e, number(10 ** e)]);
  return {part: v => Math.max(0, (Math.log10(Math.max(v, 10 ** low)) - low) / (high - low)), ticks};
};
const values = (lines, n) => lines.flatMap(line => line.points.map(p => p[n]));
const positive = list => list.filter(v => v > 0);
const millisScale = lines => { const v = positive(values(lines, 1)); return logarithmic(v.length ? Math.min(...v) : 0.01, v.length ? Math.max(...v) : 1); };

function curves(parent, point, title, note) {
  const shares = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
  const place = share => Math.min(-Math.log10(Math.max(1 - share, 1e-5)), 5);
  const lines = runs.map((run, n) => ({name: nameOf(run, n), colour: colour(n), points: run.points_us[point].count === 0 ? [] :
    run.curves_us[point].filter(([share]) => (1 - share) * run.points_us[point].count >= 1).map(([share, us]) =>
      [place(share), us / 1000, `${+(share * 100).toFixed(3)} %: ${number(us / 1000)} ms`]).concat([[place(1 - 1 / run.points_us[point].count),
      run.points_us[point].max / 1000, `greatest: ${number(run.points_us[point].max / 1000)} ms`]])}));
  if (values(lines, 0).length === 0) return;
  plot(parent, title, note, lines, {part: v => v / 5, ticks: shares.map(s => [place(s), `${+(s * 100).toFixed(3)} %`])}, millisScale(lines));
}
// Without a last second that the run did not fill.
const whole = (run, column) => column.length > 1 && column.length * run.series.width_seconds > run.seconds + 0.05 ? column.slice(0, -1) : column;
function overTime(parent, title, note, kinds, scale, choose) {
  const lines = runs.flatMap((run, n) => kinds.map(([key, dash, factor, words]) => ({name: `${nameOf(run, n)}, ${words}`, colour: colour(n), dash,
    points: whole(run, run.series[key] || []).map((v, i) => [i * run.series.width_seconds, factor(v, run)])}))).filter(line => choose ? choose(line) : true);
  const most = Math.max(1, ...values(lines, 0));
  const ys = scale === "log" ? millisScale(lines) : linear(Math.max(1, ...values(lines, 1)));
  plot(parent, title, note, lines, linear(most, " s"), ys);
}

if (runs.length > 1) {
  const legend = element("p", undefined, root); legend.className = "legend";
  runs.forEach((run, n) => { const s = element("span", undefined, legend); const i = element("i", undefined, s); i.style.background = colour(n); s.append(nameOf(run, n)); });
}
runs.forEach((run, n) => {
  const profile = run.profile ? run.profile.map(p => p.from === p.to ? `${p.from}/s for ${p.seconds} s` : `${p.from} to ${p.to}/s in ${p.seconds} s`).join(", ") : "closed loop";
  const line = element("p", `${nameOf(run, n)}: ${run.server}, ${profile}${run.arrivals === "poisson" ? " (Poisson)" : ""}, ${run.connections_at_once} connections; ` +
    `${count(run.sent)} answered in ${number(run.seconds)} s (${number(run.messages_per_second)}/s), ${count(run.accepted)} accepted, ` +
    `${count(run.refused_messages)} refused, ${count(run.errors)} errors${run.interrupted ? "; interrupted" : ""}.`, root);
  if (!run.generator.kept_schedule) { element("br", undefined, line); element("span", `The schedule was not kept: ${run.generator.problem}.`, line).className = "warn"; }
});

element("h2", "Latency", root);
const latency = element("div", undefined, root); latency.className = "plots";
curves(latency, "message", "Whole message", "ms by share of messages; open loop: from when it was meant to begin");
curves(latency, "end", "End of data", "ms from the last octet to the reply");
curves(latency, "service", "Transaction", "ms from MAIL to the last reply");
overTime(latency, "Latency over time", "ms; solid 99 %, dashed half, dotted greatest, by when messages were due",
  [["p99_us", "", v => v / 1000, "99 %"], ["p50_us", "6 3", v => v / 1000, "half"], ["max_us", "1 3", v => v / 1000, "greatest"]], "log");
element("h2", "Rate and errors", root);
const rates = element("div", undefined, root); rates.className = "plots";
const perSecond = (v, run) => v / run.series.width_seconds;
overTime(rates, "Messages per second", "solid accepted, dashed meant", [["accepted", "", perSecond, "accepted"], ["due", "6 3", perSecond, "meant"]]);
overTime(rates, "Not accepted per second", "solid errors, dashed refused", [["errors", "", perSecond, "errors"], ["refused", "6 3", perSecond, "refused"]]);
overTime(rates, "Generator", "per cent of its threads' time", [["cpu_percent", "", v => v, "CPU"]]);
overTime(rates, "Generator behind its schedule", "ms at most, where a connection was free", [["lag_max_us", "", v => v / 1000, "lag"]], "log");

element("h2", "Figures", root);
const box = element("div", undefined, root); box.className = "wide";
const table = element("table", undefined, box);
const head = element("tr", undefined, table);
for (const words of ["ms from ... to reply", "count", "mean", "50 %", "90 %", "99 %", "99.9 %", "greatest"]) element("th", words, head);
for (const point of ["connect", "greeting", "hello", "mail", "rcpt", "data", "end", "service", "message"]) runs.forEach((run, n) => {
  const p = run.points_us[point]; if (!p || p.count === 0) return;
  const row = element("tr", undefined, table);
  element("td", runs.length > 1 ? `${point}, ${nameOf(run, n)}` : point, row); element("td", p.count.toLocaleString("en"), row);
  for (const key of ["mean", "p50", "p90", "p99", "p999", "max"]) element("td", number(p[key] / 1000), row);
});
const bad = runs.flatMap((run, n) => [...Object.entries(run.faults), ...Object.entries(run.replies)].map(([words, count]) => [nameOf(run, n), words, count]));
if (bad.length) {
  element("h2", "Errors and refusals", root);
  const list = element("table", undefined, root), first = element("tr", undefined, list);
  for (const words of ["run", "what", "count"]) element("th", words, first);
  for (const [run, words, count] of bad) { const row = element("tr", undefined, list); element("td", run, row); element("td", words, row); element("td", count.toLocaleString("en"), row); }
}
)page";
// clang-format on

}  // namespace sluice::load

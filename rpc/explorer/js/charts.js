// Drawings by hand: what flows between meters, and power over time. Sizes are in pixels of the page, so that text keeps
// its size on a phone.

import { h, s } from "./dom.js";
import { absolute, brief, power } from "./format.js";

const SIDE_MAX = 6; // lines on each side; meters beyond are drawn together
const SLOT = 34; // least height of a meter: two lines of text
const RIBBONS = 120; // height of all ribbons together
const LABEL = 92; // width of the text at each side
const BAR = 5;

/// The largest parts by `key`, the rest as one.
function side(parts, key) {
  const sorted = parts.filter((part) => part[key] > 0).sort((a, b) => b[key] - a[key]);
  const own = sorted.length > SIDE_MAX ? SIDE_MAX - 1 : sorted.length; // "1 more" would take the place of one
  const shown = sorted
    .slice(0, own)
    .map((part) => ({ label: brief(part.address, 5, 4), address: part.address, watts: part[key] }));
  const rest = sorted.slice(own);
  if (rest.length > 0)
    shown.push({ label: `${rest.length} more`, watts: rest.reduce((sum, part) => sum + part[key], 0) });
  return shown;
}

/// Who exports on the left, who imports on the right, in proportion; what does not match comes from or goes outside.
export function flows(sum, width, hrefOf) {
  const left = side(sum.parts, "export");
  const right = side(sum.parts, "import");
  if (sum.import > sum.export)
    left.push({ label: "from outside", watts: sum.import - sum.export, outside: true });
  if (sum.export > sum.import)
    right.push({ label: "to outside", watts: sum.export - sum.import, outside: true });
  if (left.length + right.length === 0) return h("p", { class: "empty" }, "Nothing flows right now.");
  const total = Math.max(sum.import, sum.export, 1);
  const scale = RIBBONS / total;
  const height = Math.max(stack(left, scale), stack(right, scale), RIBBONS + 16);
  const middle = width / 2;
  const top = (height - RIBBONS) / 2;
  const text = `Exported: ${list(left)}. Imported: ${list(right)}.`;
  return s(
    "svg",
    { class: "flows", width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": text },
    column(left, { x: LABEL, to: middle - BAR / 2, top, height, scale, kind: "export", hrefOf }),
    column(right, { x: width - LABEL, to: middle + BAR / 2, top, height, scale, kind: "import", hrefOf }),
    s("rect", { class: "bus", x: middle - BAR / 2, y: top, width: BAR, height: RIBBONS, rx: 2 }),
  );
}

const list = (items) => items.map((item) => `${item.label} ${power(item.watts)}`).join(", ") || "nothing";
const slot = (item, scale) => Math.max(SLOT, item.watts * scale);
const stack = (items, scale) =>
  items.reduce((sum, item) => sum + slot(item, scale), 0) + Math.max(0, items.length - 1) * 4;

function column(items, { x, to, top, height, scale, kind, hrefOf }) {
  const out = kind === "export" ? 1 : -1;
  let y = (height - stack(items, scale)) / 2;
  let at = top;
  return items.map((item) => {
    const room = slot(item, scale);
    const thick = Math.max(1.5, item.watts * scale);
    const from = y + room / 2 - thick / 2;
    const x0 = x + out * BAR;
    const bend = (x0 + to) / 2;
    const d = `M${x0} ${from} C${bend} ${from} ${bend} ${at} ${to} ${at} V${at + thick} C${bend} ${at + thick} ${bend} ${from + thick} ${x0} ${from + thick} Z`;
    const tone = item.outside ? "outside" : kind;
    const end = kind === "export" ? "start" : "end";
    const edge = kind === "export" ? 0 : x + LABEL;
    const label = [
      s(
        "text",
        { x: edge, y: y + room / 2 - 3, "text-anchor": end, class: item.address ? "mono" : "what" },
        item.label,
      ),
      s("text", { x: edge, y: y + room / 2 + 12, "text-anchor": end, class: "watts" }, power(item.watts)),
    ];
    y += room + 4;
    at += item.watts * scale;
    return s(
      "g",
      { class: `flow ${tone}` },
      s("path", { d, class: "ribbon" }),
      s("rect", {
        x: kind === "export" ? x : x - BAR,
        y: from,
        width: BAR,
        height: thick,
        rx: 1.5,
        class: "end",
      }),
      item.address ? link(hrefOf(item.address), label) : label,
    );
  });
}

function link(href, children) {
  const a = s("a", {}, children);
  if (/^\/[^/\\]/.test(href)) a.setAttribute("href", href);
  return a;
}

const AXIS = 62;
const FOOT = 22;

/// Import and export power over time; `points` oldest first, `{timeMs, import, export}` in W.
export function series(points, width, height = 180) {
  const times = points.map((p) => Number(p.timeMs));
  const [begin, end] = [times[0], times.at(-1)];
  const most = nice(Math.max(10, ...points.flatMap((p) => [p.import, p.export])));
  const x = (ms) => AXIS + ((ms - begin) / Math.max(1, end - begin)) * (width - AXIS - 6);
  const y = (watts) => 8 + (1 - watts / most) * (height - FOOT - 8);
  const path = (key) =>
    points.map((p, i) => `${i === 0 ? "M" : "L"}${x(times[i]).toFixed(1)} ${y(p[key]).toFixed(1)}`).join("");
  const area = (key) => `${path(key)}L${x(end).toFixed(1)} ${y(0)}L${x(begin).toFixed(1)} ${y(0)}Z`;
  const last = points.at(-1);
  const text = `Power from ${absolute(begin)} to ${absolute(end)}: import now ${power(last.import)}, export now ${power(last.export)}, most ${power(Math.max(...points.flatMap((p) => [p.import, p.export])))}.`;
  return s(
    "svg",
    { class: "series", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text },
    [0, most / 2, most].map((watts) => [
      s("line", { class: "rule", x1: AXIS, x2: width - 6, y1: y(watts), y2: y(watts) }),
      s("text", { x: AXIS - 8, y: y(watts) + 4, "text-anchor": "end" }, power(watts)),
    ]),
    s("text", { x: AXIS, y: height - 5 }, absolute(begin).slice(11)),
    s("text", { x: width - 6, y: height - 5, "text-anchor": "end" }, absolute(end).slice(11)),
    ["import", "export"].map((key) =>
      s(
        "g",
        { class: `line ${key}` },
        s("path", { class: "area", d: area(key) }),
        s("path", { class: "stroke", d: path(key) }),
      ),
    ),
  );
}

/// The next round number.
function nice(value) {
  const step = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((n) => n * step).find((n) => n >= value);
}

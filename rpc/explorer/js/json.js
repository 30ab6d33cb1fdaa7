// JSON laid out for reading. Every value is a text node; addresses and transaction ids lead to their pages.

import { h, path } from "./dom.js";

const ADDRESS = /^wat1[02-9ac-hj-np-z]{40,80}$/;
const DEPTH_MAX = 24;

/// `value` as indented text in a block that scrolls by itself.
export function json(value, label) {
  return h(
    "pre",
    { class: "json", tabindex: "0", role: "region", "aria-label": label },
    h("code", null, draw(value, "", 0)),
  );
}

function draw(value, indent, depth) {
  if (depth > DEPTH_MAX) return "…";
  if (value === null || typeof value !== "object") return scalar(value);
  const inner = `${indent}  `;
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return list ? "[]" : "{}";
  return [
    list ? "[\n" : "{\n",
    entries.map(([key, item], i) => [
      inner,
      list ? null : [h("span", { class: "key" }, JSON.stringify(key)), ": "],
      draw(item, inner, depth + 1),
      i + 1 < entries.length ? ",\n" : "\n",
    ]),
    indent,
    list ? "]" : "}",
  ];
}

function scalar(value) {
  const text = JSON.stringify(value);
  if (typeof value === "string" && ADDRESS.test(value))
    return ['"', h("a", { href: path("account", value) }, value), '"'];
  return h("span", { class: typeof value === "string" ? "string" : "number" }, text);
}

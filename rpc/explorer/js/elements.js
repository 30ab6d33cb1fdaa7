// The small parts that pages are made of.

import { h, path, put } from "./dom.js";
import { absolute, brief, integer, iso, relative, words } from "./format.js";
import { live } from "./rpc.js";

/// What `Page`s share: loading, failing, and letting go of listeners.
export class Page extends HTMLElement {
  #ends = new AbortController();

  connectedCallback() {
    this.start();
  }

  disconnectedCallback() {
    this.#ends.abort();
  }

  /// Whether the reader has gone on to another page.
  get gone() {
    return this.#ends.signal.aborted;
  }

  listen(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.#ends.signal });
  }

  every(ms, action) {
    const timer = setInterval(action, ms);
    this.#ends.signal.addEventListener("abort", () => clearInterval(timer));
  }

  /// Who waits for the node need not press anything once it is back.
  #retry(target, again) {
    const waits = new AbortController();
    const back = ({ detail }) => {
      if (detail !== "live") return;
      waits.abort();
      if (target.querySelector(".failure")) again();
    };
    live.addEventListener("state", back, { signal: AbortSignal.any([waits.signal, this.#ends.signal]) });
  }

  /// Shows rows that wait, then what `make` resolves to, or why there is nothing and a way to try again.
  async show(target, make, rows = 6) {
    put(target, skeleton(rows));
    target.setAttribute("aria-busy", "true");
    try {
      const made = await make();
      if (!this.gone) put(target, made);
    } catch (error) {
      if (this.gone) return;
      const again = () => this.show(target, make, rows);
      put(target, failure(error, again));
      if (error.code === "unreachable") this.#retry(target, again);
    } finally {
      target.removeAttribute("aria-busy");
    }
  }
}

/// Time that passes: "12 s ago", with date and time beside or on hovering.
class Time extends HTMLElement {
  static all = new Set();

  connectedCallback() {
    const ms = this.dataset.ms;
    this.time = h("time", { datetime: iso(ms), title: absolute(ms) });
    put(this, this.time, this.dataset.full ? h("span", { class: "muted" }, ` · ${absolute(ms)}`) : null);
    this.tick();
    Time.all.add(this);
  }

  disconnectedCallback() {
    Time.all.delete(this);
  }

  tick() {
    const text = relative(this.dataset.ms);
    if (this.time.textContent !== text) this.time.textContent = text;
  }
}
customElements.define("wattle-time", Time);
setInterval(() => Time.all.forEach((time) => time.tick()), 1000);

/// A button that copies.
class Copy extends HTMLElement {
  connectedCallback() {
    const what = this.dataset.what ?? "value";
    const button = h("button", {
      type: "button",
      class: "copy",
      title: `Copy ${what}`,
      "aria-label": `Copy ${what}`,
    });
    const said = h("span", { class: "said", role: "status" });
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.dataset.text);
        button.classList.add("done");
        said.textContent = "Copied";
      } catch {
        said.textContent = "Cannot copy here";
      }
      setTimeout(() => {
        button.classList.remove("done");
        said.textContent = "";
      }, 1500);
    });
    put(this, button, said);
  }
}
customElements.define("wattle-copy", Copy);

export const time = (ms, full = false) =>
  h("wattle-time", { "data-ms": String(ms), "data-full": full ? "1" : null });
export const copy = (text, what) => h("wattle-copy", { "data-text": String(text), "data-what": what });

/// A name as link, its middle left out unless `full`; copyable when asked.
export function name(kind, id, { full = false, copies = false, label } = {}) {
  const text = label ?? (full ? String(id) : brief(id));
  return h(
    "span",
    { class: `name${full ? " full" : ""}` },
    h("a", { href: path(kind, id), class: label ? null : "mono", title: full ? null : String(id) }, text),
    copies ? copy(id, kind === "tx" ? "transaction id" : kind) : null,
  );
}

export const account = (address, options) => name("account", address, options);
export const tx = (id, options) => name("tx", id, options);
export const block = (height, options) => name("block", height, { label: integer(height), ...options });

/// A hash or key that leads nowhere.
export const hash = (text, what, full = false) =>
  h(
    "span",
    { class: `name${full ? " full" : ""}` },
    h("span", { class: "mono", title: full ? null : text }, full ? text : brief(text)),
    copy(text, what),
  );

const TONES = {
  finalized: "good",
  included: "warm",
  pending: "wait",
  expired: "bad",
  superseded: "bad",
  dropped: "warm",
  success: "good",
};

/// A state in a coloured pill; the word says it, the colour only helps.
export function badge(code, tone = TONES[code] ?? "bad") {
  return h("span", { class: `badge ${tone}`, "data-state": code }, words(code));
}

export function skeleton(rows = 6) {
  return h(
    "div",
    { class: "skeleton", role: "status", "aria-label": "Loading" },
    Array.from({ length: rows }, () => h("div", null)),
  );
}

export function empty(text) {
  return h("p", { class: "empty" }, text);
}

const REASONS = {
  not_found: "This node does not know it.",
  pruned: "It existed, but this node has pruned it: ask one that keeps the whole history.",
  not_indexed: "This node keeps no index for this.",
  invalid_params: "That is not a valid name.",
  unreachable: "The node does not answer.",
  busy: "The node is busy. Try again in a moment.",
};

export function failure(error, again) {
  const detail = error.code === "invalid_params" ? error.data?.detail : error.message;
  return h(
    "div",
    { class: "failure", role: "alert", "data-code": error.code ?? "page" },
    h("p", null, h("strong", null, REASONS[error.code] ?? "That did not work.")),
    detail ? h("p", { class: "muted wrap" }, detail) : null,
    again && error.code !== "invalid_params"
      ? h("button", { type: "button", on: { click: again } }, "Try again")
      : null,
  );
}

/// Names and values, one under the other. Rows without a value are left out.
export function facts(...rows) {
  const shown = rows.filter((row) => row && row[1] != null);
  return h(
    "dl",
    { class: "facts" },
    shown.map(([term, ...value]) => h("div", null, h("dt", null, term), h("dd", null, value))),
  );
}

/// `columns`: `[title, class]`; rows of cells.
export function table(label, columns, rows, kind) {
  return h(
    "table",
    { "aria-label": label, class: kind },
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        columns.map(([title, kind]) => h("th", { scope: "col", class: kind }, title)),
      ),
    ),
    h("tbody", null, rows),
  );
}

export function row(columns, cells, key) {
  return h("tr", { "data-key": key }, tds(columns, cells));
}

/// The cells of a row; each knows its column's title, for tables that become cards on a phone.
export const tds = (columns, cells) =>
  cells.map((cell, i) => h("td", { class: columns[i]?.[1], "data-title": columns[i]?.[0] }, cell));

/// A titled part of a page.
export function section(title, ...children) {
  const id = `s-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return h(
    "section",
    { class: "card", "aria-labelledby": id, "data-section": title.toLowerCase() },
    h("h2", { id }, title),
    children,
  );
}

/// The head of a page; its title is where the focus goes after navigation.
export function heading(title, ...beside) {
  document.title = `${title} · Wattle`;
  return h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, title), beside);
}

/// Exchanges a page's head for one that knows more; the focus stays on the title.
export function rehead(old, fresh) {
  const held = old.contains(document.activeElement);
  old.replaceWith(fresh);
  if (held) fresh.querySelector("h1").focus({ preventScroll: true });
}

/// A list that grows at a press: `fetchPage(cursor)` resolves to `{items, nextCursor}`, `draw(item)` to a row.
export function growing(fetchPage, into, draw, none) {
  const more = h("button", { type: "button", class: "more" }, "Load more");
  let cursor;
  const next = async () => {
    more.disabled = true;
    if (more.nextElementSibling?.matches(".failure")) more.nextElementSibling.remove();
    try {
      const page = await fetchPage(cursor);
      into.append(...page.items.map(draw));
      cursor = page.nextCursor;
      more.hidden = !cursor;
      return page;
    } finally {
      more.disabled = false;
    }
  };
  more.addEventListener("click", () => next().catch((error) => more.after(failure(error))));
  return next().then(() => (into.children.length === 0 && !cursor ? empty(none) : more));
}

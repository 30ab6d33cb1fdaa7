// Which page a path shows, and the frame around all of them.

import { quietMs } from "./chain.js";
import { h, path, put } from "./dom.js";
import { follow } from "./energy.js";
import { empty, heading } from "./elements.js";
import { brief, integer, span } from "./format.js";
import { RpcError, find, live } from "./rpc.js";
import "./pages/account.js";
import "./pages/block.js";
import "./pages/blocks.js";
import "./pages/home.js";
import "./pages/meter.js";
import "./pages/microgrid.js";
import "./pages/thing.js";
import "./pages/tx.js";
import "./pages/validators.js";

const NAMED_MAX = 8; // validators named in the banner

/// First part of the path: the element that shows it, and whether a second part names what.
const PAGES = {
  "": ["wattle-home", false],
  blocks: ["wattle-blocks", false],
  block: ["wattle-block", true],
  tx: ["wattle-tx", true],
  account: ["wattle-account", true],
  meter: ["wattle-meter", true],
  microgrids: ["wattle-microgrids", false],
  microgrid: ["wattle-microgrid", true],
  validators: ["wattle-validators", false],
  asset: ["wattle-asset", true],
  hold: ["wattle-hold", true],
};

const main = document.getElementById("main");

let shown = null;

function show(moved) {
  shown = location.pathname;
  const [kind, id, ...rest] = location.pathname.slice(1).split("/").map(decode);
  const [element, named] = PAGES[kind] ?? [];
  const found = element && rest.length === 0 && named === Boolean(id);
  const page = found
    ? h(element, { "data-id": named ? id : null })
    : h("div", null, heading("Not found"), empty("There is no such page."));
  put(main, page);
  for (const link of document.querySelectorAll(".top nav a")) {
    const at = link.getAttribute("href").slice(1);
    const here = at === kind || (at !== "" && at === `${kind}s`);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (moved) {
    scrollTo(0, 0);
    (main.querySelector("h1") ?? main).focus({ preventScroll: true });
  }
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/// Goes to a page of this site.
export function go(to) {
  history.pushState(null, "", to);
  show(true);
}

// A jump within the page, to its content say, is no new page.
addEventListener("popstate", () => location.pathname === shown || show(false));
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const href = link?.getAttribute("href");
  if (!plain || event.defaultPrevented || !href?.startsWith("/") || link.hasAttribute("download")) return;
  event.preventDefault();
  go(href);
});

const PLACES = { validator: () => "/validators" };
const place = ({ kind, target }) => (PLACES[kind] ? PLACES[kind]() : path(kind, target));

/// Finds by exact match and goes there.
class Search extends HTMLElement {
  connectedCallback() {
    this.input = h("input", {
      type: "search",
      name: "text",
      id: "search",
      maxlength: "128",
      autocomplete: "off",
      spellcheck: "false",
      enterkeyhint: "search",
      placeholder: "Height, hash, address, symbol",
      "aria-label": "Search by height, hash, address, key or symbol",
      "aria-describedby": "search-said",
    });
    this.said = h("div", { id: "search-said", class: "said", role: "status" });
    const form = h(
      "form",
      { role: "search", on: { submit: (event) => this.submit(event) } },
      this.input,
      h("kbd", { "aria-hidden": "true" }, "/"),
    );
    put(this, form, this.said);
    this.input.addEventListener("input", () => put(this.said));
    document.addEventListener("keydown", (event) => {
      if (
        event.key !== "/" ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
      )
        return;
      event.preventDefault();
      this.input.focus();
    });
  }

  async submit(event) {
    event.preventDefault();
    const text = this.input.value.trim();
    if (!text) return;
    put(this.said, "Searching…");
    try {
      const hit = await this.find(text);
      put(this.said);
      this.input.value = "";
      go(place(hit));
      const others = (hit.also ?? []).slice(0, 4);
      if (others.length > 0)
        put(
          this.said,
          "Also: ",
          others.map((o, i) => [
            i > 0 ? ", " : "",
            h("a", { href: place(o) }, `${o.kind} ${brief(o.target)}`),
          ]),
        );
    } catch (error) {
      put(
        this.said,
        error.code === "not_found"
          ? `Nothing on this chain matches “${brief(text, 24, 8)}” exactly.`
          : `The search failed: ${error.message}`,
      );
    }
  }

  /// What is final is in the node's index; a transaction may be on its way.
  async find(text) {
    const hit = await find("search_query", { text });
    if (hit) return hit;
    const id = text.replace(/^0x/, "").toLowerCase();
    if (/^[0-9a-f]{64}$/.test(id) && (await find("tx_status", { id }))) return { kind: "tx", target: id };
    throw new RpcError("not_found", "");
  }
}

/// Why no block becomes final, and who is missing.
function halted({ missingPower, totalPower, validatorsMissing }) {
  const named = validatorsMissing.slice(0, NAMED_MAX).map((key) => brief(key));
  const more = validatorsMissing.length - named.length;
  const names = named.join(", ") + (more > 0 ? ` and ${integer(more)} more` : "");
  const power = `${integer(missingPower)} out of ${integer(totalPower)}`;
  return `No block becomes final: validators with a voting power of ${power} are missing: ${names}.`;
}

/// Tells when what is shown may be old: no connection, too few validators, or a chain that stands.
class Banner extends HTMLElement {
  connectedCallback() {
    this.setAttribute("role", "status");
    this.quiet = Infinity;
    this.moved = performance.now();
    live.addEventListener("state", () => this.draw());
    live.addEventListener("head", ({ detail }) => {
      if (detail.height !== this.height) this.moved = performance.now();
      this.height = detail.height;
      this.draw();
      if (this.quiet === Infinity)
        quietMs().then(
          (ms) => (this.quiet = ms),
          () => {},
        );
    });
    setInterval(() => this.draw(), 500);
  }

  draw() {
    const still = performance.now() - this.moved;
    const status = live.status;
    const kind =
      live.state === "lost"
        ? "lost"
        : status?.syncing
          ? "syncing"
          : status?.liveness?.quorum === false
            ? "halted"
            : still > this.quiet
              ? "still"
              : "";
    if (kind !== this.dataset.kind) {
      this.dataset.kind = kind;
      this.text = h("span");
      put(
        this,
        kind === ""
          ? null
          : [
              this.text,
              kind === "lost"
                ? h("button", { type: "button", on: { click: () => live.connect() } }, "Try now")
                : null,
            ],
      );
    }
    const text = {
      lost: "Reconnecting: the node does not answer. What you see may be out of date.",
      syncing: `This node is behind and fetches blocks; it stands at height ${integer(status?.height)}.`,
      halted: kind === "halted" ? halted(status.liveness) : "",
      still: `No new block for ${span(still - (still % 1000))}.`,
    }[kind];
    if (text && this.text.textContent !== text) this.text.textContent = text;
  }
}

/// Which node and chain this is.
class NodeLine extends HTMLElement {
  connectedCallback() {
    live.addEventListener("head", ({ detail: status }) => {
      if (this.chain === status.genesisHash) return;
      // Another chain at the same address, after a devnet was made anew: nothing of before holds.
      if (this.chain) location.reload();
      this.chain = status.genesisHash;
      put(
        this,
        h("span", null, `Chain ${status.chainId}`),
        h("span", { class: "mono", title: status.genesisHash }, `genesis ${brief(status.genesisHash)}`),
        h("span", null, `wattle ${status.version}`),
        h("span", null, `protocol ${status.protocolVersion}`),
      );
    });
  }
}

customElements.define("wattle-search", Search);
customElements.define("wattle-banner", Banner);
customElements.define("wattle-node", NodeLine);

follow();
live.connect();
show(false);

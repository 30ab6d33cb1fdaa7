// Overview: how the chain does, its newest blocks and transactions, and what energy flows.

import { blocks, changes, rates } from "../chain.js";
import { flows } from "../charts.js";
import { h, path, put } from "../dom.js";
import { Page, block, empty, heading, name, section, skeleton, table, time, tx } from "../elements.js";
import * as energy from "../energy.js";
import { brief, bytes, integer, power, rate, relative } from "../format.js";
import { call, live } from "../rpc.js";

const BLOCKS_SHOWN = 15;
const TXS_SHOWN = 8;
const GRIDS_SHOWN = 6;

const BLOCK_COLUMNS = [
  ["Height"],
  ["Age"],
  ["Txs", "num"],
  ["Events", "num wide"],
  ["Size", "num wide"],
  ["Proposer", "wide"],
];
const TX_COLUMNS = [["Transaction"], ["Block"], ["Age"]];

class Home extends Page {
  start() {
    this.figures = new Map();
    const figures = h(
      "dl",
      { class: "figures" },
      [
        ["height", "Finalized height"],
        ["age", "Last block"],
        ["blocks", "Blocks/s"],
        ["txs", "Transactions/s"],
        ["waiting", "Mempool"],
        ["validators", "Validators"],
        ["peers", "Peers"],
      ].map(([key, title]) => {
        const value = h("dd", { "data-figure": key }, "–");
        this.figures.set(key, value);
        return h("div", null, h("dt", null, title), value);
      }),
    );
    this.headline = h("h1", { tabindex: "-1" }, "Overview");
    document.title = "Wattle";
    this.feed = h("div", { class: "feed" }, skeleton(BLOCKS_SHOWN));
    this.recent = h("div", null, skeleton(4));
    this.energy = h("div", { class: "grids" }, skeleton(5));
    put(
      this,
      h("div", { class: "heading" }, this.headline, h("span", { class: "pulse", "aria-hidden": "true" })),
      figures,
      h(
        "div",
        { class: "columns" },
        h(
          "div",
          null,
          section("Latest blocks", this.feed, h("a", { class: "all", href: "/blocks" }, "All blocks")),
        ),
        h("div", null, section("Energy now", this.energy), section("Latest transactions", this.recent)),
      ),
    );
    this.listen(live, "head", () => this.tell());
    this.listen(changes, "blocks", () => this.drawBlocks());
    this.listen(energy.changes, "readings", () => this.schedule());
    this.listen(live, "state", ({ detail }) => detail === "live" && this.loadEnergy());
    this.every(1000, () => this.tell());
    this.tell();
    this.drawBlocks();
    this.loadEnergy();
    this.observer = new ResizeObserver(() => this.drawEnergy());
    this.observer.observe(this.energy);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  tell() {
    const status = live.status;
    if (!status) return;
    const now = rates();
    const set = (key, text) => {
      const value = this.figures.get(key);
      if (value.textContent !== text) value.textContent = text;
    };
    if (this.headline.textContent !== status.chainId) this.headline.textContent = status.chainId;
    set("height", integer(status.height));
    set("age", relative(status.timeMs));
    set("blocks", rate(now.blocks));
    set("txs", rate(now.txs));
    set("waiting", integer(status.mempoolTxs));
    set("validators", integer(status.validators));
    set("peers", integer(status.peers));
  }

  drawBlocks() {
    if (blocks.length === 0) return;
    const shown = blocks.slice(0, BLOCKS_SHOWN);
    this.seen = drawRows(
      this.feed,
      "Latest blocks",
      BLOCK_COLUMNS,
      shown,
      (b) => b.height,
      this.seen,
      (b) => [
        block(b.height),
        time(b.timeMs),
        integer(b.txIds.length),
        integer(b.events),
        bytes(b.bytes),
        h("span", { class: "mono muted", title: b.proposer }, brief(b.proposer, 8, 4)),
      ],
    );
    const txs = newestTxs(TXS_SHOWN);
    if (txs.length === 0) put(this.recent, empty("No transactions in the last blocks."));
    else
      this.seenTxs = drawRows(
        this.recent,
        "Latest transactions",
        TX_COLUMNS,
        txs,
        (t) => t.id,
        this.seenTxs,
        (t) => [tx(t.id), block(t.b.height), time(t.b.timeMs)],
      );
    this.tell();
  }

  async loadEnergy() {
    try {
      const page = await call("energy_listMicrogrids", { limit: GRIDS_SHOWN });
      const loaded = await Promise.all(
        page.items.map(async (grid) => ({ grid, meters: await energy.load(grid.id) })),
      );
      if (this.gone) return;
      this.grids = loaded;
      put(this.energy, loaded.length === 0 ? empty("No microgrid is registered on this chain.") : null);
      for (const one of loaded) {
        one.box = h("div");
        one.note = h("p", { class: "flow-note" });
        this.energy.append(
          h(
            "article",
            { class: "grid", "data-grid": one.grid.id },
            h("h3", null, name("microgrid", one.grid.id, { label: `Microgrid ${brief(one.grid.id)}` })),
            one.note,
            one.box,
          ),
        );
      }
      this.drawEnergy();
    } catch {
      if (!this.gone && !this.grids) put(this.energy, empty("The energy figures cannot be had right now."));
    }
  }

  /// Readings come in bunches: one drawing for all of them.
  schedule() {
    this.pending ??= setTimeout(() => {
      this.pending = null;
      if (!this.gone) this.drawEnergy();
    }, 250);
  }

  drawEnergy() {
    const now = live.status?.timeMs ?? Date.now();
    for (const { grid, meters, box, note } of this.grids ?? []) {
      const sum = energy.total(meters, now);
      const count = integer(grid.meters);
      put(
        note,
        sum.known === 0
          ? [`${count} meters, waiting for two readings of one`]
          : [
              h("span", { class: "export" }, "Export ", h("b", null, power(sum.export))),
              h("span", { class: "import" }, "Import ", h("b", null, power(sum.import))),
              h("span", { class: "muted" }, `${integer(sum.known)} of ${count} meters`),
            ],
      );
      put(
        box,
        sum.known > 0 ? flows(sum, box.clientWidth || 320, (address) => path("meter", address)) : null,
      );
    }
  }
}
customElements.define("wattle-home", Home);

/// The last transactions of the newest blocks, which may hold thousands.
function newestTxs(max) {
  const found = [];
  for (const b of blocks) {
    for (let i = b.txIds.length - 1; i >= 0 && found.length < max; i -= 1) found.push({ id: b.txIds[i], b });
  }
  return found;
}

/// Draws rows anew and marks those that were not there before.
function drawRows(into, label, columns, items, key, seen, cells) {
  const rows = items.map((item) =>
    h(
      "tr",
      { "data-key": key(item), class: seen && !seen.has(key(item)) ? "new" : null },
      cells(item).map((cell, i) => h("td", { class: columns[i][1] }, cell)),
    ),
  );
  const focused = into.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  put(into, table(label, columns, rows));
  if (focused) [...into.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused)?.focus();
  return new Set(items.map(key));
}

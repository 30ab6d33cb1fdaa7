// Microgrids: who operates them, their meters and readings, what flows; and the market, where the node serves it.

import { flows } from "../charts.js";
import { h, path, put } from "../dom.js";
import {
  Page,
  account,
  badge,
  empty,
  facts,
  growing,
  hash,
  heading,
  name,
  row,
  section,
  table,
  tds,
  time,
} from "../elements.js";
import * as energy from "../energy.js";
import { money, symbol } from "../events.js";
import { energy as kwh, integer, power, span } from "../format.js";
import { call, live } from "../rpc.js";
import { market } from "./market.js";
import { legend, powerChart } from "./meter.js";

const LIST = [["Microgrid"], ["Operator", "wide"], ["Interval", "num"], ["Meters", "num"]];
const METERS = [
  ["Meter"],
  ["Import", "num"],
  ["Export", "num"],
  ["Now", "num"],
  ["Read"],
  ["No.", "num wide"],
  ["Owner", "wide"],
];

const CHARTS_MAX = 12;

class Microgrids extends Page {
  start() {
    const box = h("div");
    put(this, heading("Microgrids"), section("All microgrids", box));
    this.show(box, async () => {
      const rows = h("tbody");
      const list = table("Microgrids", LIST, []);
      list.querySelector("tbody").replaceWith(rows);
      const more = await growing(
        (cursor) => call("energy_listMicrogrids", { limit: 50, ...(cursor && { cursor }) }),
        rows,
        (grid) =>
          row(
            LIST,
            [name("microgrid", grid.id), account(grid.operator), span(grid.intervalMs), integer(grid.meters)],
            grid.id,
          ),
        "No microgrid is registered on this chain.",
      );
      return [rows.children.length > 0 ? list : null, more];
    });
  }
}
customElements.define("wattle-microgrids", Microgrids);

class Microgrid extends Page {
  start() {
    const id = this.dataset.id;
    this.about = h("div");
    this.flow = h("div", { class: "chart" });
    this.meters = h("div");
    this.charts = h("div", { class: "small-charts" });
    this.market = h("div");
    put(
      this,
      heading("Microgrid", h("span", { class: "heading-id" }, hash(id, "microgrid id", true))),
      h("div", { class: "columns even" }, section("Details", this.about), section("Energy now", this.flow)),
      this.market,
      section("Meters", this.meters),
      section("Power of each meter", legend(), this.charts),
    );
    this.show(this.about, () => this.load(), 4);
    this.show(this.meters, () => this.loadMeters());
    this.listen(energy.changes, "readings", () => this.schedule());
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.flow);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  async load() {
    const grid = await call("energy_getMicrogrid", { id: this.dataset.id });
    market(this, grid, this.market);
    return facts(
      ["Operator", account(grid.operator, { full: true, copies: true })],
      ["Settlement interval", `${span(grid.intervalMs)}`],
      ["Settled in", symbol(grid.asset)],
      ["Meters", integer(grid.meters)],
      ["Members", integer(grid.members)],
      ["Paid in, not paid out", money(grid.cash, grid.asset)],
      ["Wallet for its work", account(grid.wallet)],
      [
        "Paused",
        grid.paused && [
          "since ",
          time(grid.paused.sinceMs),
          ": nobody pays for its work, which takes ",
          money(grid.paused.needed, "0"),
          "; there is ",
          money(grid.paused.available, "0"),
        ],
      ],
      grid.ownWallet && ["Work paid", "from its own wallet alone: another than its operator has resumed it"],
      grid.waits && ["Work waits", "for its turn: its operator's bandwidth is used up"],
    );
  }

  async loadMeters() {
    this.addresses = await energy.load(this.dataset.id);
    if (this.addresses.length === 0) {
      put(this.charts, empty("No meter is registered."));
      return empty("No meter is registered here yet.");
    }
    this.rows = new Map(this.addresses.map((address) => [address, h("tr", { "data-key": address })]));
    Promise.all(this.addresses.slice(0, CHARTS_MAX).map(energy.deepen)).then(() => this.gone || this.draw());
    const list = table("Meters", METERS, [...this.rows.values()], "cards");
    this.draw();
    return list;
  }

  schedule() {
    this.pending ??= setTimeout(() => {
      this.pending = null;
      if (!this.gone) this.draw();
    }, 250);
  }

  draw() {
    if (!this.rows) return;
    const now = live.status?.timeMs ?? Date.now();
    for (const [address, tr] of this.rows) this.drawMeter(address, tr, now);
    const sum = energy.total(this.addresses, now);
    put(
      this.flow,
      sum.known > 0
        ? flows(sum, this.flow.clientWidth || 320, (address) => path("meter", address))
        : empty("Power shows with the second reading of a meter."),
    );
    put(
      this.charts,
      this.addresses
        .slice(0, CHARTS_MAX)
        .map((address) =>
          h(
            "figure",
            null,
            h("figcaption", null, name("meter", address)),
            powerChart(
              energy.state(address).readings,
              (this.charts.clientWidth || 320) > 700 ? 340 : Math.min(this.charts.clientWidth || 320, 420),
            ),
          ),
        ),
    );
  }

  drawMeter(address, tr, now) {
    const { meter, last, flow } = energy.state(address);
    const quiet = energy.silent(address, now);
    if (tr.dataset.seq === `${last?.seq} ${quiet}` && tr.contains(document.activeElement)) return;
    tr.dataset.seq = `${last?.seq} ${quiet}`;
    const current =
      flow && !quiet
        ? [
            flow.import > 0 || flow.export === 0
              ? h("div", { class: "import" }, `↓ ${power(flow.import)}`)
              : null,
            flow.export > 0 ? h("div", { class: "export" }, `↑ ${power(flow.export)}`) : null,
          ]
        : quiet
          ? badge("silent", "warm")
          : "–";
    const cells = [
      name("meter", address),
      last ? kwh(last.importWh) : "–",
      last ? kwh(last.exportWh) : "–",
      current,
      last ? time(last.timeMs) : "–",
      last ? integer(last.seq) : "–",
      account(meter.owner),
    ];
    put(tr, tds(METERS, cells));
  }
}
customElements.define("wattle-microgrid", Microgrid);

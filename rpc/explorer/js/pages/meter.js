// One meter: its last reading, what flows, and the readings before.

import { series } from "../charts.js";
import { h, put } from "../dom.js";
import {
  Page,
  account,
  badge,
  block,
  empty,
  facts,
  growing,
  hash,
  heading,
  name,
  row,
  section,
  table,
  time,
  tx,
} from "../elements.js";
import * as energy from "../energy.js";
import { money } from "../events.js";
import { energy as kwh, integer, power, words } from "../format.js";
import { call } from "../rpc.js";

const COLUMNS = [
  ["No.", "num narrow"],
  ["Time"],
  ["Import", "num"],
  ["Export", "num"],
  ["Transaction", "wide"],
  ["Block", "wide"],
];

class Meter extends Page {
  start() {
    const address = this.dataset.id;
    this.now = h("div");
    this.chart = h("div", { class: "chart" });
    const list = h("div");
    put(
      this,
      heading("Meter", h("span", { class: "heading-id" }, hash(address, "meter address", true))),
      h(
        "div",
        { class: "columns even" },
        section("Last reading", this.now),
        section("Power", legend(), this.chart),
      ),
      section("Readings", list),
    );
    this.show(this.now, () => this.load(), 6);
    this.show(list, () => this.readings());
    this.listen(energy.changes, "readings", ({ detail }) => detail.meter === address && this.note(detail));
    this.observer = new ResizeObserver(() => this.drawChart());
    this.observer.observe(this.chart);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  async load() {
    const meter = await call("energy_getMeter", { address: this.dataset.id });
    await energy.load(meter.microgrid);
    await energy.deepen(meter.address);
    this.asset = (await call("energy_getMicrogrid", { id: meter.microgrid })).asset;
    this.meter = meter;
    this.drawChart();
    return this.facts();
  }

  facts() {
    const { meter } = this;
    const { last, flow } = energy.state(meter.address);
    return facts(
      ["Import", last ? h("b", null, kwh(last.importWh)) : "no reading yet"],
      ["Export", last && h("b", null, kwh(last.exportWh))],
      [
        "Power",
        flow && [
          h("span", { class: "import" }, `import ${power(flow.import)}`),
          ", ",
          h("span", { class: "export" }, `export ${power(flow.export)}`),
        ],
      ],
      [
        "Read",
        last && [
          time(last.timeMs, true),
          h("div", { class: "muted" }, last.manual ? "by a person" : "by the light node's own clock"),
        ],
      ],
      ["Number", last && integer(last.seq)],
      ["Microgrid", name("microgrid", meter.microgrid)],
      ["Owner", account(meter.owner)],
      ["Key", hash(meter.key, "key")],
      ["Registers", encoding(meter.encoding)],
      ["Stands", meter.role === "feeder" ? "where the microgrid meets the grid" : "at a member's connection"],
      ["At most", power(meter.powerMaxW)],
      ["Retired", meter.retiredMs && time(meter.retiredMs)],
      ["Suspended", meter.suspendedMs && ["after 30 days of silence, ", time(meter.suspendedMs), ", until it is read"]],
      ["Replaced by", meter.replacedBy && name("meter", meter.replacedBy)],
      ["Settled", meter.settledUntil && `before interval ${integer(meter.settledUntil)}`],
      [
        "Estimated",
        meter.silentSinceMs && [
          badge("estimated", "warm"),
          " since ",
          time(meter.silentSinceMs),
          meter.estimated !== "0" ? [", charged ", money(meter.estimated, this.asset)] : null,
        ],
      ],
    );
  }

  async readings() {
    this.rows = h("tbody");
    const list = table("Readings", COLUMNS, []);
    list.querySelector("tbody").replaceWith(this.rows);
    const more = await growing(
      (cursor) =>
        call("energy_listReadings", { meter: this.dataset.id, limit: 25, ...(cursor && { cursor }) }),
      this.rows,
      drawReading,
      "It has read nothing yet.",
    );
    return [list, more];
  }

  /// A new reading: its row comes with transaction and block, so it is asked for.
  async note() {
    if (!this.meter) return;
    put(this.now, this.facts());
    this.drawChart();
    const page = await call("energy_listReadings", { meter: this.dataset.id, limit: 3 }).catch(() => null);
    if (!page || this.gone || !this.rows) return;
    const known = new Set([...this.rows.children].map((r) => r.dataset.key));
    this.rows.prepend(
      ...page.items
        .filter((item) => !known.has(item.seq))
        .map((item) => {
          const drawn = drawReading(item);
          drawn.classList.add("new");
          return drawn;
        }),
    );
  }

  drawChart() {
    if (this.meter)
      put(this.chart, powerChart(energy.state(this.meter.address).readings, this.chart.clientWidth));
  }
}
customElements.define("wattle-meter", Meter);

/// `uint32_wh`, or an accumulator with its power of ten.
const encoding = (is) => (is?.acc32 ? `acc32, 10^${is.acc32.exponent} Wh` : words(is));

function drawReading(r) {
  return row(
    COLUMNS,
    [integer(r.seq), time(r.timeMs), kwh(r.importWh), kwh(r.exportWh), tx(r.tx), block(r.height)],
    r.seq,
  );
}

export const legend = () =>
  h(
    "p",
    { class: "legend" },
    h("span", { class: "import" }, "Import"),
    h("span", { class: "export" }, "Export"),
  );

/// Power at each reading, over the minute before it.
export function powerChart(readings, width) {
  const all = readings.map((_, i) => energy.flow(readings.slice(0, i + 1))).filter(Boolean);
  // Until a minute has passed, a single Wh makes a peak: such points only show while there are no others.
  const steady = all.filter((point) => point.spanMs >= 60_000);
  const points = steady.length > 2 ? steady : all;
  return points.length > 1 ? series(points, width || 320) : empty("A chart needs three readings.");
}

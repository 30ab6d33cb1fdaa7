// The market and the settlement of a microgrid: terms, an interval with its order book and trades, open deals and
// disputes, what became of past intervals, members and their tabs.

import { h, put } from "../dom.js";
import {
  account,
  badge,
  block,
  empty,
  facts,
  growing,
  hash,
  name,
  row,
  section,
  table,
  time,
  tx,
} from "../elements.js";
import { line, lines, money } from "../events.js";
import { absolute, big, energy as kwh, integer, span, words } from "../format.js";
import { call, find, live } from "../rpc.js";

const REFRESH_MS = 4_000;
const LEVELS_MAX = 12; // of each side of the book
const TRADES_MAX = 20;
const DAY_MINUTES = 1440;

const TARIFF = [["From"], ["Import / kWh", "num"], ["Export / kWh", "num"]];
const LEVEL = [
  ["Price / kWh", "num"],
  ["Energy", "num"],
  ["Orders", "num"],
];
const MEMBERS = [
  ["Member"],
  ["Owes", "num"],
  ["Is owed", "num"],
  ["Credit limit", "num wide"],
  ["Reserved", "num wide"],
  ["Sold, not settled", "num wide"],
  ["Wallet debited", "wide"],
];
const DEALS = [
  ["Deal"],
  ["State"],
  ["Charges"],
  ["Discharges"],
  ["Energy", "num"],
  ["Price / kWh", "num"],
  ["Used", "num wide"],
  ["Ends", "wide"],
];
const DISPUTES = [
  ["Dispute"],
  ["Who"],
  ["Meter"],
  ["Claim", "num"],
  ["Votes for", "num"],
  ["Against", "num"],
  ["Expires", "wide"],
  ["Readings", "wide"],
];

const TONES = {
  open: "good",
  clearing: "warm",
  cleared: "wait",
  settling: "warm",
  settled: "wait",
  final: "good",
};

/// Fills `box` with the market of `grid`.
export function market(page, grid, box) {
  const part = (title, make) => {
    const into = h("div");
    page.show(into, () => make(into), 4);
    return section(title, into);
  };
  put(
    box,
    h(
      "div",
      { class: "columns even" },
      part("Terms", () => terms(grid)),
      part("Interval", () => interval(page, grid)),
    ),
    part("Members", () => members(grid)),
    part("Deals", () => deals(grid)),
    part("Disputes", () => disputes(grid)),
    part("Intervals so far", () => past(grid)),
  );
}

/// The interval that runs, by the chain's clock.
async function running(grid) {
  const status = live.status ?? (await call("chain_status"));
  return big(status.timeMs) / big(grid.intervalMs);
}

async function terms(grid) {
  let reply;
  try {
    reply = await call("energy_getTerms", { microgrid: grid.id });
  } catch (error) {
    if (error.code === "not_found")
      return empty("No terms are set: energy is metered here, but not settled.");
    throw error;
  }
  const { terms } = reply;
  const price = (units) => money(units, grid.asset);
  const minute = Number(
    (big((live.status ?? (await call("chain_status"))).timeMs) / 60_000n +
      BigInt(terms.utcOffsetMinutes + DAY_MINUTES)) %
      BigInt(DAY_MINUTES),
  );
  const bands = terms.tariff;
  const now = bands.findLastIndex((band) => band.fromMinute <= minute);
  const rows = bands.map((band, i) => {
    const drawn = row(
      TARIFF,
      [
        [
          clock(band.fromMinute),
          i === (now < 0 ? bands.length - 1 : now) ? [" ", badge("now", "good")] : null,
        ],
        price(band.importPrice),
        price(band.exportPrice),
      ],
      String(band.fromMinute),
    );
    return drawn;
  });
  return [
    facts(
      ["Clearing", words(terms.clearing)],
      ["Gate closes", `${span(terms.gateClosureMs)} before an interval`],
      ["Settles", `${span(terms.graceMs)} after it; final ${span(terms.lateWindowMs)} after it`],
      ["Market fee", [price(terms.feePerKwh), " a kWh bought"]],
      [
        "Losses",
        `${terms.losses === "operator" ? "borne by the operator" : "borne in proportion to use"}, flagged above ${terms.lossPermilleMax / 10} %`,
      ],
      ["Credit limit", price(terms.creditLimit)],
      ["Monthly fee", price(terms.fees.monthly)],
      ["Highest power", [price(terms.fees.demandPerKw), " a kW and month"]],
      ["Connection", price(terms.fees.connection)],
      ...terms.fees.taxes.map((tax) => [
        `Tax ${integer(tax.code)}`,
        `${tax.permille / 10} % on ${tax.on.join(", ")}`,
      ]),
      ["Installer", terms.installer && account(terms.installer)],
      [
        "Disputes",
        terms.disputeVotes > 0
          ? `decided by ${integer(terms.disputeVotes)} votes`
          : "decided by the operator",
      ],
      ["In force", `version ${integer(reply.version)}, from interval ${integer(reply.from)} on`],
    ),
    h("h3", { class: "lead trail" }, `Tariff, ${offset(terms.utcOffsetMinutes)}`),
    table("Tariff", TARIFF, rows),
  ];
}

const clock = (minute) =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
const offset = (minutes) =>
  minutes === 0 ? "UTC" : `UTC${minutes < 0 ? "−" : "+"}${clock(Math.abs(minutes))}`;

/// One interval with its order book; steps lead to those before and after.
async function interval(page, grid) {
  let at = (await running(grid)) + 1n; // orders are for what is to come
  const head = h("h3", { "aria-live": "polite" });
  const about = h("div");
  const levels = h("div");
  const step = (by, title) => h("button", { type: "button", on: { click: () => move(by) } }, title);
  const load = async () => {
    const asked = at;
    const one = { microgrid: grid.id, interval: asked.toString() };
    const [info, orders, trades] = await Promise.all([
      find("energy_getInterval", one),
      call("market_orderBook", one),
      find("market_listTrades", { ...one, limit: TRADES_MAX }),
    ]);
    if (page.gone || asked !== at) return;
    if (!info) {
      head.textContent = integer(asked);
      put(about, empty("There were no terms for this interval."));
      put(levels);
      return;
    }
    head.textContent = `${integer(info.interval)}: ${absolute(info.startMs)} to ${absolute(info.endMs).slice(11)}`;
    put(
      about,
      facts(
        ["State", badge(info.state, TONES[info.state] ?? "wait")],
        ["Starts", time(info.startMs)],
        ["Orders", info.orders != null && integer(info.orders)],
        ["Traded", `${kwh(info.tradedWh)}${info.trades != null ? `, ${integer(info.trades)} trades` : ""}`],
        ["Price", info.price != null ? [money(info.price, grid.asset), " / kWh"] : null],
        ["Metered", info.settlement?.members.meters > 0 ? measured(info.settlement) : null],
      ),
    );
    const open = info.state === "open" || info.state === "clearing";
    put(
      levels,
      open || orders.bids.length + orders.offers.length > 0 ? ladder(orders, grid) : null,
      info.events.length > 0 ? lines(info.events.map((item) => item.event)) : null,
      trades?.items.length > 0
        ? [h("h3", { class: "lead trail" }, "Trades"), lines(trades.items.map((item) => item.event))]
        : null,
      trades?.nextCursor ? h("p", { class: "muted trail" }, "There are more trades than are shown.") : null,
    );
  };
  const move = (by) => {
    at += by;
    load().catch(() => {}); // the next look asks again
  };
  await load();
  page.every(REFRESH_MS, () => document.hidden || load().catch(() => {}));
  return [h("div", { class: "stepper" }, step(-1n, "← Earlier"), head, step(1n, "Later →")), about, levels];
}

/// What meters show for an interval so far.
function measured({ members, feeders }) {
  const of = (sum) =>
    `import ${kwh(sum.importWh)}, export ${kwh(sum.exportWh)} by ${integer(sum.meters)} meters${sum.estimated > 0 ? `, ${integer(sum.estimated)} of them estimated` : ""}`;
  return [
    h("div", null, of(members)),
    feeders.meters > 0 ? h("div", { class: "muted" }, `feeders: ${of(feeders)}`) : null,
  ];
}

/// Bids and offers beside each other, best first; the bars show how much energy stands at a price.
function ladder(orders, grid) {
  if (orders.bids.length + orders.offers.length === 0) return empty("No orders stand for this interval.");
  const half = (title, levels) =>
    h(
      "div",
      null,
      h("h3", null, title),
      levels.length === 0
        ? empty("None.")
        : table(
            title,
            LEVEL,
            levels
              .slice(0, LEVELS_MAX)
              .map((level) =>
                row(
                  LEVEL,
                  [money(level.price, grid.asset), kwh(level.wh), integer(level.orders)],
                  level.price,
                ),
              ),
          ),
    );
  const more = orders.truncated || orders.bids.length > LEVELS_MAX || orders.offers.length > LEVELS_MAX;
  return [
    h("div", { class: "book trail" }, half("Bids", orders.bids), half("Offers", orders.offers)),
    more ? h("p", { class: "muted trail" }, "There are more prices than are shown.") : null,
  ];
}

async function members(grid) {
  const rows = h("tbody");
  const list = table("Members", MEMBERS, [], "cards");
  list.querySelector("tbody").replaceWith(rows);
  const coin = (units) => (units === "0" ? h("span", { class: "muted" }, "0") : money(units, grid.asset));
  const more = await growing(
    (cursor) => call("energy_listMembers", { microgrid: grid.id, limit: 25, ...(cursor && { cursor }) }),
    rows,
    (member) =>
      row(
        MEMBERS,
        [
          account(member.account),
          coin(member.owes),
          coin(member.due),
          member.creditLimit != null ? coin(member.creditLimit) : h("span", { class: "muted" }, "the terms'"),
          coin(member.reserved),
          coin(member.exposed),
          member.mandate ? "yes" : h("span", { class: "muted" }, "no"),
        ],
        member.account,
      ),
    "It has no members yet.",
  );
  return [rows.children.length > 0 ? list : null, more];
}

/// Rows that grow, or `none`.
async function rowsOf(title, columns, ask, draw, none) {
  const rows = h("tbody");
  const list = table(title, columns, [], "cards");
  list.querySelector("tbody").replaceWith(rows);
  const more = await growing((cursor) => ask({ limit: 25, ...(cursor && { cursor }) }), rows, draw, none);
  return [rows.children.length > 0 ? list : null, more];
}

function deals(grid) {
  const draw = (deal) => {
    const sides = [deal.requester, deal.partner];
    const [charger, discharger] = deal.side === "buy" ? sides : sides.reverse();
    const who = (address) =>
      address
        ? account(address)
        : h("span", { class: "muted" }, `${integer(deal.acceptances.length)} acceptances`);
    return row(
      DEALS,
      [
        hash(deal.deal, "deal id"),
        badge(deal.state, deal.state === "authorised" ? "good" : "wait"),
        who(charger),
        who(discharger),
        kwh(deal.wh),
        money(deal.price, grid.asset),
        kwh(deal.usedWh),
        time(deal.expiresMs),
      ],
      deal.deal,
    );
  };
  const ask = (part) => call("deals_listDeals", { microgrid: grid.id, ...part });
  return rowsOf("Deals", DEALS, ask, draw, "No deal is open.");
}

function disputes(grid) {
  const draw = (dispute) =>
    row(
      DISPUTES,
      [
        hash(dispute.dispute, "dispute id"),
        account(dispute.account),
        name("meter", dispute.meter),
        money(dispute.claim, grid.asset),
        dispute.votesNeeded > 0
          ? `${integer(dispute.upheld)} of ${integer(dispute.votesNeeded)}`
          : h("span", { class: "muted" }, "the operator decides"),
        integer(dispute.rejected),
        time(dispute.expiresMs),
        dispute.opened
          ? tx(dispute.opened.tx, {
              label: `${integer(dispute.opened.firstSeq)} and ${integer(dispute.opened.secondSeq)}`,
            })
          : "–",
      ],
      dispute.dispute,
    );
  const ask = (part) => call("disputes_listDisputes", { microgrid: grid.id, ...part });
  return rowsOf("Disputes", DISPUTES, ask, draw, "No bill is contested.");
}

async function past(grid) {
  const list = h("ol", { class: "events", "aria-label": "Intervals so far" });
  const ask = (cursor) =>
    call("energy_listIntervals", { microgrid: grid.id, limit: 20, ...(cursor && { cursor }) });
  const draw = (item) => {
    const drawn = line(item.event);
    drawn.dataset.key = `${item.height}-${item.index}`;
    drawn.lastElementChild.append(
      h("div", { class: "muted" }, "block ", block(item.height), " · ", time(item.timeMs)),
    );
    return drawn;
  };
  const more = await growing(ask, list, draw, "No interval has been cleared or settled yet.");
  return [list.children.length > 0 ? list : null, more];
}

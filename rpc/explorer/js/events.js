// What happened, in words: an event of a receipt as a line with links.

import { asset } from "./chain.js";
import { h, path } from "./dom.js";
import { account, name, time } from "./elements.js";
import { amount, brief, energy as kwh, integer, span, words } from "./format.js";
import { call } from "./rpc.js";

/// A ledger account: a wallet by its owner, anything else by what it is.
export function place(id) {
  switch (id?.kind) {
    case "wallet":
      return account(id.owner);
    case "system":
      return h("span", null, `${words(id.account)} account`);
    case "book":
      return h("span", { class: "mono", title: id.book }, `book ${brief(id.book)} / ${id.code}`);
    case "due":
    case "cash":
      return h("span", { class: "mono", title: id.book }, `${id.kind} of book ${brief(id.book)}`);
    default:
      return h("span", null, "–");
  }
}

/// An asset's name: its symbol, which anybody may give to an asset, and its number unless it is the native one.
export function assetName(symbol, id) {
  return String(id) === "0" ? symbol : `${symbol}-${id}`;
}

/// An amount with its asset's name, as soon as the scale is known; base units until then, and without an asset.
export function money(units, assetId = "0") {
  const value = h("span", { class: "amount" }, `${integer(units)} base units`);
  if (assetId === null) return value;
  asset(assetId).then(
    ({ symbol, scale }) => {
      value.replaceChildren(
        h("span", { class: "figure" }, amount(units, scale)),
        document.createTextNode(" "),
        h("a", { class: "symbol", href: path("asset", String(assetId)) }, assetName(symbol, assetId)),
      );
      value.title = `${integer(units)} base units of asset ${assetId}`;
    },
    () => {},
  );
  return value;
}

/// An asset by its name, as soon as that is known.
export function symbol(assetId) {
  const link = h("a", { class: "symbol", href: path("asset", String(assetId)) }, `asset ${assetId}`);
  asset(assetId).then(
    (known) => (link.textContent = assetName(known.symbol, assetId)),
    () => {},
  );
  return link;
}

/// How far a grant or a sponsorship goes, in words.
export function limits(of) {
  const most = of.spending.flatMap((row) => {
    const parts = [
      row.total != null && [money(row.total, row.asset), " in all"],
      row.perPeriod && [money(row.perPeriod.amount, row.asset), ` in ${span(row.perPeriod.periodMs)}`],
      row.perTx != null && [money(row.perTx, row.asset), " at once"],
    ].filter(Boolean);
    return parts.length > 0 ? parts.map((part) => ["up to ", ...part]) : [["any amount of ", symbol(row.asset)]];
  });
  const calls = of.calls === "any" ? [] : [[`for ${of.calls.only.join(", ") || "no call"}`]];
  const rate = of.txPerHour != null ? [[`${integer(of.txPerHour)} transactions an hour`]] : [];
  const all = [...calls, ...(most.length > 0 ? most : [["no money"]]), ...rate];
  return all.flatMap((part, i) => (i === 0 ? part : [", ", ...part]));
}

const grids = new Map();

/// An amount of a microgrid's settlement asset.
function cash(units, microgrid) {
  const value = h("span", null, money(units, null));
  if (!grids.has(microgrid)) grids.set(microgrid, call("energy_getMicrogrid", { id: microgrid }));
  grids.get(microgrid).then(
    (grid) => value.replaceChildren(money(units, grid.asset)),
    () => grids.delete(microgrid),
  );
  return value;
}

const ofDeal = new Map();

/// An amount of a deal's settlement asset; base units when the deal is no longer there to ask for its microgrid.
function dealCash(units, deal) {
  const value = h("span", null, money(units, null));
  if (!ofDeal.has(deal)) ofDeal.set(deal, call("deals_getDeal", { deal }));
  ofDeal.get(deal).then(
    ({ microgrid }) => value.replaceChildren(cash(units, microgrid)),
    () => {},
  );
  return value;
}

const meter = (address) => name("meter", address);
const count = (n, what) => `${integer(n)} ${what}${String(n) === "1" ? "" : "s"}`;
const short = (id) => h("span", { class: "mono", title: id }, brief(id));

/// `1.234 kWh instead of 1.000 kWh`, where the two differ.
const corrected = (what, is, was) => (is === was ? null : `; ${what} ${kwh(is)} instead of ${kwh(was)}`);

const LINES = {
  fee_charged: (e) => [account(e.payer), " paid a fee of ", money(e.amount)],
  posted: (e) => [money(e.amount, e.asset), " from ", place(e.debit), " to ", place(e.credit)],
  hold_created: (e) => [
    "hold ",
    name("hold", e.hold),
    " reserves ",
    money(e.amount, e.asset),
    " of ",
    place(e.debit),
    " for ",
    place(e.credit),
  ],
  hold_captured: (e) => [
    "hold ",
    name("hold", e.hold),
    ` captured: ${integer(e.captured)} base units; ${integer(e.released)} released`,
    e.left === "0" ? null : `, ${integer(e.left)} held yet`,
  ],
  hold_released: (e) => ["hold ", name("hold", e.hold), e.expired ? " ran out" : " was voided"],
  asset_issued: (e) => [
    "asset ",
    h("a", { href: path("asset", String(e.asset)) }, assetName(e.symbol, e.asset)),
    " created by ",
    account(e.issuer),
  ],
  account_created: (e) => [account(e.account), " came into being"],
  authority_changed: (e) => [account(e.account), " has new keys"],
  sponsorship_granted: (e) => [
    account(e.sponsor),
    " pays for ",
    account(e.grantee),
    ": ",
    ...limits(e.limits),
  ],
  grant_made: (e) => [
    account(e.grantee),
    " may act on behalf of ",
    account(e.grantor),
    ": ",
    ...limits(e.limits),
  ],
  grant_revoked: (e) => [account(e.grantee), " no longer acts on behalf of ", account(e.grantor)],
  grant_used: (e) => [account(e.grantee), " acts on behalf of ", account(e.grantor)],
  sponsorship_ended: (e) => [account(e.sponsor), " no longer pays for ", account(e.grantee)],
  microgrid_registered: (e) => [
    "microgrid ",
    name("microgrid", e.microgrid),
    " operated by ",
    account(e.operator),
  ],
  meter_registered: (e) => [
    "meter ",
    meter(e.meter),
    " of ",
    account(e.owner),
    " in ",
    name("microgrid", e.microgrid),
    `, begins at import ${kwh(e.importWh)}, export ${kwh(e.exportWh)}`,
  ],
  meter_retired: (e) => [
    "meter ",
    meter(e.meter),
    " of ",
    account(e.owner),
    ` retired at import ${kwh(e.importWh)}, export ${kwh(e.exportWh)}`,
  ],
  meter_suspended: (e) => ["meter ", meter(e.meter), " of ", account(e.owner), " suspended after 30 days of silence"],
  member_left: (e) => [account(e.account), " left ", name("microgrid", e.microgrid)],
  reading_accepted: (e) => [
    "meter ",
    meter(e.meter),
    e.manual ? [" read by ", account(e.manual), ": "] : ` no. ${integer(e.seq)}: `,
    `import ${kwh(e.importWh)}, export ${kwh(e.exportWh)}`,
  ],
  terms_set: (e) => [
    "microgrid ",
    name("microgrid", e.microgrid),
    ` has new terms from interval ${integer(e.from)} on`,
  ],
  member_set: (e) => [account(e.account), " is a member of ", name("microgrid", e.microgrid)],
  order_placed: (e) => [
    account(e.account),
    e.side === "buy" ? " bids for " : " offers ",
    kwh(e.wh),
    " at ",
    cash(e.price, e.microgrid),
    ` a kWh in interval ${integer(e.interval)}`,
  ],
  order_ended: (e) => ["order of ", account(e.account), ` ${words(e.end)}: ${kwh(e.filledWh)} filled`],
  market_cleared: (e) => [
    `interval ${integer(e.interval)} cleared, ${words(e.rule)}: ${kwh(e.wh)} in ${count(e.trades, "trade")}`,
    e.price != null ? [" at ", cash(e.price, e.microgrid), " a kWh"] : null,
  ],
  traded: (e) => [
    account(e.buyer),
    " buys ",
    kwh(e.wh),
    " from ",
    account(e.seller),
    " at ",
    cash(e.price, e.microgrid),
    " a kWh: ",
    cash(e.amount, e.microgrid),
    ", fee ",
    cash(e.fee, e.microgrid),
  ],
  energy_settled: (e) => [
    account(e.account),
    ` in interval ${integer(e.interval)}: import ${kwh(e.importWh)}, export ${kwh(e.exportWh)}`,
    e.estimated ? " (estimated)" : null,
    ", charged ",
    cash(e.debit, e.microgrid),
    ", credited ",
    cash(e.credit, e.microgrid),
  ],
  interval_settled: (e) => [
    `interval ${integer(e.interval)} settled for ${integer(e.accounts)} accounts: import ${kwh(e.importWh)}, export ${kwh(e.exportWh)}, traded ${kwh(e.tradedWh)}`,
    e.estimated > 0 ? `; meters estimated: ${integer(e.estimated)}` : null,
  ],
  interval_final: (e) => [
    `interval ${integer(e.interval)} is final`,
    e.feederWh != null ? `: feeder ${kwh(e.feederWh)}, loss ${kwh(e.lossWh)}` : null,
    e.underReported ? h("b", null, ", under-reported") : null,
  ],
  journal_posted: (e) => [
    account(e.account),
    " posted a journal",
    e.reference ? [", reference ", short(e.reference)] : null,
    e.memo ? [", document ", short(e.memo)] : null,
    e.effectiveMs ? [", dated ", time(e.effectiveMs)] : null,
    e.reverses ? `; it takes back the one of block ${integer(e.reverses.height)}, event ${e.reverses.index}` : null,
  ].flat(),
  journal_repeated: (e) => [
    account(e.account),
    " sent a journal again, reference ",
    short(e.reference),
    `: it stands in block ${integer(e.posted.height)}, event ${e.posted.index}`,
  ],
  period_set: (e) => [
    "book ",
    short(e.book),
    ...(BigInt(e.closedMs) >= BigInt(e.beforeMs)
      ? [" is closed up to ", time(e.closedMs)]
      : [
          " was reopened from ",
          time(e.beforeMs),
          ...(e.closedMs === "0" ? [" to its beginning"] : [" to ", time(e.closedMs)]),
        ]),
  ],
  book_created: (e) => ["book ", short(e.book), " opened by ", account(e.owner)],
  ledger_account_opened: (e) => [place(e.account), ` opened, ${words(e.class)} in `, symbol(e.asset)],
  energy_adjusted: (e) => [
    account(e.account),
    ", meter ",
    meter(e.meter),
    ", ",
    time(e.fromMs),
    " to ",
    time(e.toMs),
    e.manual ? " (read by a person)" : null,
    corrected("import", e.importWh, e.settledImportWh),
    corrected("export", e.exportWh, e.settledExportWh),
    "; charged ",
    cash(e.debit, e.microgrid),
    ", credited ",
    cash(e.credit, e.microgrid),
  ],
  loss_shared: (e) => [
    account(e.account),
    ` bears ${kwh(e.wh)} of the losses of interval ${integer(e.interval)}: `,
    cash(e.debit, e.microgrid),
  ],
  tab_paid: (e) => [
    account(e.account),
    e.byMember ? " paid " : " was paid ",
    cash(e.amount, e.microgrid),
    e.byMember ? " into its tab" : " out of its tab",
  ],
  line_charged: (e) => [
    account(e.account),
    ["credit", "write_off", "refund", "tax_paid"].includes(e.line) ? " was credited " : " was charged ",
    cash(e.amount, e.microgrid),
    ` (${e.line.replaceAll("_", " ")})`,
    BigInt(e.tax) > 0n ? [" and tax of ", cash(e.tax, e.microgrid)] : "",
  ],
  credit_exceeded: (e) => [
    account(e.account),
    " owes ",
    cash(e.owed, e.microgrid),
    " and may owe ",
    cash(e.limit, e.microgrid),
  ],
  meter_swapped: (e) => [
    "meter ",
    meter(e.old),
    ` closed at import ${kwh(e.finalImportWh)}, export ${kwh(e.finalExportWh)}; `,
    meter(e.new),
    " takes its place",
  ],
  deal_requested: (e) => [
    account(e.account),
    e.side === "buy" ? " asks to charge " : " asks to discharge ",
    `at most ${kwh(e.whMax)} at `,
    cash(e.price, e.microgrid),
    " a kWh, deal ",
    short(e.deal),
  ],
  deal_accepted: (e) => [
    account(e.account),
    ` accepts ${kwh(e.wh)} at `,
    dealCash(e.price, e.deal),
    " a kWh, deal ",
    short(e.deal),
  ],
  deal_withdrawn: (e) => [account(e.account), " takes its acceptance back, deal ", short(e.deal)],
  deal_confirmed: (e) => [
    account(e.charger),
    " will charge from ",
    account(e.discharger),
    `, ${kwh(e.wh)} at `,
    dealCash(e.price, e.deal),
    " a kWh, deal ",
    short(e.deal),
  ],
  deal_authorised: (e) => [
    dealCash(e.reserved, e.deal),
    ` reserved by ${words(e.funding)} until `,
    time(e.expiresMs),
    " for what meter ",
    meter(e.meter),
    " shows, deal ",
    short(e.deal),
  ],
  deal_usage: (e) => [
    `report ${integer(e.seq)}: ${kwh(e.cumulativeWh)} charged, ${kwh(e.remainingWh)} left`,
    e.stop ? h("b", null, ", stop") : null,
    ", deal ",
    short(e.deal),
  ],
  deal_ended: (e) => [
    `deal `,
    short(e.deal),
    ` ${words(e.end)}: `,
    e.charger && e.discharger
      ? [
          account(e.charger),
          ` charged ${kwh(e.usedWh)} from `,
          account(e.discharger),
          "; ",
          cash(e.captured, e.microgrid),
          " paid, ",
          cash(e.receivable, e.microgrid),
          " owed, ",
          cash(e.released, e.microgrid),
          " released",
        ]
      : "nobody had been picked",
  ],
  dispute_opened: (e) => [
    account(e.account),
    " contests its bill by two readings of meter ",
    meter(e.meter),
    `, import ${kwh(e.importWh)}, export ${kwh(e.exportWh)} between them, and wants `,
    cash(e.claim, e.microgrid),
    ", dispute ",
    short(e.dispute),
  ],
  dispute_voted: (e) => [
    account(e.account),
    e.uphold ? " votes for the claim, dispute " : " votes against the claim, dispute ",
    short(e.dispute),
  ],
  dispute_decided: (e) => [
    "the claim of ",
    account(e.account),
    e.upheld ? [" is granted: ", cash(e.credit, e.microgrid)] : " is rejected",
    ", dispute ",
    short(e.dispute),
  ],
  dispute_withdrawn: (e) => [
    account(e.by),
    " withdraws the claim of ",
    account(e.account),
    ", dispute ",
    short(e.dispute),
  ],
  mandate_set: (e) => [
    account(e.account),
    e.mandate ? " gives a mandate to " : " takes its mandate back from ",
    name("microgrid", e.microgrid),
    e.mandate?.perCharge != null ? [", at most ", cash(e.mandate.perCharge, e.microgrid), " an interval"] : "",
  ],
  meter_handed_over: (e) => [
    "meter ",
    meter(e.meter),
    " of ",
    account(e.from),
    " is now of ",
    account(e.to),
    ` from import ${kwh(e.importWh)}, export ${kwh(e.exportWh)} on`,
  ],
  meter_rated: (e) => [
    "meter ",
    meter(e.meter),
    " of ",
    account(e.owner),
    ` is rated at ${integer(e.powerMaxW)} W`,
  ],
  microgrid_paused: (e) => [
    name("microgrid", e.microgrid),
    " is paused: nobody pays for its work, which takes ",
    money(e.needed, "0"),
  ],
  microgrid_resumed: (e) => [account(e.by), " resumes ", name("microgrid", e.microgrid)],
  reading_refused: (e) => ["meter ", meter(e.meter), ` no. ${integer(e.seq)}: ${words(e.reason)}`],
};

const LAST_MS = 8.64e15; // the last time that a date can name

/// A field of something that this page has no sentence for: linked and with its unit where the name tells.
export function field(key, value) {
  if (typeof value === "string" && /^wat1[a-z0-9]{40,80}$/.test(value))
    return key === "meter" ? meter(value) : account(value);
  if (key === "microgrid") return name("microgrid", value);
  if (value === null || value === undefined) return "–";
  if (/Wh$/.test(key)) return kwh(value);
  if (/Ms$/.test(key)) return Number(value) > LAST_MS ? "no end" : time(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "object") return h("code", null, JSON.stringify(value));
  const text = String(value);
  return /^\d+$/.test(text)
    ? integer(text)
    : /^[0-9a-f]{64}$/.test(text)
      ? h("span", { class: "mono", title: text }, brief(text))
      : words(text);
}

/// `importWh` as `import`, `creditLimit` as `credit limit`.
export const label = (key) =>
  key.replace(/(Wh|Ms)$/, "").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/// One event; of a type that this page does not know, its fields one by one.
export function line(event) {
  const { type, ...rest } = event;
  let what;
  try {
    what = LINES[type](event);
  } catch {
    what = Object.entries(rest).map(([key, value], i) => [
      i > 0 ? ", " : "",
      h("span", { class: "muted" }, `${label(key)} `),
      field(key, value),
    ]);
  }
  return h(
    "li",
    { "data-type": type },
    h("span", { class: "tag" }, words(type)),
    h("span", { class: "what" }, what),
  );
}

export function lines(events) {
  return h("ol", { class: "events" }, events.map(line));
}

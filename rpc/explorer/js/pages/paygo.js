// Pay-as-you-go: an operator with its devices; a device with its credit, its tokens and what became of them.

import { h, put } from "../dom.js";
import {
  Page,
  account,
  badge,
  facts,
  growing,
  hash,
  heading,
  name,
  row,
  section,
  table,
  time,
} from "../elements.js";
import { dated, money, place, symbol } from "../events.js";
import { energy as kwh, integer, span, words } from "../format.js";
import { call, live } from "../rpc.js";

const DEVICES = [["Device"], ["State"], ["Credit", "num"], ["Owes", "num wide"], ["Count", "num wide"], ["Owner", "wide"]];
const TOKENS = [["Count", "num"], ["Does"], ["Worth", "num"], ["State"], ["Price", "num"], ["Paid by", "wide"]];
const USES = [["Authorisation"], ["Gateway", "wide"], ["Set aside", "num"], ["Used", "num"], ["Until"]];
const LISTS = [
  [null, "All"],
  ["overdue", "Overdue"],
  ["low", "Run out"],
  ["silent", "Silent"],
];
const TONES = {
  active: "good",
  unlocked: "good",
  suspended: "warm",
  reserved: "wait",
  issued: "good",
  voided: "bad",
  taken: "warm",
};
const DOES = { add: "adds", set: "sets", disable: "ends payment control", sync: "moves the count" };
const REFRESH_MS = 5_000;

const state = (code) => badge(code, TONES[code]);

/// So many raw units of a device, as energy or time.
function worth(device, raw) {
  const size = (BigInt(raw) * BigInt(device.unit.perUnit)) / BigInt(device.divider || 1);
  return device.unit.kind === "time" ? span(size) : kwh(size);
}

/// Credit that a device has left.
function left(device) {
  if (device.state === "unlocked") return "no end";
  if (device.credit) return kwh(device.credit.availableWh);
  return device.activeUntilMs === "0" ? "nothing yet" : time(device.activeUntilMs);
}

class Operator extends Page {
  start() {
    const [about, list] = [h("div"), h("div")];
    const choose = LISTS.map(([only, title]) =>
      h(
        "button",
        { type: "button", "aria-pressed": String(only === null), on: { click: (event) => pick(event.target, only) } },
        title,
      ),
    );
    const pick = (chosen, only) => {
      for (const button of choose) button.setAttribute("aria-pressed", String(button === chosen));
      this.show(list, () => this.devices(only));
    };
    put(
      this,
      heading("Operator", h("span", { class: "heading-id" }, hash(this.dataset.id, "address", true))),
      section("Pay-as-you-go", about),
      section("Devices", h("div", { class: "choices" }, choose), list),
    );
    this.show(about, () => this.load(), 4);
    this.show(list, () => this.devices(null));
  }

  async load() {
    const found = await call("paygo_getOperator", { operator: this.dataset.id });
    return facts(
      ["Account", account(found.operator)],
      ["Paid in", symbol(found.asset)],
      ["Energy of its devices", symbol(found.energy)],
      ["Issued for a device", `at most ${integer(found.dailyCap)} units a day`],
      ["Devices", integer(found.devices)],
    );
  }

  async devices(only) {
    const rows = h("tbody");
    const list = table("Devices", DEVICES, [], "cards");
    list.querySelector("tbody").replaceWith(rows);
    const more = await growing(
      (cursor) =>
        call("paygo_listDevices", {
          operator: this.dataset.id,
          limit: 50,
          ...(only && { only }),
          ...(cursor && { cursor }),
        }),
      rows,
      drawDevice,
      only ? "None." : "No device is registered.",
    );
    return [rows.children.length > 0 ? list : null, more];
  }
}
customElements.define("wattle-operator", Operator);

const drawDevice = (device) =>
  row(
    DEVICES,
    [
      name("device", device.device),
      [state(device.state), device.silentSinceMs ? badge("silent", "warm") : null],
      left(device),
      money(device.debt, device.asset),
      integer(device.count),
      device.owner ? account(device.owner) : "–",
    ],
    device.device,
  );

class Device extends Page {
  start() {
    const id = this.dataset.id;
    this.credit = h("div");
    this.about = h("div");
    this.uses = h("div");
    const [tokens, history] = [h("div"), h("div")];
    put(
      this,
      heading("Device", h("span", { class: "heading-id" }, hash(id, "device id", true))),
      h("div", { class: "columns even" }, section("Credit", this.credit), section("Details", this.about)),
      this.uses,
      section("Tokens", tokens),
      section("History", history),
    );
    this.show(this.credit, () => this.load(), 5);
    this.show(tokens, () => this.tokens(), 3);
    this.show(history, () => this.history(), 8);
    this.asked = Date.now();
    this.listen(live, "head", () => this.refresh());
  }

  async load() {
    const device = await call("paygo_getDevice", { device: this.dataset.id });
    put(this.about, details(device));
    put(this.uses, device.authorisations.length > 0 ? section("Set aside", uses(device)) : null);
    return credit(device);
  }

  /// Credit changes: asked for again now and then, without skeletons.
  async refresh() {
    if (Date.now() - this.asked < REFRESH_MS || document.hidden) return;
    this.asked = Date.now();
    try {
      const drawn = this.contains(document.activeElement) ? null : await this.load();
      if (drawn && !this.gone) put(this.credit, drawn);
    } catch {
      // The connection's banner tells.
    }
  }

  async tokens() {
    const device = await call("paygo_getDevice", { device: this.dataset.id });
    const rows = h("tbody");
    const list = table("Tokens", TOKENS, [], "cards");
    list.querySelector("tbody").replaceWith(rows);
    const more = await growing(
      (cursor) =>
        call("paygo_listTokens", { device: this.dataset.id, limit: 25, ...(cursor && { cursor }) }),
      rows,
      (token) => drawToken(device, token),
      "None is reserved, or sold and not redeemed.",
    );
    return [rows.children.length > 0 ? list : null, more];
  }

  async history() {
    const list = h("ol", { class: "events", "aria-label": "History" });
    const ask = (cursor) =>
      call("paygo_history", { device: this.dataset.id, limit: 25, ...(cursor && { cursor }) });
    const more = await growing(ask, list, dated, "Nothing has happened to it yet.");
    return [list.children.length > 0 ? list : null, more];
  }
}
customElements.define("wattle-device", Device);

function credit(device) {
  const { credit: energy, contract } = device;
  const coin = (units) => money(units, device.asset);
  const some = (units) => (units === "0" ? null : coin(units));
  return facts(
    ["State", state(device.state)],
    ["Free", energy && h("b", null, kwh(energy.availableWh))],
    ["Set aside", energy && energy.heldWh !== "0" ? kwh(energy.heldWh) : null],
    ["Used, not metered yet", energy && energy.aheadWh !== "0" ? kwh(energy.aheadWh) : null],
    ["Active until", energy ? null : device.activeUntilMs === "0" ? "nothing yet" : time(device.activeUntilMs, true)],
    ["Owes", some(device.debt)],
    ["Price", contract && [coin(contract.terms.price), ` for ${worth(device, 1)}`]],
    [
      "Deposit",
      contract && contract.terms.deposit !== "0"
        ? [coin(contract.terms.deposit), ` with ${worth(device, contract.terms.included)}`, contract.begun ? ", paid" : ""]
        : null,
    ],
    ["Paid", contract && coin(contract.paid)],
    ["Left over", contract && some(contract.rest)],
    ["Until it is paid off", contract && (contract.left == null ? "rented" : coin(contract.left))],
    contract?.terms.postpaid && ["On account", "tokens may be issued before they are paid"],
  );
}

function details(device) {
  return facts(
    ["Operator", name("operator", device.operator)],
    ["Owner", device.owner && account(device.owner)],
    ["Gateway", device.gateway && account(device.gateway)],
    ["Meter", device.meter && name("meter", device.meter)],
    [
      "Silent",
      device.silentSinceMs && [badge("silent", "warm"), " since ", time(device.silentSinceMs)],
    ],
    ["Redemption key", device.key && hash(device.key, "key")],
    ["Raw unit", [worth(device, 1), device.divider > 1 ? `, ${integer(device.divider)} to a unit` : ""]],
    ["Firmware", [words(device.profile), device.extended ? ", twelve digits too" : ""]],
    ["Count", `${integer(device.count)}, last issued ${integer(device.lastCount)}`],
    ["Issued today", `${integer(device.issuedToday)} raw units, ${integer(device.leftToday)} left`],
    ["Not redeemed", device.adds > 0 ? integer(device.adds) : null],
    ["Wallet", account(device.wallet)],
  );
}

const uses = (device) =>
  table(
    "Set aside",
    USES,
    device.authorisations.map((one) =>
      row(
        USES,
        [
          hash(one.authorisation, "authorisation"),
          account(one.gateway),
          kwh(one.wh),
          [kwh(one.usedWh), one.stop ? badge("stop", "warm") : null],
          one.expiresMs ? time(one.expiresMs) : "ended",
        ],
        one.authorisation,
      ),
    ),
    "cards",
  );

function drawToken(device, token) {
  const counts = token.kind === "add" || token.kind === "set";
  return row(
    TOKENS,
    [
      integer(token.count),
      DOES[token.kind] ?? words(token.kind),
      counts ? [token.state === "reserved" ? "at most " : "", worth(device, token.value)] : "–",
      [state(token.state), token.over ? badge("not taken any more", "warm") : null],
      token.price == null ? "–" : money(token.price, device.asset),
      token.payer ? place(token.payer) : token.owed ? "owed" : "–",
    ],
    String(token.count),
  );
}

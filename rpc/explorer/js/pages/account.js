// One account: what it holds, who acts for it, what happened to it.

import { h, put } from "../dom.js";
import {
  Page,
  badge,
  block,
  empty,
  facts,
  failure,
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
import { assetName, limits, line, money } from "../events.js";
import { amount, csv, energy as kwh, integer, iso, span } from "../format.js";
import { call, find, live } from "../rpc.js";
import { calls } from "./block.js";

const BALANCES = [["Asset"], ["Available", "num"], ["Held for others", "num wide"], ["Incoming", "num wide"]];
const HISTORY = [["Transaction"], ["Calls"], ["Block", "wide"], ["Age"], ["Fee", "num wide"], ["Result"]];
const METERS = [["Meter"], ["Import", "num"], ["Export", "num"], ["Read"], [""]];
const GRANTS = [["Grant"], ["For"], ["How far", "wide"], ["Until"]];
const SPONSORSHIPS = [["Account"], ["How far", "wide"], ["Until"]];
const GRIDS_MAX = 20; // whose members are looked at
const METERS_MAX = 200; // of a microgrid, looked at for their owner
const BILL_MS = 86_400_000; // how much of a bill is shown
const CSV_ROWS_MAX = 10_000;
const CSV_FIELDS = ["height", "index", "id", "time", "sender", "calls", "code", "fee"];
const REFRESH_MS = 5_000;

class Account extends Page {
  start() {
    const address = this.dataset.id;
    this.balances = h("div");
    this.details = h("div");
    const history = h("div");
    this.grants = h("div");
    this.energy = h("div");
    const said = h("span", { class: "said", role: "status" });
    const save = h("button", { type: "button", on: { click: () => this.export(save, said) } }, "Export CSV");
    put(
      this,
      heading("Account", h("span", { class: "heading-id" }, hash(address, "address", true))),
      h(
        "div",
        { class: "columns even" },
        section("Balances", this.balances),
        section("Details", this.details),
      ),
      this.grants,
      this.energy,
      section("History", h("div", { class: "tools" }, said, save), history),
    );
    this.show(this.balances, () => this.load(), 3);
    this.show(this.details, () => this.loadDetails(), 4);
    this.show(history, () => this.loadHistory(), 8);
    this.loadGrants().catch(() => {});
    this.loadEnergy().catch(() => {}); // each part tells by itself what fails
    this.asked = Date.now();
    this.listen(live, "head", () => this.refresh());
  }

  async load() {
    return this.draw(await call("account_get", { address: this.dataset.id }));
  }

  draw(account) {
    if (!account.exists) return empty("This address has never been used on this chain.");
    if (account.balances.length === 0) return empty("It holds nothing.");
    const held = (units, scale) =>
      units === "0" ? h("span", { class: "muted" }, "0") : amount(units, scale);
    const more = h("p", { class: "muted trail" }, "It holds more assets than are shown.");
    const shown = table(
      "Balances",
      BALANCES,
      account.balances.map((b) =>
        row(
          BALANCES,
          [
            name("asset", b.asset, { label: assetName(b.symbol, b.asset) }),
            h("span", { title: `${integer(b.available)} base units` }, amount(b.available, b.scale)),
            held(b.pending, b.scale),
            held(b.incoming, b.scale),
          ],
          b.asset,
        ),
      ),
    );
    return account.balancesCursor ? [shown, more] : shown;
  }

  async loadDetails() {
    const address = this.dataset.id;
    const [account, meter] = await Promise.all([
      call("account_get", { address }),
      find("energy_getMeter", { address }),
    ]);
    const nonces = Object.entries(account.nonce);
    return facts(
      ["On chain", account.exists ? "yes" : "no"],
      ["Meter", meter && name("meter", address, { label: "its readings" })],
      [
        "Next nonce",
        nonces.map(([lane, next]) =>
          h("div", null, integer(next), h("span", { class: "muted" }, ` on lane ${lane}`)),
        ),
      ],
      [
        "Keys",
        account.authority &&
          account.authority.keys.map((key) =>
            h("div", null, hash(key.key, "key"), h("span", { class: "muted" }, ` weight ${key.weight}`)),
          ),
      ],
      ["Threshold", account.authority && integer(account.authority.threshold)],
      ["Bandwidth", [integer(account.bandwidth), h("span", { class: "muted" }, " weight units now")]],
    );
  }

  /// Who may act on its behalf, and on whose it may; whom it pays for, and who pays for it.
  async loadGrants() {
    const account = this.dataset.id;
    const lists = [
      ["May act on its behalf", "identity_listGrants", GRANTS, grantRow, "grantor", "grantee"],
      ["Acts on behalf of others", "identity_listGrants", GRANTS, grantRow, "grantee", "grantor"],
      ["Pays for", "identity_listSponsorships", SPONSORSHIPS, sponsorshipRow, "sponsor", "grantee"],
      ["Is paid for by", "identity_listSponsorships", SPONSORSHIPS, sponsorshipRow, "grantee", "sponsor"],
    ];
    const sections = lists.map(async ([title, method, columns, drawn, side, other]) => {
      const rows = h("tbody");
      const list = table(title, columns, [], "cards");
      list.querySelector("tbody").replaceWith(rows);
      const more = await growing(
        (cursor) => call(method, { [side]: account, limit: 25, ...(cursor && { cursor }) }),
        rows,
        (item) => drawn(item, other),
        "",
      );
      return rows.children.length > 0 ? section(title, list, more) : null;
    });
    const found = await Promise.all(sections);
    if (!this.gone) this.grants.append(...found.filter(Boolean));
  }

  /// Tab, meters and newest bill lines in each microgrid that this account is a member of.
  async loadEnergy() {
    const address = this.dataset.id;
    const grids = (await call("energy_listMicrogrids", { limit: GRIDS_MAX })).items;
    const found = await Promise.all(
      grids.map(async (grid) => ({
        grid,
        member: (await call("energy_listMembers", { microgrid: grid.id, account: address })).items[0],
      })),
    );
    for (const { grid, member } of found.filter(({ member }) => member)) {
      if (this.gone) return;
      const [meters, bill] = [h("div"), h("div")];
      this.energy.append(
        section(
          "Energy",
          tab(grid, member, address),
          h("h3", { class: "lead trail" }, "Meters"),
          meters,
          h("h3", { class: "lead trail" }, `Bill of the last ${span(BILL_MS)}`),
          bill,
        ),
      );
      this.show(meters, () => ownMeters(grid, address), 2);
      this.show(bill, () => billLines(grid, address), 4);
    }
  }

  async loadHistory() {
    const rows = h("tbody");
    const list = table("History", HISTORY, [], "cards plain history");
    list.querySelector("tbody").replaceWith(rows);
    const more = await growing(
      (cursor) => this.page(cursor, 25),
      rows,
      drawItem,
      "Nothing has happened to this account yet.",
    );
    return [rows.children.length > 0 ? list : null, more];
  }

  page(cursor, limit) {
    return call("account_history", { address: this.dataset.id, limit, ...(cursor && { cursor }) });
  }

  /// Balances change: asked for again now and then, without skeletons.
  async refresh() {
    if (Date.now() - this.asked < REFRESH_MS || document.hidden) return;
    this.asked = Date.now();
    try {
      const drawn = await this.load();
      if (!this.gone && !this.balances.contains(document.activeElement)) put(this.balances, drawn);
    } catch {
      // The connection's banner tells.
    }
  }

  /// The whole history, page by page, as a file.
  async export(button, said) {
    button.disabled = true;
    try {
      const out = [CSV_FIELDS.join(",")];
      let cursor;
      do {
        const page = await this.page(cursor, 200);
        for (const item of page.items) {
          const fields = { ...item, time: iso(item.timeMs), calls: item.calls.join(" ") };
          out.push(CSV_FIELDS.map((field) => csv(fields[field])).join(","));
        }
        cursor = page.nextCursor;
        said.textContent = `${integer(out.length - 1)} rows`;
      } while (cursor && out.length <= CSV_ROWS_MAX && !this.gone);
      if (this.gone) return;
      const url = URL.createObjectURL(new Blob([`${out.join("\r\n")}\r\n`], { type: "text/csv" }));
      const link = document.createElement("a");
      link.href = url;
      link.download = `${this.dataset.id.replace(/[^a-z0-9]/g, "").slice(0, 16)}-history.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
      said.textContent = cursor
        ? `The newest ${integer(out.length - 1)} rows; there are more`
        : `${integer(out.length - 1)} rows`;
    } catch (error) {
      said.replaceChildren(failure(error));
    } finally {
      button.disabled = false;
    }
  }
}
customElements.define("wattle-account", Account);

/// A grant, with the account on its other side.
function grantRow(item, other) {
  return row(
    GRANTS,
    [hash(item.grant, "grant"), name("account", item[other]), limits(item.limits), time(item.limits.expiresMs)],
    item.grant,
  );
}

/// A sponsorship, by the account on its other side.
function sponsorshipRow(item, other) {
  return row(
    SPONSORSHIPS,
    [name("account", item[other]), limits(item.limits), time(item.limits.expiresMs)],
    item[other],
  );
}

/// What the account owes and is owed in a microgrid.
function tab(grid, member, address) {
  const coin = (units) => money(units, grid.asset);
  return facts(
    ["Microgrid", name("microgrid", grid.id)],
    ["Owes", coin(member.owes)],
    ["Is owed", coin(member.due)],
    ["Of it in escrow", member.escrow !== "0" ? coin(member.escrow) : null],
    ["Paid out", member.paidOut !== "0" ? coin(member.paidOut) : null],
    ["Of estimates", member.estimated !== "0" ? coin(member.estimated) : null],
    ["Credit limit", member.creditLimit != null ? coin(member.creditLimit) : "the terms'"],
    ["Sold, not settled", member.exposed !== "0" ? coin(member.exposed) : null],
    [
      "Wallet debited",
      member.mandate == null
        ? "only by the member itself"
        : member.mandate.left == null
          ? "by settlement"
          : h("span", {}, "by settlement, now at most ", coin(member.mandate.left)),
    ],
    [
      "Operator",
      grid.operator === address
        ? "Its tab is the counterpart of every member's lines; the bill has those it has as a member itself."
        : null,
    ],
  );
}

async function ownMeters(grid, address) {
  const { items } = await call("energy_listMeters", { microgrid: grid.id, limit: METERS_MAX });
  const own = items.filter((meter) => meter.owner === address);
  if (own.length === 0) return empty("None of the microgrid's first meters is its own.");
  return table(
    "Meters",
    METERS,
    own.map((meter) =>
      row(
        METERS,
        [
          name("meter", meter.address),
          kwh(meter.importWh),
          kwh(meter.exportWh),
          meter.seq !== "0" ? time(meter.timeMs) : "–",
          meter.silentSinceMs ? badge("estimated", "warm") : "",
        ],
        meter.address,
      ),
    ),
    "cards",
  );
}

async function billLines(grid, account) {
  const status = live.status ?? (await call("chain_status"));
  const begin = BigInt(status.timeMs) - BigInt(BILL_MS);
  const list = h("ol", { class: "events", "aria-label": "Bill" });
  const ask = (cursor) =>
    call("energy_bill", {
      account,
      microgrid: grid.id,
      fromMs: String(begin > 0n ? begin : 0n),
      limit: 25,
      ...(cursor && { cursor }),
    });
  const draw = (item) => {
    const drawn = line(item.event);
    drawn.lastElementChild.append(
      h("div", { class: "muted" }, "block ", block(item.height), " · ", time(item.timeMs)),
    );
    return drawn;
  };
  const more = await growing(ask, list, draw, "Nothing was booked.");
  return [list.children.length > 0 ? list : null, more];
}

function drawItem(item) {
  return row(
    HISTORY,
    [
      tx(item.id),
      calls(item.calls),
      block(item.height),
      time(item.timeMs),
      money(item.fee),
      badge(item.code),
    ],
    item.id,
  );
}

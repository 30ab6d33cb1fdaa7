// An asset; a hold.

import { h, put } from "../dom.js";
import { Page, account, facts, hash, heading, rehead, section, time } from "../elements.js";
import { assetName, money, place } from "../events.js";
import { amount, integer } from "../format.js";
import { call } from "../rpc.js";

const PLACES = [
  ["wallets", "In wallets"],
  ["held", "Reserved by holds"],
  ["books", "Cash of books"],
  ["deposits", "Deposits"],
  ["fees", "Fees"],
];

class Asset extends Page {
  start() {
    const box = h("div");
    const supply = h("div");
    const head = heading(`Asset ${this.dataset.id}`);
    put(this, head, section("Asset", box), section("Supply", supply));
    this.show(supply, async () => {
      const found = await call("token_getSupply", { asset: this.dataset.id });
      const line = ([key, title]) => [title, money(found[key], found.asset)];
      return facts(...[["issued", "Issued"], ["burned", "Burned"], ...PLACES].map(line));
    });
    this.show(box, async () => {
      const asset = await call("token_getAsset", { asset: this.dataset.id });
      if (!this.gone) rehead(head, heading(`Asset ${asset.id}: ${asset.symbol}`));
      return facts(
        [
          "Symbol",
          [
            h("b", null, asset.symbol),
            h("span", { class: "muted" }, " (symbols are not unique; the number is)"),
          ],
        ],
        ["Number", integer(asset.id)],
        ["Decimal places", integer(asset.scale)],
        [
          "In circulation",
          h(
            "span",
            { title: `${integer(asset.supply)} base units` },
            `${amount(asset.supply, asset.scale)} ${assetName(asset.symbol, asset.id)}`,
          ),
        ],
        [
          "Issuer",
          asset.issuer
            ? account(asset.issuer, { full: true, copies: true })
            : "the protocol: the native asset",
        ],
      );
    });
  }
}
customElements.define("wattle-asset", Asset);

class Hold extends Page {
  start() {
    const box = h("div");
    put(
      this,
      heading("Hold", h("span", { class: "heading-id" }, hash(this.dataset.id, "hold id", true))),
      section("Open hold", box),
    );
    this.show(box, async () => {
      const hold = await call("ledger_getHold", { id: this.dataset.id });
      return facts(
        ["Amount", money(hold.amount, hold.asset)],
        ["From", place(hold.debit)],
        ["To", place(hold.credit)],
        ["Captor", account(hold.captor, { full: true, copies: true })],
        ["Expires", hold.expiresMs === null ? "when its captor ends it" : time(hold.expiresMs, true)],
      );
    });
  }
}
customElements.define("wattle-hold", Hold);

// The validators of this epoch, and which of the last certificates carry their signature.

import { blocks, changes } from "../chain.js";
import { h, path, put } from "../dom.js";
import { Page, hash, heading, row, section, table } from "../elements.js";
import { integer } from "../format.js";
import { call } from "../rpc.js";
import { marks } from "./block.js";

const COLUMNS = [
  ["#", "num narrow"],
  ["Key"],
  ["Power", "num"],
  ["Signed, newest first", "uptime"],
  ["Proposed", "num wide"],
];

class Validators extends Page {
  start() {
    const box = h("div");
    put(this, heading("Validators"), section("Validator set", box));
    this.show(box, async () => {
      this.set = await call("chain_getValidators");
      this.note = h("p", { class: "muted lead" });
      this.rows = h("tbody");
      const list = table("Validators", COLUMNS, [], "cards numbered");
      list.querySelector("tbody").replaceWith(this.rows);
      this.draw();
      return [
        this.note,
        list,
        h(
          "p",
          { class: "muted trail" },
          "A certificate needs a quorum only: a validator that is slow, or whose vote came after the quorum was reached, is missing without being at fault.",
        ),
      ];
    });
    this.listen(changes, "blocks", () => this.set && this.follow());
  }

  async follow() {
    if (blocks[0] && blocks[0].epoch !== this.set.epoch)
      this.set = await call("chain_getValidators").catch(() => this.set);
    if (!this.gone && !document.hidden) this.draw();
  }

  draw() {
    const { set } = this;
    put(
      this.note,
      `Epoch ${integer(set.epoch)}. Power ${integer(set.totalPower)} in all; ${integer(set.quorum)} decide.`,
    );
    // A block certified by a later one shares that one's certificate: counted once.
    const own = blocks.filter((b) => b.finalization && b.path.length === 0 && b.epoch === set.epoch);
    const signed = own.map((b) => ({
      height: b.height,
      signed: marks(b.finalization, set.validators).signed,
    }));
    put(
      this.rows,
      set.validators.map((validator, i) => {
        const count = signed.filter((b) => b.signed[i]).length;
        const grid = h(
          "a",
          {
            class: "grid-cells",
            href: path("blocks"),
            "aria-label": `${count} of the last ${signed.length} certificates`,
            title: `${count} of the last ${signed.length} certificates`,
          },
          signed.slice(0, 40).map((b) => h("i", { class: b.signed[i] ? "on" : null })),
        );
        const proposed = blocks.filter((b) => b.proposer === validator.key).length;
        return row(
          COLUMNS,
          [
            String(i),
            hash(validator.key, "validator key"),
            integer(validator.power),
            grid,
            `${proposed} of ${blocks.length}`,
          ],
          validator.key,
        );
      }),
    );
  }
}
customElements.define("wattle-validators", Validators);

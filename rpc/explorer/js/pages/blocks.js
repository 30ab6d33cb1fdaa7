// All blocks, newest first.

import { fetchBlocks } from "../chain.js";
import { h, put } from "../dom.js";
import { Page, block, growing, hash, heading, row, section, table, time } from "../elements.js";
import { brief, bytes, integer } from "../format.js";
import { call } from "../rpc.js";

const PAGE = 25n;
const COLUMNS = [
  ["Height"],
  ["Time"],
  ["Txs", "num"],
  ["Events", "num wide"],
  ["Size", "num wide"],
  ["Hash", "wide"],
  ["Proposer", "wide"],
];

class Blocks extends Page {
  start() {
    const box = h("div");
    put(this, heading("Blocks"), section("Finalized blocks", box));
    this.show(
      box,
      async () => {
        const status = await call("chain_status");
        const rows = h("tbody");
        const list = table("Blocks", COLUMNS, []);
        list.querySelector("tbody").replaceWith(rows);
        const lowest = BigInt(status.horizon);
        const more = await growing(
          async (cursor) => {
            const from = BigInt(cursor ?? status.height);
            const heights = [];
            for (let height = from; height >= lowest && height > from - PAGE; height -= 1n)
              heights.push(height);
            const next = from - PAGE;
            return {
              items: await fetchBlocks(heights),
              nextCursor: next >= lowest ? next.toString() : undefined,
            };
          },
          rows,
          draw,
          "This node keeps no blocks.",
        );
        return [list, more];
      },
      12,
    );
  }
}
customElements.define("wattle-blocks", Blocks);

function draw(b) {
  return row(
    COLUMNS,
    [
      block(b.height),
      time(b.timeMs),
      integer(b.txIds.length),
      integer(b.events),
      bytes(b.bytes),
      hash(b.hash, "block hash"),
      h("span", { class: "mono muted", title: b.proposer }, brief(b.proposer, 8, 4)),
    ],
    b.height,
  );
}

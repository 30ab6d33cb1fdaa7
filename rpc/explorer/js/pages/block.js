// One block: its header, what makes it final, its transactions.

import { h, path, put } from "../dom.js";
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
  rehead,
  row,
  section,
  table,
  time,
  tx,
} from "../elements.js";
import { line } from "../events.js";
import { bytes, integer } from "../format.js";
import { call, live } from "../rpc.js";

const PAGE = 25;
const COLUMNS = [["#", "num narrow"], ["Transaction"], ["Calls"], ["Sender", "wide"], ["Result"]];

class Block extends Page {
  start() {
    const id = this.dataset.id;
    const box = h("div");
    put(this, box);
    put(box, heading(`Block ${/^\d+$/.test(id) ? integer(id) : ""}`));
    const body = h("div");
    box.append(body);
    this.show(
      body,
      async () => {
        const reply = await call("chain_getBlock", /^\d+$/.test(id) ? { height: id } : { hash: id });
        const certified = reply.finalization && (await signers(reply).catch(() => null));
        if (!this.gone) rehead(box.firstElementChild, this.head(reply));
        return this.draw(reply, certified);
      },
      10,
    );
  }

  head(reply) {
    const height = BigInt(reply.header.height);
    const previous = h(
      "a",
      { class: "button", href: path("block", (height - 1n).toString()), rel: null },
      "← Previous",
    );
    const next = h("a", { class: "button", href: path("block", (height + 1n).toString()) }, "Next →");
    const update = () => (next.hidden = !live.status || BigInt(live.status.height) <= height);
    update();
    previous.hidden = height === 0n;
    this.listen(live, "head", update);
    return heading(
      `Block ${integer(reply.header.height)}`,
      badge(reply.finalized ? "finalized" : "included"),
      h("nav", { class: "steps", "aria-label": "Blocks before and after" }, previous, next),
    );
  }

  async draw(reply, certified) {
    const header = reply.header;
    const rows = h("tbody");
    const list = table("Transactions of the block", COLUMNS, [], "cards plain in-block");
    list.querySelector("tbody").replaceWith(rows);
    const more = await growing(
      (at = 0) => details(reply.txIds, at),
      rows,
      drawTx,
      "This block has no transactions.",
    );
    return [
      h(
        "div",
        { class: "columns even" },
        section(
          "Header",
          facts(
            ["Hash", hash(reply.hash, "block hash", true)],
            ["Time", time(header.timeMs, true)],
            [
              "Parent",
              header.height === "0"
                ? null
                : h("a", { class: "mono wrap", href: path("block", header.parent) }, header.parent),
            ],
            ["Epoch, view", `${integer(header.epoch)}, ${integer(header.view)}`],
            ["Proposer", hash(header.proposer, "validator key", true)],
            ["Size", `${bytes(reply.sizeBytes)}, weight ${integer(reply.weight)}`],
            ["Transactions", `${integer(reply.txIds.length)}, events ${integer(reply.eventCount)}`],
            ["State root", hash(header.stateRoot, "state root", true)],
            ["Transactions root", hash(header.txsRoot, "transactions root", true)],
            ["Receipts root", hash(header.receiptsRoot, "receipts root", true)],
            ["Validator set", hash(header.validatorsHash, "validator set hash", true)],
          ),
        ),
        section("Finality proof", proof(reply, certified)),
      ),
      section("Transactions", rows.children.length > 0 ? list : null, more),
      section("Block events", await own(header.height)),
    ];
  }
}
customElements.define("wattle-block", Block);

/// Which validators signed the certificate: `{set, signed: [bool], power, quorum, total}`.
export async function signers(reply) {
  const certificate = reply.finalization;
  const round = Object.values(certificate.vote)[0]?.round ?? certificate.vote.round;
  const set = await call("chain_getValidators", { epoch: String(round?.epoch ?? reply.header.epoch) });
  return { set, ...marks(certificate, set.validators) };
}

/// Bit `i`, least significant first, is validator `i`.
export function marks(certificate, validators) {
  const bits = certificate.signers;
  const signed = validators.map(
    (_, i) => ((parseInt(bits.slice((i >> 3) * 2, (i >> 3) * 2 + 2), 16) >> (i & 7)) & 1) === 1,
  );
  const power = validators.reduce((sum, v, i) => (signed[i] ? sum + BigInt(v.power) : sum), 0n);
  return { signed, power };
}

function proof(reply, certified) {
  if (!reply.finalization)
    return empty(
      reply.header.height === "0"
        ? "Genesis is what everybody starts from: it needs no proof."
        : "No certificate yet.",
    );
  const { set, signed, power } = certified ?? {};
  const last = reply.path.at(-1);
  return [
    facts(
      [
        "Certified",
        last
          ? [
              h("span", null, "with block "),
              block(last.height),
              h("span", { class: "muted" }, `, ${integer(reply.path.length)} above`),
            ]
          : "this block itself",
      ],
      [
        "Signatures",
        set
          ? `${signed.filter(Boolean).length} of ${signed.length} validators`
          : integer(reply.finalization.signatures.length),
      ],
      [
        "Power",
        set ? `${integer(power)} of ${integer(set.totalPower)}; quorum ${integer(set.quorum)}` : null,
      ],
    ),
    set
      ? h(
          "ul",
          { class: "signers", "aria-label": "Validators and whether they signed" },
          signed.map((has, i) =>
            h(
              "li",
              { class: has ? "signed" : "missing" },
              h("span", { class: "mark", "aria-hidden": "true" }, has ? "✓" : "–"),
              h("span", { class: "mono" }, `${set.validators[i].key.slice(0, 12)}…`),
              h("span", { class: "muted" }, has ? "signed" : "not in the certificate"),
            ),
          ),
        )
      : null,
  ];
}

/// What the block did by itself, before its transactions: what fell due, trades, lines of settled intervals.
async function own(height) {
  const list = h("ol", { class: "events", "aria-label": "Events of the block itself" });
  const ask = async (cursor) => {
    const page = await call("event_list", { fromHeight: height, limit: PAGE, ...(cursor && { cursor }) });
    const items = page.items.filter((item) => item.height === height && !item.tx);
    const more = items.length === page.items.length && items.length > 0;
    return { items, nextCursor: more ? page.nextCursor : undefined };
  };
  const more = await growing(ask, list, (item) => line(item.event), "Nothing fell due in this block.");
  return [list.children.length > 0 ? list : null, more];
}

async function details(ids, at) {
  const part = ids.slice(at, at + PAGE);
  const items = await Promise.all(
    part.map((id, i) =>
      call("tx_get", { id }).then(
        (reply) => ({ id, index: at + i, reply }),
        () => ({ id, index: at + i }),
      ),
    ),
  );
  return { items, nextCursor: at + PAGE < ids.length ? at + PAGE : undefined };
}

function drawTx({ id, index, reply }) {
  const body = reply?.tx?.body;
  return row(
    COLUMNS,
    [
      String(index),
      tx(id),
      body ? calls(body.calls) : "–",
      body ? account(body.sender) : "–",
      reply?.receipt ? badge(reply.receipt.code) : "–",
    ],
    id,
  );
}

/// `token.transfer`, or the first of several.
export function calls(list) {
  const names = list.map((c) => (typeof c === "string" ? c : `${c.module}.${c.call}`));
  const parts = (names[0] ?? "–").split(/(?<=[._])/); // may break there
  return h(
    "span",
    { title: names.join(", ") },
    parts.map((part) => [part, h("wbr")]),
    names.length > 1 ? h("span", { class: "muted" }, ` +${names.length - 1}`) : null,
  );
}

// One transaction: where it stands, live until it cannot change any more; what it asked for, what came of it.

import { h, put } from "../dom.js";
import {
  Page,
  account,
  badge,
  block,
  copy,
  empty,
  facts,
  failure,
  hash,
  heading,
  section,
  skeleton,
  time,
} from "../elements.js";
import { lines, money } from "../events.js";
import { integer, words } from "../format.js";
import { json } from "../json.js";
import { call } from "../rpc.js";

const STEPS = ["pending", "included", "finalized"];
// What there is to say of those that came to no block.
const ENDS = {
  expired: () => "It was not included in time, and never will be.",
  superseded: () => "Another transaction took its nonce: it never will be included.",
  dropped: (why) => `This node let it go: ${words(why ?? "no reason given")}. Others may include it until it expires.`,
};
const POLL_MS = [300, 300, 500, 500, 1_000, 2_000];
const UNKNOWN_TRIES = 8; // a transaction that was just sent elsewhere may still be on its way to this node

class Tx extends Page {
  start() {
    this.state = h("div", { class: "tx-state", "aria-live": "polite" });
    this.body = h("div", null, skeleton(10));
    put(
      this,
      heading(
        "Transaction",
        h("span", { class: "heading-id" }, hash(this.dataset.id, "transaction id", true)),
      ),
      this.state,
      this.body,
    );
    this.tries = 0;
    this.look();
  }

  async look() {
    clearTimeout(this.timer);
    try {
      const reply = await call("tx_get", { id: this.dataset.id });
      if (this.gone) return;
      this.present(reply);
      if (["pending", "included", "dropped"].includes(reply.state)) this.later(POLL_MS);
    } catch (error) {
      if (this.gone) return;
      const wait =
        error.code === "not_found"
          ? this.tries < UNKNOWN_TRIES
          : ["unreachable", "busy", "unavailable"].includes(error.code);
      if (!this.drawn)
        put(
          this.body,
          failure(error, () => this.look()),
        );
      if (wait) this.later(error.code === "not_found" ? [500] : POLL_MS);
    }
  }

  later(pauses) {
    this.timer = setTimeout(() => !this.gone && this.look(), pauses[Math.min(this.tries, pauses.length - 1)]);
    this.tries += 1;
  }

  present(reply) {
    const shape = `${reply.state} ${reply.height ?? ""}`;
    if (shape === this.drawn) return;
    this.drawn = shape;
    const end = ENDS[reply.state];
    const reached = STEPS.indexOf(reply.state);
    put(
      this.state,
      badge(reply.state),
      reply.receipt && reply.receipt.code !== "success" ? badge(reply.receipt.code) : null,
      end
        ? h("span", { class: "muted" }, end(reply.reason))
        : h(
            "ol",
            { class: "progress", "aria-hidden": "true" },
            STEPS.map((step, i) => h("li", { class: i <= reached ? "reached" : null }, step)),
          ),
    );
    put(this.body, this.draw(reply));
  }

  draw(reply) {
    const { tx, receipt } = reply;
    const body = tx?.body;
    return [
      h(
        "div",
        { class: "columns even" },
        section(
          "Details",
          facts(
            [
              "Block",
              reply.height
                ? [
                    block(reply.height),
                    reply.index != null
                      ? h("span", { class: "muted" }, `, position ${integer(reply.index)}`)
                      : null,
                  ]
                : "none yet",
            ],
            [
              "Result",
              receipt
                ? [badge(receipt.code), receipt.failedCall != null ? ` at call ${receipt.failedCall}` : null]
                : null,
            ],
            ["Sender", body && account(body.sender, { full: true, copies: true })],
            [
              "Fee payer",
              body &&
                (body.feePayer === body.sender
                  ? h("span", { class: "muted" }, "the sender")
                  : account(body.feePayer, { full: true, copies: true })),
            ],
            [
              "Fee",
              receipt && [
                money(receipt.fee),
                h("span", { class: "muted" }, ` for weight ${integer(receipt.weight)}`),
              ],
            ],
            ["At most", body && money(body.maxFee)],
            ["Tip", body && body.tip !== "0" ? money(body.tip) : null],
            ["Nonce", body && `${integer(body.nonce)} on lane ${body.lane}`],
            ["Valid until", body && time(body.expiresMs, true)],
            ["Signed by", tx?.auths && tx.auths.map((auth) => h("div", null, hash(auth.key, "key")))],
            [
              "Encoding",
              reply.txHex &&
                h(
                  "span",
                  { class: "name" },
                  `${integer(reply.txHex.length / 2)} bytes`,
                  copy(reply.txHex, "the encoded transaction"),
                ),
            ],
          ),
        ),
        section(
          "Events",
          receipt
            ? receipt.events.length > 0
              ? lines(receipt.events)
              : empty("It had no events.")
            : empty("Events come with the block."),
        ),
      ),
      section(
        "Calls",
        body
          ? body.calls.map((one, i) =>
              h(
                "div",
                { class: "call" },
                h("h3", null, `${i + 1}. ${one.module}.${one.call}`),
                json(one.args ?? {}, `Arguments of call ${i + 1}`),
              ),
            )
          : empty("This node kept only the fate of this transaction."),
      ),
    ];
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }
}
customElements.define("wattle-tx", Tx);

// The newest blocks and how fast they come; assets by their id. One copy for all pages.

import { call, live } from "./rpc.js";

const KEPT = 40; // blocks
const FETCHED_MAX = 12; // blocks for each look at the head; on a faster chain some are left out of the list
const QUIET_FACTOR = 6; // idle intervals without a block until a reader is told

/// Newest first: `{height, hash, timeMs, txs, txIds, events, bytes, proposer, finalization, path}`.
export const blocks = [];
export const changes = new EventTarget(); // `blocks` after each change

let params = null;
let fetching = false;

/// A block's answer with what lists need beside it.
export function summary(reply) {
  return {
    height: reply.header.height,
    hash: reply.hash,
    timeMs: reply.header.timeMs,
    txIds: reply.txIds,
    events: reply.eventCount,
    bytes: reply.sizeBytes,
    proposer: reply.header.proposer,
    epoch: reply.header.epoch,
    finalization: reply.finalization,
    path: reply.path,
  };
}

/// Several blocks by height; those that this node no longer has are left out.
export async function fetchBlocks(heights) {
  const answers = await Promise.allSettled(
    heights.map((height) => call("chain_getBlock", { height: String(height) })),
  );
  const failed = answers.find(
    (a) => a.status === "rejected" && !["not_found", "pruned"].includes(a.reason.code),
  );
  if (failed) throw failed.reason;
  return answers.filter((a) => a.status === "fulfilled").map((a) => summary(a.value));
}

live.addEventListener("head", async ({ detail: status }) => {
  if (fetching) return;
  fetching = true;
  try {
    await follow(BigInt(status.height));
  } catch {
    // The next look asks again; a node that is gone is told by the connection.
  } finally {
    fetching = false;
  }
});

async function follow(head) {
  const newest = blocks.length > 0 ? BigInt(blocks[0].height) : -1n;
  if (head < newest) blocks.length = 0; // another chain at the same place
  const want = blocks.length > 0 ? FETCHED_MAX : KEPT;
  const heights = [];
  for (let height = head; height > newest && height >= 0n && heights.length < want; height -= 1n)
    heights.push(height);
  if (heights.length === 0) return;
  blocks.unshift(...(await fetchBlocks(heights)));
  blocks.length = Math.min(blocks.length, KEPT);
  changes.dispatchEvent(new Event("blocks"));
}

/// Blocks and transactions for each second, over the blocks at hand.
export function rates() {
  const seen = blocks.filter((block) => block.height !== "0"); // genesis is as old as the chain's file
  if (seen.length < 2) return { blocks: NaN, txs: NaN };
  const seconds = Number(BigInt(seen[0].timeMs) - BigInt(seen.at(-1).timeMs)) / 1000;
  const rate = Number(BigInt(seen[0].height) - BigInt(seen.at(-1).height)) / seconds;
  const counted = seen.slice(0, -1);
  const txs = counted.reduce((sum, block) => sum + block.txIds.length, 0);
  return { blocks: rate, txs: (rate * txs) / counted.length };
}

/// How long without a block is long, ms: idle chains make them slowly.
export async function quietMs() {
  params ??= call("chain_getParams").then((reply) => reply.params);
  params.catch(() => (params = null));
  return QUIET_FACTOR * Number((await params).idleIntervalMs) + 5_000;
}

const assets = new Map();

/// An asset's `{id, symbol, scale, issuer, supply}` as last asked; symbol and scale never change.
export function asset(id) {
  const key = String(id);
  if (!assets.has(key)) {
    const asked = call("token_getAsset", { asset: key });
    asked.catch(() => assets.delete(key));
    assets.set(key, asked);
  }
  return assets.get(key);
}

// Power from counters. A meter tells how much it has counted so far, in whole Wh; what flows is the difference of two
// readings over the time between them. Readings that follow each other closely differ by a few Wh only, so the older
// one is at least a minute back.

import { call, live } from "./rpc.js";

const WINDOW_MS = 60_000n; // least time between the two readings
const KEPT = 120; // readings of a meter
const FETCHED = 20; // readings of a meter at first: enough to tell what flows
const CHARTED = 80; // and for a chart
const METERS_MAX = 40; // whose past readings are asked for; others are known from their next reading on
const SILENT_FACTOR = 5n; // a meter that has said nothing for so many windows counts as silent

const meters = new Map(); // address -> {meter, readings oldest first}
export const changes = new EventTarget(); // `readings` when one has come

live.addEventListener("event", ({ detail }) => {
  const event = detail.event;
  if (event.type !== "reading_accepted" || !meters.has(event.meter)) return;
  note(event.meter, { ...event, blockTimeMs: detail.timeMs });
  changes.dispatchEvent(new CustomEvent("readings", { detail: event }));
});

/// Begins to follow readings; once for all pages.
export function follow() {
  live.subscribe(["reading_accepted"]);
}

function note(address, reading) {
  const readings = meters.get(address).readings;
  if (readings.length > 0 && BigInt(readings.at(-1).seq) >= BigInt(reading.seq)) return;
  readings.push(reading);
  if (readings.length > KEPT) readings.shift();
}

/// All meters of a microgrid, up to `max`, with their newest readings.
export async function load(microgrid, max = 200) {
  const listed = [];
  let cursor;
  do {
    const page = await call("energy_listMeters", { microgrid, limit: 200, ...(cursor && { cursor }) });
    listed.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor && listed.length < max);
  const fresh = listed.filter((meter) => !meters.has(meter.address));
  for (const meter of fresh) meters.set(meter.address, { meter, readings: [] });
  const asked = fresh.slice(0, METERS_MAX).map((meter) => past(meter.address, FETCHED));
  await Promise.allSettled(asked); // a node without the index still tells new readings
  for (const meter of listed) meters.get(meter.address).meter = meter;
  return listed.map((meter) => meter.address);
}

/// Asks for as many past readings of a meter as a chart needs.
export async function deepen(address) {
  if (meters.get(address).deep) return;
  meters.get(address).deep = true;
  await past(address, CHARTED).catch(() => {}); // as above
}

async function past(address, limit) {
  const page = await call("energy_listReadings", { meter: address, limit });
  const newer = meters.get(address).readings;
  meters.get(address).readings = [];
  for (const reading of [...page.items.reverse(), ...newer]) note(address, reading);
}

/// What is known of a meter: its last reading, and the import and export power in W, or `null` before there are two.
export function state(address) {
  const { meter, readings } = meters.get(address);
  const last = readings.at(-1) ?? (meter.seq !== "0" ? meter : null);
  return { meter, last, readings, flow: flow(readings) };
}

/// Power over the newest window of at least `windowMs`.
export function flow(readings, windowMs = WINDOW_MS) {
  const last = readings.at(-1);
  if (!last) return null;
  const before = readings.slice(0, -1).reverse();
  const first = before.find((r) => BigInt(last.timeMs) - BigInt(r.timeMs) >= windowMs) ?? before.at(-1);
  return first ? between(first, last) : null;
}

/// Mean power between two readings.
export function between(first, last) {
  const ms = BigInt(last.timeMs) - BigInt(first.timeMs);
  if (ms <= 0n) return null; // the light node's clock was set back
  const watts = (counter) => Number(((BigInt(last[counter]) - BigInt(first[counter])) * 3_600_000n) / ms);
  return { import: watts("importWh"), export: watts("exportWh"), spanMs: Number(ms), timeMs: last.timeMs };
}

/// Whether a meter has been silent for long, by the chain's clock.
export function silent(address, nowMs) {
  const { last, readings } = state(address);
  if (!last || readings.length < 2) return false;
  const usual = BigInt(last.timeMs) - BigInt(readings.at(-2).timeMs);
  const window = usual > WINDOW_MS ? usual : WINDOW_MS;
  return BigInt(nowMs) - BigInt(last.blockTimeMs) > SILENT_FACTOR * window;
}

/// Sums over meters: import and export in W, and how many meters there are figures of.
export function total(addresses, nowMs) {
  const sum = { import: 0, export: 0, known: 0, parts: [] };
  for (const address of addresses) {
    if (meters.get(address).meter.role === "feeder") continue; // what it shows flows through the others as well
    const now = state(address).flow;
    if (!now || silent(address, nowMs)) continue;
    sum.import += now.import;
    sum.export += now.export;
    sum.known += 1;
    sum.parts.push({ address, ...now });
  }
  return sum;
}

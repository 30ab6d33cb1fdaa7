// How figures look. On-chain integers come as decimal strings and stay integers: BigInt, never Number.

/// A decimal string as BigInt; `null` when it is none.
export function big(text) {
  return /^-?\d{1,80}$/.test(String(text)) ? BigInt(text) : null;
}

/// An integer with its thousands apart.
export function integer(value) {
  const number = big(value);
  return number === null ? "–" : number.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/// Base units as a decimal number with `scale` places, at least two of them shown.
export function amount(units, scale) {
  const number = big(units);
  if (number === null) return "–";
  const places = Number(scale) || 0;
  const digits = (number < 0n ? -number : number).toString().padStart(places + 1, "0");
  const whole = integer(digits.slice(0, digits.length - places));
  const least = Math.min(places, 2);
  const part = digits
    .slice(digits.length - places)
    .replace(/0+$/, "")
    .padEnd(least, "0");
  return `${number < 0n ? "−" : ""}${whole}${places && part ? `.${part}` : ""}`;
}

/// Watt-hours as kWh.
export function energy(wattHours) {
  const number = big(wattHours);
  if (number === null) return "–";
  const digits = number.toString().padStart(4, "0");
  return `${integer(digits.slice(0, -3))}.${digits.slice(-3)} kWh`;
}

/// Watts, with a fitting prefix.
export function power(watts) {
  const value = Number(watts);
  const steps = [
    [1e9, "GW"],
    [1e6, "MW"],
    [1e3, "kW"],
  ];
  const [unit, name] = steps.find(([least]) => Math.abs(value) >= least) ?? [1, "W"];
  const scaled = value / unit;
  return `${scaled.toFixed(unit === 1 || Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2)} ${name}`;
}

/// A rate for each second.
export function rate(value) {
  if (!Number.isFinite(value)) return "–";
  return value >= 100 ? integer(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2);
}

/// A long name with its middle left out; an address keeps what tells it apart.
export function brief(text, head = 8, tail = 6) {
  const name = String(text);
  const lead = name.startsWith("wat1") ? head + 2 : head;
  return name.length > lead + tail + 1 ? `${name.slice(0, lead)}…${name.slice(-tail)}` : name;
}

/// Bytes, for people.
export function bytes(count) {
  const value = Number(count);
  return value < 1024
    ? `${value} B`
    : value < 1048576
      ? `${(value / 1024).toFixed(1)} KiB`
      : `${(value / 1048576).toFixed(1)} MiB`;
}

/// A span of time.
export function span(ms) {
  const seconds = Math.round(Number(ms) / 1000);
  if (Math.abs(Number(ms)) < 1000) return `${Number(ms)} ms`;
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const APART_MIN_MS = 60_000; // less is what clocks differ by
const GOES_ON_MS = 2_000; // so long after its newest block a fast chain's clock is taken to run on

let newest = null; // {height, ms, at}: the newest block, its time, and when it was seen here
let apart = false; // whether the chain's clock is another one than this machine's
let pace = 1; // how many times as fast it runs

/// Tells of the newest block. A devnet's clock may run fast, and ahead of or behind this machine's: what is past then
/// counts from there. That it is behind, and not merely without new blocks, shows with the second block that is seen.
export function chainTime({ height, timeMs, syncing }, at = Date.now()) {
  const now = { height: BigInt(height), ms: Number(timeMs), at };
  const off = Math.abs(now.ms - at) > APART_MIN_MS;
  if (newest && now.height > newest.height && at > newest.at) {
    apart = off && !syncing;
    const measured = (now.ms - newest.ms) / (at - newest.at);
    pace = measured > 0.5 && measured < 2 ? 1 : Math.max(0, measured);
    newest = now;
  } else if (!newest || now.height !== newest.height) {
    apart = off && now.ms > at; // no block is of the future
    pace = 1;
    newest = now;
  }
}

/// Now, by the chain's clock.
export function chainNow(now = Date.now()) {
  if (!apart) return now;
  const passed = Math.max(0, now - newest.at);
  return newest.ms + Math.min(passed, GOES_ON_MS) * pace + Math.max(0, passed - GOES_ON_MS);
}

/// How long ago, or how long until.
export function relative(ms, now = chainNow()) {
  const passed = now - Number(ms);
  if (Math.abs(passed) < 1500) return "just now";
  return passed > 0 ? `${span(passed - (passed % 1000))} ago` : `in ${span(-passed)}`;
}

/// Local date and time to the second.
export function absolute(ms) {
  const date = new Date(Number(ms));
  if (Number.isNaN(date.getTime())) return "–";
  const two = (n) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/// UTC, as machines write it.
export function iso(ms) {
  const date = new Date(Number(ms));
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

/// `snake_case` as words.
export function words(code) {
  return String(code).replaceAll("_", " ");
}

/// One value of a CSV file. What a spreadsheet would take for a formula is kept text.
export function csv(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

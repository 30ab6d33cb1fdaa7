// The node's JSON-RPC: questions by POST, gathered into batches, and one WebSocket that shows the chain live.

import { chainTime } from "./format.js";

const BATCH_MAX = 50; // calls; the node takes 100
const TIMEOUT_MS = 15_000;
const TICK_MS = 1_000; // between two looks at the head
const TICK_HIDDEN_MS = 10_000; // while nobody looks at the page
const ANSWER_MS = 6_000; // a socket that owes an answer for longer is taken for dead
const RETRY_MS = [400, 800, 1_500, 3_000, 5_000, 8_000];

/// Why there is no answer. `code` is the stable string of the interface, or `unreachable`.
export class RpcError extends Error {
  constructor(code, message, data = {}) {
    super(message);
    this.code = code;
    this.data = data;
  }

  static of(error) {
    return new RpcError(
      String(error?.data?.code ?? "internal"),
      String(error?.message ?? "no reason given"),
      error?.data,
    );
  }
}

let waiting = [];
let lastId = 0;

/// Asks; what is asked within one turn travels together.
export function call(method, params = {}) {
  return new Promise((resolve, reject) => {
    if (waiting.length === 0) queueMicrotask(flush);
    lastId += 1;
    waiting.push({ request: { jsonrpc: "2.0", id: lastId, method, params }, resolve, reject });
  });
}

/// As `call`, with `null` for what is not there.
export async function find(method, params) {
  try {
    return await call(method, params);
  } catch (error) {
    if (error.code === "not_found") return null;
    throw error;
  }
}

function flush() {
  const all = waiting;
  waiting = [];
  for (let at = 0; at < all.length; at += BATCH_MAX) send(all.slice(at, at + BATCH_MAX));
}

async function send(calls) {
  try {
    const response = await fetch("/rpc", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(calls.map((c) => c.request)),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answers = await response.json();
    // A batch that is refused as a whole has one answer, without an id.
    if (!Array.isArray(answers)) throw RpcError.of(answers?.error);
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    for (const { request, resolve, reject } of calls) {
      const answer = byId.get(request.id);
      if (answer && "result" in answer) resolve(answer.result);
      else reject(RpcError.of(answer?.error));
    }
  } catch (error) {
    const reason =
      error instanceof RpcError ? error : new RpcError("unreachable", "the node does not answer");
    for (const { reject } of calls) reject(reason);
  }
}

/// The connection that everything live hangs on.
///
/// Events: `state` when it comes or goes, `head` with each status of the chain, `event` with each chain event that
/// somebody subscribed to.
class Live extends EventTarget {
  state = "connecting"; // then `live` or `lost`
  status = null;
  retryAt = 0;

  #socket = null;
  #tries = 0;
  #retry = 0;
  #tick = 0;
  #deadline = 0;
  #asked = new Map();
  #filter = null;

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => document.hidden || this.#look());
    window.addEventListener("online", () => this.connect());
  }

  /// Connects now, whatever the schedule says.
  connect() {
    if (this.state === "live") return;
    clearTimeout(this.#retry);
    this.#socket?.close();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/rpc`);
    this.#socket = socket;
    this.#arm();
    socket.addEventListener("open", () => this.#look());
    socket.addEventListener("message", (message) => socket === this.#socket && this.#heard(message.data));
    socket.addEventListener("close", () => socket === this.#socket && this.#lost());
  }

  /// Events of these types come from now on, also after the connection was lost and found again.
  subscribe(types) {
    this.#filter = { types };
    if (this.state === "live") this.#ask("event_subscribe", { filter: this.#filter });
  }

  #ask(method, params = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    lastId += 1;
    this.#asked.set(lastId, method);
    this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id: lastId, method, params }));
    this.#arm();
  }

  #arm() {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#lost(), ANSWER_MS);
  }

  #look() {
    clearTimeout(this.#tick);
    this.#ask("chain_status");
  }

  #heard(text) {
    const message = JSON.parse(text);
    if (message.method === "event_subscription") {
      const result = message.params?.result;
      if (result?.event) this.#tell("event", result);
      else if (result?.error) this.#ask("event_subscribe", { filter: this.#filter });
      return;
    }
    const method = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (this.#asked.size === 0) clearTimeout(this.#deadline);
    if (method !== "chain_status" || !message.result) return;
    this.status = message.result;
    chainTime(this.status);
    this.#tick = setTimeout(() => this.#look(), document.hidden ? TICK_HIDDEN_MS : TICK_MS);
    if (this.state !== "live") {
      this.#become("live");
      if (this.#filter) this.#ask("event_subscribe", { filter: this.#filter });
    }
    this.#tell("head", this.status);
  }

  #lost() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#asked.clear();
    clearTimeout(this.#tick);
    clearTimeout(this.#deadline);
    const wait = RETRY_MS[Math.min(this.#tries, RETRY_MS.length - 1)];
    this.#tries += 1;
    this.retryAt = Date.now() + wait;
    this.#retry = setTimeout(() => this.connect(), wait);
    this.#become("lost");
  }

  #become(state) {
    if (state === "live") this.#tries = 0;
    this.state = state;
    this.#tell("state", state);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export const live = new Live();

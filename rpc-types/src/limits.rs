//! Every limit of the interface in one place. A request beyond one is refused with a typed error.

use std::time::Duration;

/// Most bytes of a request body or WebSocket message.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most calls in one batch.
pub const BATCH_CALLS_MAX: usize = 100;
/// Most bytes of a response; a batch's answers count together.
pub const RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of a WebSocket message: long batches go over HTTP.
pub const WEBSOCKET_BYTES_MAX: usize = 256 * 1024;
/// Request bodies up to this size need no share of [`BODIES_BYTES_SHARED`].
pub const BODY_BYTES_FREE: usize = 64 * 1024;
/// Most bytes of larger request bodies, all connections together.
pub const BODIES_BYTES_SHARED: usize = 64 * 1024 * 1024;
/// Answers up to this size need no share of [`ANSWERS_BYTES_SHARED`].
pub const ANSWER_BYTES_FREE: usize = 256 * 1024;
/// Most bytes of larger answers that are made or wait to be taken, all connections together.
pub const ANSWERS_BYTES_SHARED: usize = 64 * 1024 * 1024;
/// Most connections at once, HTTP and WebSocket together. When all are taken, the one that has kept the node waiting
/// longest makes room; when all are at work, a newcomer is told `busy`.
pub const CONNECTIONS_MAX: usize = 256;
/// Most connections of one address (IPv6: of one /64). Does not count for loopback.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 64;
/// Most connections at once of the admin socket.
pub const ADMIN_CONNECTIONS_MAX: usize = 16;
/// Most WebSocket connections at once, so that plain requests always find a place.
pub const WEBSOCKETS_MAX: usize = 192;
/// Most subscriptions of one WebSocket connection.
pub const SUBSCRIPTIONS_MAX: usize = 8;
/// Most calls at work at once in the blocking pool, beside those of [`LISTING_CALLS_MAX`].
pub const BLOCKING_CALLS_MAX: usize = 16;
/// Most calls at work at once that answer with part of a list: one may look at far more than it answers.
pub const LISTING_CALLS_MAX: usize = 8;
/// Most notifications that wait for one WebSocket connection; one holds a single event.
pub const NOTIFICATIONS_MAX: usize = 32;
/// Most transactions in one `tx_submitBatch`.
pub const SUBMIT_BATCH_MAX: usize = 100;
/// Items in a page when the client does not say.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;
/// Most items in a page.
pub const PAGE_ITEMS_MAX: u32 = 200;
/// Most events fetched from the backend in one turn.
pub const EVENTS_FETCH_MAX: u32 = 256;
/// Most heights that the backend looks at in one turn, even where there are no events.
pub const EVENTS_FETCH_HEIGHTS_MAX: u64 = 256;
/// Most turns of one `event_list`; a page that stops here says `truncated`.
pub const LIST_TURNS_MAX: usize = 160;
/// Most threads that read events for subscriptions and `event_list`; fewer where that is more than half of the
/// machine's. They are none of those of calls.
pub const EVENT_READERS_MAX: usize = 4;
/// Most events looked at for one `event_list`; a page that stops here says `truncated`.
pub const EVENTS_SCAN_MAX: usize = 10_000;
/// Heights by which a subscription that was live may fall behind before it is told `lagged` and skips ahead.
pub const SUBSCRIPTION_LAG_HEIGHTS_MAX: u64 = 256;
/// Most entries in each list of an event filter.
pub const FILTER_ITEMS_MAX: usize = 64;
/// Most bytes of a search text.
pub const SEARCH_BYTES_MAX: usize = 128;
/// Most bytes of a state key in `account_getProof`.
pub const STATE_KEY_BYTES_MAX: usize = 256;
/// Most bytes of a log filter.
pub const LOG_FILTER_BYTES_MAX: usize = 1024;
/// How long an operator's ban lasts unless said otherwise, in s.
pub const BAN_SECONDS_DEFAULT: u32 = 3600;
/// Longest ban by an operator, in s: a year.
pub const BAN_SECONDS_MAX: u32 = 365 * 24 * 3600;
/// Most bytes of request headers.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Time to send the headers of a connection's first request.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept, and time to send the headers of later requests. Longer than clients keep one
/// that they do not use (hyper's 90 s): whoever asks while it is being closed cannot tell what became of the request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Time to send a request's body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the work on one message, all calls of a batch together.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may leave bytes that it is owed, beyond the time they take at [`READ_BYTES_PER_SECOND_MIN`].
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Slowest that a client may read for long: a quarter of a line of 64 kbit/s.
pub const READ_BYTES_PER_SECOND_MIN: u64 = 2 * 1024;
/// How often a WebSocket is pinged.
pub const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long a WebSocket may be silent, pongs included.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long open requests get when the server stops.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

const _: () = assert!(WEBSOCKETS_MAX < CONNECTIONS_MAX, "plain requests need a place");
const _: () = assert!(RESPONSE_BYTES_MAX <= ANSWERS_BYTES_SHARED, "the longest answer can be given");
const _: () = assert!(BODY_BYTES_MAX <= BODIES_BYTES_SHARED, "the longest body can be taken");
const _: () = assert!(
    WEBSOCKET_BYTES_MAX >= 2 * wattle_primitives::tx::TX_BYTES_MAX + 1024,
    "a transaction fits in hex"
);
const _: () = assert!(
    LIST_TURNS_MAX as u64 * EVENTS_FETCH_HEIGHTS_MAX == 40_960,
    "the heights that docs/rpc.md promises for `event_list`"
);
const _: () = assert!(PAGE_ITEMS_DEFAULT <= PAGE_ITEMS_MAX, "the default is allowed");

//! Fuzz targets: one function for each decoder that faces a peer, a client, a meter or a disk.
//!
//! Each takes any bytes and checks more than that nothing panics: what decodes encodes back to the same bytes, memory
//! stays in proportion to the input, and two ways to the same verdict agree. The programs in `fuzz_targets/` hand them
//! to libFuzzer; the test below replays the committed corpus without it.
//!
//! ```text
//! codec    round trip and memory of everything borsh      frames   streams of frames, cut anywhere
//! verify   certificates, light blocks, proofs, batches    text     TOML, JSON, addresses, amounts
//! rpc      the JSON-RPC envelope and every method         disk     log, sign state, keys, queue
//! modbus   answers of a meter                             world    a small chain to be real about
//! ```
//! How to run them: `docs/fuzzing.md`.

mod codec;
pub mod disk;
mod frames;
pub mod heap;
mod modbus;
mod rpc;
mod text;
mod verify;
pub mod world;

/// The targets by name.
pub mod targets {
    pub use crate::codec::{block, gossip, header, hello, request, response, tx, validator_message, vote};
    pub use crate::disk::{key_file, meter_queue, sign_state, wal};
    pub use crate::frames::{frames, validator_stream};
    pub use crate::modbus::modbus;
    pub use crate::rpc::rpc;
    pub use crate::text::{
        amount, calls_json, checkpoint, genesis_toml, light_config, meter_profile, node_config, text,
    };
    pub use crate::verify::{certificate, light_block, list_proof, signatures, state_proof};
}

/// A target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

macro_rules! table {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), targets::$name)),*] };
}

/// Every target, by name.
pub const TARGETS: &[Target] = table![
    amount,
    block,
    calls_json,
    certificate,
    checkpoint,
    frames,
    genesis_toml,
    gossip,
    header,
    hello,
    key_file,
    light_block,
    light_config,
    list_proof,
    meter_profile,
    meter_queue,
    modbus,
    node_config,
    request,
    response,
    rpc,
    sign_state,
    signatures,
    state_proof,
    text,
    tx,
    validator_message,
    validator_stream,
    vote,
    wal,
];

#[cfg(test)]
#[path = "corpus_tests.rs"]
mod tests;

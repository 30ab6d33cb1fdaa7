//! A peer that asks for blocks as often at once as it may and never reads an answer, for `scripts/site`.
//!
//! `reader <address that ends in a peer id> <genesis hash>` goes on until it is killed, each minute under a new
//! identity.

#![expect(clippy::unwrap_used, reason = "it ends at the first surprise")]

#[path = "../tests/e2e/hostile/attacker.rs"]
#[expect(dead_code, reason = "what only tests use")]
mod attacker;

use attacker::{Attacker, Target};
use std::time::Duration;
use wattle_p2p::framing;
use wattle_p2p::wire::{Request, SYNC_BYTES_MAX};
use wattle_primitives::Height;

/// Questions at once: those of one peer that are answered.
const QUESTIONS: usize = 16;
/// How long its streams are held: a node lets go of an answer that it cannot write after twice as long.
const HOLD: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, genesis] = &words[..] else { panic!("reader <address> <genesis hash>") };
    let target = Target::new(address, genesis.parse().unwrap());
    let protocol = target.protocol("request/1");
    let bytes = u32::try_from(SYNC_BYTES_MAX).unwrap();
    let question = Request::Blocks { from: Height(1), count: 128, bytes };
    loop {
        let mut reader = Attacker::connect(&target);
        let mut unread = Vec::new();
        if reader.greet().await {
            while unread.len() < QUESTIONS
                && let Some(mut stream) = reader.open(&protocol).await
                && framing::write(&mut stream, &question).await.is_ok()
            {
                unread.push(stream);
            }
        }
        println!("{} questions asked", unread.len());
        tokio::time::sleep(HOLD).await;
    }
}

//! Answers to peers and clients: from what the driver holds, or by handing the question on where an answer takes long.

use super::{Answer, Driver, DriverStatus, Effect, Fate, Question};
use crate::work::Token;
use std::sync::Arc;
use wattle_consensus::Core;
use wattle_p2p::PeerId;
use wattle_p2p::wire::{ErrorCode, Request, Response, Status, SyncBlock, TxFate};
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::{BoundedVec, Hash, Tx, View, planted};

impl Driver {
    /// A peer asks.
    pub(super) fn on_request(&mut self, token: Token, peer: PeerId, request: Request) {
        let response = match request {
            Request::Status => Response::Status(self.wire_status()),
            Request::Heard => Response::Heard(self.numbers()),
            Request::Reached => self.reached(),
            Request::Certificates { epoch, above_view, max } => {
                let core = self.current.core.as_ref().filter(|_| epoch == self.current.epoch);
                let to = View(above_view.0.saturating_add(u64::from(max)));
                let mut certificates = core.map_or_else(Vec::new, |c| c.certificates(above_view.next(), to));
                certificates.truncate(wattle_p2p::wire::CERTIFICATES_MAX);
                if certificates.is_empty() && !planted!("empty-certificates-served") {
                    Response::error(ErrorCode::NotFound, "")
                } else {
                    Response::Certificates(BoundedVec::new(certificates).unwrap_or_default())
                }
            }
            Request::BlockByHash { hash, offset, bytes } => {
                // A block is encoded for each part of it, which takes milliseconds: not here, where votes wait.
                return match self.tree.get(&hash).filter(|e| e.block.fault.is_none()) {
                    Some(entry) if planted!("parts-made-among-votes") => {
                        let block = SyncBlock { block: entry.block.block.clone(), certificate: None };
                        self.emit(Effect::Respond { token, response: block.answer(offset, bytes) });
                    }
                    Some(entry) => {
                        let block = Arc::clone(&entry.block);
                        self.emit(Effect::ServeHeld { token, block, offset, bytes });
                    }
                    None => self.emit(Effect::Serve { token, request }),
                };
            }
            Request::SubmitTx(tx) => return self.on_peer_submit(token, peer, *tx),
            Request::TxStatus(id) => match self.txs.fate(&id) {
                Fate::Unknown | Fate::Dropped(_) => return self.emit(Effect::Serve { token, request }),
                Fate::Pending => Response::TxStatus(TxFate::Pending),
                Fate::Included { height } => Response::TxStatus(TxFate::Included { height }),
                Fate::Expired => Response::TxStatus(TxFate::Expired),
                Fate::Superseded => {
                    Response::TxStatus(TxFate::Rejected { code: wattle_p2p::wire::Text::new("nonce_used") })
                }
            },
            Request::Blocks { .. }
            | Request::LightBlock { .. }
            | Request::EpochProof { .. }
            | Request::Proof { .. }
            | Request::Account(_) => return self.emit(Effect::Serve { token, request }),
        };
        self.emit(Effect::Respond { token, response });
    }

    /// Where this node stands, as far as it is on disk: an answer is a promise.
    fn wire_status(&self) -> Status {
        let pending = self.backlog.queue.front().map(|c| c.block.header());
        Status {
            height: pending.map_or(self.tree.height(), |h| h.height.prev().unwrap_or_default()),
            hash: pending.map_or(self.tree.hash, |h| h.parent),
            epoch: self.current.epoch,
            view: self.current.core.as_ref().map_or(View::ZERO, |c| c.status().view),
            version: PROTOCOL_VERSION,
            syncing: self.behind().is_syncing(),
        }
    }

    /// A client asks.
    pub(super) fn on_question(&mut self, token: Token, question: Question) {
        let answer = match question {
            Question::TxFate(id) => Answer::TxFate(self.txs.fate(&id)),
            Question::Tx(id) => Answer::Tx(self.unfinalized_tx(&id).map(Box::new)),
            Question::NextNonce(address, lane) => {
                let next = wattle_runtime::query::nonce(&self.tree.state, &address, lane);
                Answer::NextNonce(self.txs.next_nonce(&address, lane, next))
            }
            Question::Status => Answer::Status(Box::new(self.status())),
        };
        self.emit(Effect::Answer { token, answer });
    }

    /// A transaction that waits, or stands in a block that is not in the database yet.
    fn unfinalized_tx(&self, id: &Hash) -> Option<Tx> {
        let blocks =
            self.tree.iter().map(|(_, e)| &e.block).chain(self.backlog.queue.iter().map(|c| &c.block));
        let included = || blocks.flat_map(|b| &b.txs).find(|tx| tx.id() == *id).map(|tx| tx.tx().clone());
        self.txs.waiting(id).or_else(included)
    }

    /// Consensus, mempool and synchronization at a glance.
    #[must_use]
    pub fn status(&self) -> DriverStatus {
        let params = self.schedule.params();
        let core = self.current.core.as_ref();
        let seen = core.map(Core::status);
        let leader = core.and_then(|c| self.current.set.get(c.leader(c.status().view))).map(|v| v.key);
        let (mempool_txs, mempool_bytes) = self.txs.size();
        DriverStatus {
            epoch: self.current.epoch,
            view: core.map_or(View::ZERO, |c| c.status().view),
            leader,
            voting: core.is_some(),
            height: self.tree.height(),
            certified_height: seen.as_ref().map_or(self.tree.height(), |s| s.certified.1),
            view_age_ms: self.mono.since(self.entered_at),
            leader_timeout_ms: seen.as_ref().map_or(params.leader_timeout_ms, |s| s.leader_timeout_ms),
            advance_timeout_ms: seen.as_ref().map_or(params.advance_timeout_ms, |s| s.advance_timeout_ms),
            best_peer_height: self.peers.proven(),
            syncing: self.behind().is_syncing(),
            quorum: self.quorum(),
            unfinalized: self.tree.len(),
            commit_backlog: self.backlog.queue.len(),
            low_space: self.low_space,
            clock_carried: self.clock.is_carried(),
            new_disk: self.newcomer.is_barred(),
            mempool_txs,
            mempool_bytes,
            nullifications: self.nullifications,
            peers: self.peers.len(),
        }
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;

//! Checks of a directory after a power cut: the node's own recovery runs on it, and nothing that the node
//! had promised is gone, nor can it sign against any vote that was free to leave.

use super::disk::Image;
use super::recording::{Claim, Recording};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wattle_consensus::Record;
use wattle_host::dir::OsDir;
use wattle_node::home::{Place, StorageSection};
use wattle_node::journal::{Order, Syncs, Voting};
use wattle_node::run::storage::{Opened, open};
use wattle_node::signer::{DataDir, Signer};
use wattle_node::work::{Done, Token};
use wattle_primitives::vote::Proposal;
use wattle_primitives::{BlockId, Epoch, Hash, Header, Height, Round, ValidatorIndex, View, Vote};
use wattle_runtime::Store;

/// Transactions, newest first, that are looked up in each image.
const TXS_CHECKED: usize = 8;
/// Every so many images are opened a second time.
const OPENED_AGAIN: usize = 5;
/// Block hash that nobody proposed.
const OTHER: Hash = Hash([0xa5; 32]);

/// Where images are put: in memory if there is such a place.
pub(super) fn image_dir() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

/// The truth that a check compares with.
pub(super) struct Promises<'a> {
    pub(super) recording: &'a Recording,
    pub(super) claims: &'a [(usize, Claim)],
}

impl<'a> Promises<'a> {
    /// Promises before operation `at`.
    pub(super) fn before(recording: &'a Recording, at: usize) -> Self {
        let count = recording.claims.partition_point(|(before, _)| *before < at);
        Self { recording, claims: &recording.claims[..count] }
    }

    fn votes(&self) -> impl DoubleEndedIterator<Item = &Vote> {
        self.claims.iter().filter_map(|(_, claim)| match claim {
            Claim::Vote(vote) => Some(vote),
            _ => None,
        })
    }

    /// Puts the image into a directory and lets the node recover it; the round that the database covers.
    ///
    /// # Errors
    /// A rule that a directory breaks.
    pub(super) fn hold_in(&self, image: &Image) -> Result<Round, String> {
        let dir = image_dir();
        image.write(dir.path());
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.check(dir.path())));
        checked.unwrap_or_else(|_| Err("recovery panics".to_owned()))
    }

    fn check(&self, home: &Path) -> Result<Round, String> {
        let place = place(home);
        self.sign_state_alone(&place.sign_dir)?;
        let opened = reopen(&place, self.recording)?;
        let tip = opened.found.header.clone();
        self.committed(opened.store.as_ref(), &tip)?;
        let mut voting = opened.voting.ok_or("no journal")?;
        self.log_alone(&voting, opened.store.as_ref(), &tip)?;
        self.signs_nothing_else(&mut voting)?;
        drop((voting, opened.store));
        if !self.claims.len().is_multiple_of(OPENED_AGAIN) {
            return Ok(covered(&tip));
        }
        let again = reopen(&place, self.recording).map_err(|e| format!("opened again: {e}"))?;
        if again.found.header != tip {
            return Err("recovery gives another tip the second time".to_owned());
        }
        Ok(covered(&tip))
    }

    /// The sign state's promise: it knows every vote that left, whatever becomes of the log.
    fn sign_state_alone(&self, dir: &Path) -> Result<(), String> {
        if self.votes().next().is_none() {
            return Ok(());
        }
        let dir = OsDir::open(dir).map_err(|e| text(&e))?;
        let signer = Signer::open(dir, self.recording.chain, self.recording.key(), DataDir::InUse)
            .map_err(|e| format!("sign state: {}", text(&e)))?;
        let forgotten = self
            .votes()
            .rev()
            .find(|vote| signer.state().last(vote.kind()).is_none_or(|last| last.round < vote.round()));
        match forgotten {
            Some(vote) => Err(format!("the sign state has forgotten {vote:?}")),
            None => Ok(()),
        }
    }

    /// Everything that clients were told is in the database.
    fn committed(&self, store: &dyn Store, tip: &Header) -> Result<(), String> {
        let mut told = Height::ZERO;
        for (_, claim) in self.claims.iter().rev() {
            if let Claim::Final { height, hash, state_root } = claim
                && *height > told
            {
                let header = store.header(BlockId::Height(*height)).map_err(|e| text(&e))?;
                let header = header.ok_or_else(|| format!("LOST: height {height} was final"))?;
                if (header.hash(), header.state_root) != (*hash, *state_root) {
                    return Err(format!("height {height} is another block"));
                }
                told = *height;
                break; // the chain below is walked next
            }
        }
        if tip.height < told {
            return Err(format!("LOST: height {told} was final, the tip is {}", tip.height));
        }
        chain_is_whole(store, tip)?;
        let txs = self.claims.iter().rev().filter_map(|(_, claim)| match claim {
            Claim::Tx { id, height, index } => Some((id, height, index)),
            _ => None,
        });
        for (id, height, index) in txs.take(TXS_CHECKED) {
            let found = store.tx(id).map_err(|e| text(&e))?;
            if found.is_none_or(|at| (at.height, at.index) != (*height, *index)) {
                return Err(format!("LOST: transaction {id} was final at height {height}"));
            }
        }
        Ok(())
    }

    /// The log's promise: it has every vote above the committed tip, and the body of every block voted for.
    fn log_alone(
        &self,
        voting: &Voting<OsDir, OsDir>,
        store: &dyn Store,
        tip: &Header,
    ) -> Result<(), String> {
        let covered = covered(tip);
        let logged: BTreeSet<Vec<u8>> = voting
            .records
            .iter()
            .filter_map(|r| if let Record::Vote(signed) = r { Some(bytes_of(&signed.vote)) } else { None })
            .collect();
        let bodies: BTreeSet<Hash> = voting.bodies.iter().map(|block| block.header.hash()).collect();
        for vote in self.votes().rev().take_while(|vote| vote.round() > covered) {
            if !logged.contains(&bytes_of(vote)) {
                return Err(format!("the log has forgotten {vote:?}, committed is {covered}"));
            }
            if let Vote::Notarize(proposal) = vote
                && !bodies.contains(&proposal.block)
                && store.header(BlockId::Hash(proposal.block)).map_err(|e| text(&e))?.is_none()
            {
                return Err(format!("LOST: the body of {vote:?}"));
            }
        }
        Ok(())
    }

    /// No vote that contradicts one that left is signed; a later one is.
    pub(super) fn signs_nothing_else(&self, voting: &mut Voting<OsDir, OsDir>) -> Result<(), String> {
        let mut sign = |votes: Vec<Vote>| {
            let votes = votes.into_iter().map(|vote| (vote, ValidatorIndex(0))).collect();
            let order =
                Order { token: Token(0), height: Height::MAX, records: Vec::new(), votes, anew: false };
            match voting.journal.persist(order, Syncs::InTurn) {
                Ok(Done::Persisted { signed, .. }) => Ok(signed),
                Ok(other) => Err(format!("{other:?}")),
                Err(error) => Err(text(&error)),
            }
        };
        let against: Vec<Vote> = self.votes().flat_map(contradictions).collect();
        if let Some(signed) = sign(against)?.first() {
            return Err(format!("DOUBLE VOTE: signs {:?} as well", signed.vote));
        }
        let last = self.votes().map(|vote| vote.round().epoch).max().unwrap_or(Epoch(0));
        let round = Round { epoch: Epoch(last.0 + 1), view: View(1) };
        let signed = sign(vec![Vote::Nullify(round)])?;
        if signed.len() == 1 { Ok(()) } else { Err(format!("stuck: does not sign in {round}")) }
    }
}

/// Votes up to this round are about what is committed: the log may let go of them.
const fn covered(tip: &Header) -> Round {
    Round { epoch: tip.epoch, view: tip.view }
}

/// Every height up to the tip is there, with body and receipts, and follows the one below.
pub(super) fn chain_is_whole(store: &dyn Store, tip: &Header) -> Result<(), String> {
    let mut parent = None;
    for height in (0..=tip.height.0).map(Height) {
        let header = store.header(BlockId::Height(height)).map_err(|e| text(&e))?;
        let header = header.ok_or_else(|| format!("height {height} is missing below the tip"))?;
        if parent.is_some_and(|parent| parent != header.parent) {
            return Err(format!("height {height} does not follow the one below"));
        }
        parent = Some(header.hash());
    }
    (parent == Some(tip.hash())).then_some(()).ok_or_else(|| "the tip is not the last height".to_owned())
}

/// Opens a directory as the node does at its start.
pub(super) fn reopen(place: &Place, recording: &Recording) -> Result<Opened, String> {
    let key = recording.key();
    let metrics = Arc::new(wattle_rpc::Metrics::new().unwrap());
    open(place, &recording.genesis, Some(&key), &metrics).map_err(|e| format!("does not start: {}", text(&e)))
}

pub(super) fn place(home: &Path) -> Place {
    let dir = |name: &str| -> PathBuf { home.join(name) };
    Place { data_dir: dir("data"), sign_dir: dir("sign"), config: config() }
}

/// Small files, so that a short recording sees segments and tables come and go.
pub(super) const fn config() -> StorageSection {
    StorageSection { reserve_bytes: 0, wal_segment_bytes: 24 * 1024, db_write_buffer_bytes: 64 * 1024 }
}

fn contradictions(vote: &Vote) -> Vec<Vote> {
    let round = vote.round();
    let other = Proposal { round, parent_view: View(0), block: OTHER };
    match vote {
        Vote::Notarize(_) => vec![Vote::Notarize(other)],
        Vote::Finalize(_) => vec![Vote::Finalize(other), Vote::Nullify(round)],
        Vote::Nullify(_) => vec![Vote::Notarize(other), Vote::Finalize(other)],
    }
}

fn bytes_of(vote: &Vote) -> Vec<u8> {
    wattle_primitives::encode(vote)
}

/// An error with all its causes.
pub(super) fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

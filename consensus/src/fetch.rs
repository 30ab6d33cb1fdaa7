//! Blocks and certificates that this node lacks, asked for with growing pauses until they are there or no longer
//! needed.
//!
//! Every step marks its wants; one that a step does not mark is forgotten.

use crate::Output;
use crate::config::MonoMs;
use std::collections::BTreeMap;
use wattle_primitives::{Certificate, Hash, Height, ValidatorIndex, View, planted};

/// Most things wanted at a time.
const WANTS_MAX: usize = 64;
/// By how much pauses grow at most: 2^3 times the first.
const DOUBLINGS_MAX: u8 = 3;

/// Something this node lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Want {
    /// A block's body and header.
    Block(Hash),
    /// Certificates of a range of views.
    Certificates(View, View),
    /// Many finalized blocks: up to this height at least.
    Sync(Height),
}

#[derive(Debug)]
struct Wanted {
    due: MonoMs,
    doublings: u8,
    marked: bool,
    ask: Vec<ValidatorIndex>,
    /// Those named were asked last: the next to be asked is anybody, since they may be the ones that lack it.
    anybody: bool,
}

/// The wants of a core.
#[derive(Debug)]
pub(crate) struct Fetcher {
    wants: BTreeMap<Want, Wanted>,
    pause_ms: u64,
}

impl Fetcher {
    /// With a first pause of `pause_ms`.
    pub(crate) const fn new(pause_ms: u64) -> Self {
        Self { wants: BTreeMap::new(), pause_ms }
    }

    /// Starts a step: nothing is marked.
    pub(crate) fn begin(&mut self) {
        for wanted in self.wants.values_mut() {
            wanted.marked = false;
        }
    }

    /// Marks a want; a new one is asked for at `first`. When more are known to have it than before, they are asked then
    /// too: the leader alone may keep back what it proposed.
    pub(crate) fn want(&mut self, want: Want, first: MonoMs, ask: impl FnOnce() -> Vec<ValidatorIndex>) {
        if let Some(wanted) = self.wants.get_mut(&want) {
            wanted.marked = true;
            wanted.due = wanted.due.min(if wanted.doublings == 0 { first } else { wanted.due });
            let ask = ask();
            if ask.len() > wanted.ask.len() && !planted!("leader-alone-is-asked") {
                (wanted.ask, wanted.anybody, wanted.due) = (ask, false, wanted.due.min(first));
            }
        } else if self.wants.len() < WANTS_MAX {
            let wanted = Wanted { due: first, doublings: 0, marked: true, ask: ask(), anybody: false };
            self.wants.insert(want, wanted);
        }
    }

    /// Whether a block is wanted.
    pub(crate) fn wants_block(&self, hash: &Hash) -> bool {
        self.wants.contains_key(&Want::Block(*hash))
    }

    /// Ends a step: forgets what is not marked, asks for what is due. `pending` finalizes what is to be synced. Returns
    /// when something is due next.
    pub(crate) fn finish(
        &mut self,
        now: MonoMs,
        pending: Option<&Certificate>,
        out: &mut Vec<Output>,
    ) -> Option<MonoMs> {
        self.wants.retain(|_, wanted| wanted.marked);
        let mut next: Option<MonoMs> = None;
        for (want, wanted) in &mut self.wants {
            if wanted.due <= now {
                out.extend(request(want, wanted, pending));
                wanted.anybody = !wanted.anybody && !planted!("fetch-asks-the-same");
                wanted.due = now.after(self.pause_ms.saturating_mul(1 << wanted.doublings));
                wanted.doublings = wanted.doublings.saturating_add(1).min(DOUBLINGS_MAX);
            }
            next = Some(next.map_or(wanted.due, |n| n.min(wanted.due)));
        }
        next
    }
}

fn request(want: &Want, wanted: &Wanted, pending: Option<&Certificate>) -> Option<Output> {
    let ask = if wanted.anybody { Vec::new() } else { wanted.ask.clone() };
    Some(match want {
        Want::Block(block) => Output::Fetch { block: *block, ask },
        Want::Certificates(from, to) => Output::FetchCertificates { from: *from, to: *to, ask },
        Want::Sync(height) => Output::Sync { height: *height, certificate: pending?.clone() },
    })
}

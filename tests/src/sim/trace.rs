//! Everything that happens, in order: as one hash, and in words when a run is looked at.

/// Hashes every event and every effect of a run. Equal seeds must give equal hashes.
#[derive(Debug)]
pub(super) struct Trace {
    hasher: blake3::Hasher,
    verbose: bool,
    events: u64,
}

impl Trace {
    /// Nothing has happened yet; `verbose` prints what does.
    #[must_use]
    pub(super) fn new(verbose: bool) -> Self {
        Self { hasher: blake3::Hasher::new(), verbose, events: 0 }
    }

    /// An event, of a node unless it is the network's.
    pub(super) fn event(&mut self, now_ms: u64, node: Option<usize>, what: &str) {
        self.events += 1;
        self.line(now_ms, node, '>', what);
    }

    /// An effect that a node carries out.
    pub(super) fn effect(&mut self, now_ms: u64, node: usize, what: &str) {
        self.line(now_ms, Some(node), '<', what);
    }

    fn line(&mut self, now_ms: u64, node: Option<usize>, kind: char, what: &str) {
        let who = node.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let line = format!("{now_ms} {who} {kind} {what}\n");
        if self.verbose {
            eprint!("{line}");
        }
        self.hasher.update(line.as_bytes());
    }

    /// Events so far.
    #[must_use]
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// The hash of everything so far.
    #[must_use]
    pub(super) fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}

//! A directory in memory that forgets what was not synced when it crashes.
//!
//! Every byte written stays pending until its file is synced, every name change until the directory is.
//! [`SimDir::crash`] decides what becomes of pending changes; handles and locks from before the crash are dead
//! afterwards. Runs are a function of the calls and the seed alone.
//!
//! Faults: a full disk, a sync that fails (and, as on real systems, loses the bytes it should have covered), a
//! sync that lies, and the power going off at a chosen operation, so that a test can visit every such point.
//!
//! For tests, fuzz targets and the simulator: no product has it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wattle_host::FileError;
use wattle_host::dir::{Dir, File};
use wattle_host::lock::Holder;

/// Bytes that a disk writes as a whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// Fate of changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// None survives.
    DropUnsynced,
    /// A random prefix survives; the last write in it may be cut at any byte.
    TornPrefix,
    /// Any subset of the sectors survives, in any order.
    AnySectors,
}

/// Faults to come. Syncs and operations are counted over the directory's life, from 0; see [`SimDir::counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Bytes that fit; `None` for no limit.
    pub capacity_bytes: Option<u64>,
    /// This sync fails with an I/O error and loses what it should have made durable.
    pub fail_sync: Option<u64>,
    /// This sync reports success and does nothing.
    pub skip_sync: Option<u64>,
    /// From this operation on everything fails, until the crash.
    pub power_off: Option<u64>,
}

/// Operations so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Writes, cuts, syncs and name changes.
    pub operations: u64,
    /// Syncs of files and of the directory.
    pub syncs: u64,
    /// Crashes so far.
    pub crashes: u64,
}

/// A simulated directory. Clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub struct SimDir {
    disk: Arc<Mutex<Disk>>,
}

/// An open file of a [`SimDir`].
#[derive(Debug)]
pub struct SimFile {
    disk: Arc<Mutex<Disk>>,
    name: String,
    inode: u64,
    boot: u64,
}

/// A lock in a [`SimDir`].
#[derive(Debug)]
pub struct SimLock {
    disk: Arc<Mutex<Disk>>,
    name: String,
    boot: u64,
}

#[derive(Debug, Default)]
struct Disk {
    names: Names,
    names_durable: Names,
    names_pending: Vec<NameChange>,
    inodes: BTreeMap<u64, Inode>,
    inode_next: u64,
    locks: BTreeSet<String>,
    faults: Faults,
    counts: Counts,
}

type Names = BTreeMap<String, u64>;

#[derive(Clone, Debug)]
enum NameChange {
    Bind { name: String, inode: u64 },
    Rename { from: String, to: String },
    Unbind { name: String },
}

#[derive(Debug, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

impl SimDir {
    /// An empty directory without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the faults in force.
    pub fn set_faults(&self, faults: Faults) {
        self.disk().faults = faults;
    }

    /// Operations so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.disk().counts
    }

    /// The power goes off and comes back: unsynced changes meet their fate, handles and locks die, faults end.
    pub fn crash(&self, kind: Crash, seed: u64) {
        let mut disk = self.disk();
        let mut random = SplitMix(seed);
        let changes = std::mem::take(&mut disk.names_pending);
        let keep = survivors(changes.len(), kind, &mut random);
        for (change, _) in changes.iter().zip(keep).filter(|(_, keep)| *keep) {
            change.apply(&mut disk.names_durable);
        }
        disk.names = disk.names_durable.clone();
        let named: BTreeSet<u64> = disk.names.values().copied().collect();
        disk.inodes.retain(|inode, _| named.contains(inode));
        for inode in disk.inodes.values_mut() {
            inode.crash(kind, &mut random);
        }
        disk.locks.clear();
        disk.faults = Faults::default();
        disk.counts.crashes += 1;
    }

    /// An independent copy of what is durable now: the disk as a crash that drops everything unsynced leaves it.
    #[must_use]
    pub fn durable_copy(&self) -> Self {
        let disk = self.disk();
        let names: Names = disk.names_durable.clone();
        let inodes = names
            .values()
            .filter_map(|id| disk.inodes.get(id).map(|inode| (*id, Inode::of(inode.durable.clone()))))
            .collect();
        let copy = Disk {
            names: names.clone(),
            names_durable: names,
            inodes,
            inode_next: disk.inode_next,
            ..Disk::default()
        };
        Self { disk: Arc::new(Mutex::new(copy)) }
    }

    /// The bytes of a file as its next reader sees them.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let disk = self.disk();
        disk.inodes.get(disk.names.get(name)?).map(|inode| inode.live.clone())
    }

    /// Puts a durable file in place, behind the back of whoever uses the directory: corruption, or a restored copy.
    pub fn plant(&self, name: &str, bytes: Vec<u8>) {
        let mut disk = self.disk();
        let inode = disk.inode_next;
        disk.inode_next += 1;
        disk.inodes.insert(inode, Inode::of(bytes));
        disk.names.insert(name.to_owned(), inode);
        disk.names_durable.insert(name.to_owned(), inode);
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        guard(&self.disk)
    }
}

fn guard(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which of `count` pending changes survive a crash.
fn survivors(count: usize, kind: Crash, random: &mut SplitMix) -> Vec<bool> {
    let prefix = match kind {
        Crash::DropUnsynced => 0,
        Crash::TornPrefix | Crash::AnySectors => random.below(count + 1),
    };
    (0..count).map(|i| i < prefix).collect()
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Bind { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            Self::Rename { from, to } => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Unbind { name } => {
                names.remove(name);
            }
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes: new } => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(new);
            }
            Self::Truncate { len } => bytes.resize(*len, 0),
        }
    }

    /// The part of this change that a crash lets through.
    fn sectors(&self, random: &mut SplitMix) -> Vec<Self> {
        let Self::Write { offset, bytes } = self else {
            return if random.coin() { vec![self.clone()] } else { Vec::new() };
        };
        let mut kept = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let in_sector = to_usize(SECTOR_BYTES) - (offset + at) % to_usize(SECTOR_BYTES);
            let end = bytes.len().min(at + in_sector);
            if random.coin() {
                kept.push(Self::Write { offset: offset + at, bytes: bytes[at..end].to_vec() });
            }
            at = end;
        }
        kept
    }
}

impl Inode {
    fn of(bytes: Vec<u8>) -> Self {
        Self { live: bytes.clone(), durable: bytes, pending: Vec::new() }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    fn crash(&mut self, kind: Crash, random: &mut SplitMix) {
        let pending = std::mem::take(&mut self.pending);
        let mut kept = Vec::new();
        match kind {
            Crash::DropUnsynced => {}
            Crash::TornPrefix => {
                let whole = random.below(pending.len() + 1);
                kept.extend_from_slice(&pending[..whole]);
                if let Some(Change::Write { offset, bytes }) = pending.get(whole) {
                    let cut = random.below(bytes.len() + 1);
                    kept.push(Change::Write { offset: *offset, bytes: bytes[..cut].to_vec() });
                }
            }
            Crash::AnySectors => kept.extend(pending.iter().flat_map(|change| change.sectors(random))),
        }
        for change in kept {
            change.apply(&mut self.durable);
        }
        self.live = self.durable.clone();
    }
}

impl Disk {
    /// Counts one operation; fails when the power is off or the handle is from before a crash.
    fn operate(&mut self, action: &'static str, name: &str, boot: u64) -> Result<(), FileError> {
        self.alive(action, name, boot)?;
        self.counts.operations += 1;
        Ok(())
    }

    fn alive(&self, action: &'static str, name: &str, boot: u64) -> Result<(), FileError> {
        if boot != self.counts.crashes || self.faults.power_off.is_some_and(|at| self.counts.operations >= at)
        {
            return Err(fail(action, name, io::Error::other("power is off")));
        }
        Ok(())
    }

    /// Counts one sync and says what it shall do.
    fn sync_outcome(&mut self, name: &str) -> SyncOutcome {
        let index = self.counts.syncs;
        self.counts.syncs += 1;
        if self.faults.fail_sync == Some(index) {
            return SyncOutcome::Lose(fail("sync", name, io::Error::other("injected I/O error")));
        }
        if self.faults.skip_sync == Some(index) { SyncOutcome::Skip } else { SyncOutcome::Keep }
    }

    /// Makes pending name changes durable and frees what no name leads to any more.
    fn settle_names(&mut self) {
        for change in self.names_pending.drain(..) {
            change.apply(&mut self.names_durable);
        }
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
    }

    fn used_bytes(&self) -> u64 {
        self.inodes.values().map(|inode| to_u64(inode.live.len())).sum()
    }

    fn rename_live(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.names_pending.push(change);
    }
}

enum SyncOutcome {
    Keep,
    Skip,
    Lose(FileError),
}

fn fail(action: &'static str, name: &str, source: io::Error) -> FileError {
    FileError::io(action, Path::new(name))(source)
}

fn missing(action: &'static str, name: &str) -> FileError {
    fail(action, name, io::Error::from(io::ErrorKind::NotFound))
}

impl Dir for SimDir {
    type File = SimFile;
    type Lock = SimLock;

    fn open(&self, name: &str) -> Result<Option<SimFile>, FileError> {
        let disk = self.disk();
        disk.alive("open", name, disk.counts.crashes)?;
        let boot = disk.counts.crashes;
        Ok(disk.names.get(name).map(|inode| SimFile {
            disk: Arc::clone(&self.disk),
            name: name.to_owned(),
            inode: *inode,
            boot,
        }))
    }

    fn create(&self, name: &str) -> Result<SimFile, FileError> {
        let mut disk = self.disk();
        let boot = disk.counts.crashes;
        disk.operate("create", name, boot)?;
        if disk.names.contains_key(name) {
            return Err(fail("create", name, io::Error::from(io::ErrorKind::AlreadyExists)));
        }
        let inode = disk.inode_next;
        disk.inode_next += 1;
        disk.inodes.insert(inode, Inode::default());
        disk.rename_live(NameChange::Bind { name: name.to_owned(), inode });
        Ok(SimFile { disk: Arc::clone(&self.disk), name: name.to_owned(), inode, boot })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let mut disk = self.disk();
        let boot = disk.counts.crashes;
        disk.operate("rename", from, boot)?;
        if !disk.names.contains_key(from) {
            return Err(missing("rename", from));
        }
        disk.rename_live(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), FileError> {
        let mut disk = self.disk();
        let boot = disk.counts.crashes;
        disk.operate("remove", name, boot)?;
        if !disk.names.contains_key(name) {
            return Err(missing("remove", name));
        }
        disk.rename_live(NameChange::Unbind { name: name.to_owned() });
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, FileError> {
        let disk = self.disk();
        disk.alive("list", "directory", disk.counts.crashes)?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn sync(&self) -> Result<(), FileError> {
        let mut disk = self.disk();
        let boot = disk.counts.crashes;
        disk.operate("sync", "directory", boot)?;
        match disk.sync_outcome("directory") {
            SyncOutcome::Skip => Ok(()),
            SyncOutcome::Lose(error) => {
                disk.names_pending.clear();
                Err(error)
            }
            SyncOutcome::Keep => {
                disk.settle_names();
                Ok(())
            }
        }
    }

    fn lock(&self, name: &str) -> Result<Result<SimLock, Holder>, FileError> {
        let mut disk = self.disk();
        let boot = disk.counts.crashes;
        disk.alive("lock", name, boot)?;
        let free = disk.locks.insert(name.to_owned());
        let lock = || SimLock { disk: Arc::clone(&self.disk), name: name.to_owned(), boot };
        Ok(free.then(lock).ok_or_else(Holder::default))
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = guard(&self.disk);
        if disk.counts.crashes == self.boot {
            disk.locks.remove(&self.name);
        }
    }
}

impl SimFile {
    fn read<R>(&self, f: impl FnOnce(&Inode) -> R) -> Result<R, FileError> {
        let disk = guard(&self.disk);
        disk.alive("read", &self.name, self.boot)?;
        disk.inodes.get(&self.inode).map(f).ok_or_else(|| missing("read", &self.name))
    }

    fn change(&self, action: &'static str, change: Change) -> Result<(), FileError> {
        let mut disk = guard(&self.disk);
        disk.operate(action, &self.name, self.boot)?;
        let inode = disk.inodes.get_mut(&self.inode).ok_or_else(|| missing(action, &self.name))?;
        inode.change(change);
        Ok(())
    }
}

impl File for SimFile {
    fn len(&self) -> Result<u64, FileError> {
        self.read(|inode| to_u64(inode.live.len()))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError> {
        let offset = to_usize(offset);
        let filled = self.read(|inode| {
            let bytes = offset.checked_add(buffer.len()).and_then(|end| inode.live.get(offset..end));
            bytes.map(|bytes| buffer.copy_from_slice(bytes))
        })?;
        filled.ok_or_else(|| fail("read", &self.name, io::Error::from(io::ErrorKind::UnexpectedEof)))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), FileError> {
        let len = self.len()?;
        let grows = (offset + to_u64(bytes.len())).saturating_sub(len);
        let room = {
            let disk = guard(&self.disk);
            disk.faults.capacity_bytes.map(|capacity| capacity.saturating_sub(disk.used_bytes()))
        };
        if let Some(room) = room.filter(|room| *room < grows) {
            // A full disk takes what fits, as a real one does.
            let fits = bytes.len() - to_usize(grows - room).min(bytes.len());
            self.change("write", Change::Write { offset: to_usize(offset), bytes: bytes[..fits].to_vec() })?;
            return Err(fail("write", &self.name, io::Error::from(io::ErrorKind::StorageFull)));
        }
        self.change("write", Change::Write { offset: to_usize(offset), bytes: bytes.to_vec() })
    }

    fn truncate(&mut self, len: u64) -> Result<(), FileError> {
        self.change("truncate", Change::Truncate { len: to_usize(len) })
    }

    fn sync(&mut self) -> Result<(), FileError> {
        let mut disk = guard(&self.disk);
        disk.operate("sync", &self.name, self.boot)?;
        let outcome = disk.sync_outcome(&self.name);
        let inode = disk.inodes.get_mut(&self.inode).ok_or_else(|| missing("sync", &self.name))?;
        match outcome {
            SyncOutcome::Skip => Ok(()),
            SyncOutcome::Lose(error) => {
                inode.pending.clear();
                Err(error)
            }
            SyncOutcome::Keep => {
                for change in inode.pending.drain(..) {
                    change.apply(&mut inode.durable);
                }
                Ok(())
            }
        }
    }
}

/// Lengths of files in memory fit both types on every platform that Rust's standard library runs on.
fn to_usize(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        to_usize(self.next() % to_u64(bound.max(1)))
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]
mod tests;

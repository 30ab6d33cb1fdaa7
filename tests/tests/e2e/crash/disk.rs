//! A disk that a recording is played on, and the images that a power cut may leave of it.
//!
//! The promise of POSIX, and no more: bytes are durable when a sync of their file has returned that was called after
//! they were written; a name (created, renamed, removed) when a sync of its directory has. Everything else may be
//! there, or not, or in part.

use super::recording::Op;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The fate of bytes that are not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// All of it is lost.
    Lost,
    /// Changes of names survive, bytes do not.
    NamesOnly,
    /// Bytes survive, changes of names do not.
    BytesOnly,
    /// Of each file a random prefix of its writes survives, the last cut at any byte; of names a random prefix.
    Torn(u64),
    /// Of each write random sectors survive, and random changes of names, in any order.
    Sectors(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Dir,
}

type Names = BTreeMap<String, Node>;

#[derive(Clone, Debug)]
enum NameChange {
    Bind { path: String, node: Node },
    Rename { from: String, to: String },
    Remove { path: String },
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize { len: usize },
}

#[derive(Clone, Debug, Default)]
struct File {
    name: String,
    durable: Vec<u8>,
    /// As it was before the last sync, when a sync is to be taken back.
    before: Vec<u8>,
    pending: Vec<(usize, Change)>,
}

#[derive(Clone, Debug)]
enum Target {
    File(usize),
    Dir(String),
}

/// A disk after some operations.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    files: Vec<File>,
    live: Names,
    durable: Names,
    pending: Vec<(usize, NameChange)>,
    handles: BTreeMap<u64, Target>,
    begun: BTreeMap<u64, usize>,
    played: usize,
}

impl Disk {
    /// A disk on which these files have long been durable.
    pub(super) fn new(base: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut disk = Self::default();
        for (path, bytes) in base {
            let mut at = path.as_str();
            while let Some((parent, _)) = at.rsplit_once('/') {
                disk.live.insert(parent.to_owned(), Node::Dir);
                at = parent;
            }
            let node = Node::File(disk.files.len());
            disk.live.insert(path.clone(), node);
            disk.files.push(File { name: path.clone(), durable: bytes.clone(), ..File::default() });
        }
        disk.durable = disk.live.clone();
        disk
    }

    /// Carries out one operation; a sync that returns keeps its promise unless `skip`.
    pub(super) fn play(&mut self, op: &Op, skip: bool) {
        let at = self.played;
        self.played += 1;
        match op {
            Op::Start => self.handles.clear(),
            Op::Said => {}
            Op::Open { handle, path, create, truncate } => self.open(at, *handle, path, *create, *truncate),
            Op::Write { handle, offset, bytes } => {
                let change = Change::Write { offset: *offset, bytes: bytes.clone() };
                self.file_of(*handle).pending.push((at, change));
            }
            Op::Resize { handle, len } => {
                self.file_of(*handle).pending.push((at, Change::Resize { len: *len }));
            }
            Op::SyncBegin { sync, .. } => _ = self.begun.insert(*sync, at),
            Op::SyncEnd { handle, sync } => {
                let begun = self.begun.remove(sync).unwrap();
                if !skip {
                    self.sync(*handle, begun);
                }
            }
            Op::Rename { from, to } => {
                assert_eq!(parent(from), parent(to), "a rename within a directory");
                self.rename(at, NameChange::Rename { from: from.clone(), to: to.clone() });
                if let Some(Node::File(file)) = self.live.get(to) {
                    self.files[*file].name.clone_from(to);
                }
            }
            Op::Remove { path } => self.rename(at, NameChange::Remove { path: path.clone() }),
            Op::Mkdir { path } => {
                self.rename(at, NameChange::Bind { path: path.clone(), node: Node::Dir });
            }
        }
    }

    fn open(&mut self, at: usize, handle: u64, path: &str, create: bool, truncate: bool) {
        let target = match self.live.get(path) {
            _ if path.is_empty() => Target::Dir(String::new()),
            Some(Node::Dir) => Target::Dir(path.to_owned()),
            Some(Node::File(file)) => Target::File(*file),
            None => {
                assert!(create, "{path} is opened, but the recording never created it");
                let file = self.files.len();
                self.files.push(File { name: path.to_owned(), ..File::default() });
                self.rename(at, NameChange::Bind { path: path.to_owned(), node: Node::File(file) });
                Target::File(file)
            }
        };
        if let (Target::File(file), true) = (&target, truncate) {
            self.files[*file].pending.push((at, Change::Resize { len: 0 }));
        }
        self.handles.insert(handle, target);
    }

    fn file_of(&mut self, handle: u64) -> &mut File {
        match self.handles.get(&handle) {
            Some(Target::File(file)) => &mut self.files[*file],
            other => panic!("bytes are written to {other:?}"),
        }
    }

    fn rename(&mut self, at: usize, change: NameChange) {
        change.apply(&mut self.live);
        self.pending.push((at, change));
    }

    fn sync(&mut self, handle: u64, begun: usize) {
        match self.handles.get(&handle).cloned() {
            Some(Target::File(file)) => {
                let file = &mut self.files[file];
                file.before.clone_from(&file.durable);
                let split = file.pending.partition_point(|(at, _)| *at < begun);
                for (_, change) in file.pending.drain(..split) {
                    change.apply(&mut file.durable);
                }
            }
            Some(Target::Dir(dir)) => {
                let (kept, left): (Vec<_>, Vec<_>) =
                    self.pending.drain(..).partition(|(at, change)| *at < begun && change.dir() == dir);
                self.pending = left;
                for (_, change) in kept {
                    change.apply(&mut self.durable);
                }
            }
            None => panic!("a handle that was never opened is synced"),
        }
    }

    /// The file behind a handle, by the name it has now; "dir/" for a directory.
    pub(super) fn name_of(&self, handle: u64) -> String {
        match &self.handles[&handle] {
            Target::File(file) => self.files[*file].name.clone(),
            Target::Dir(dir) => format!("{dir}/"),
        }
    }

    /// Every file as the process sees it.
    pub(super) fn live_files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = self.live.iter().filter_map(|(path, node)| match node {
            Node::File(file) => Some((path.clone(), self.files[*file].live())),
            Node::Dir => None,
        });
        files.collect()
    }

    /// The disk as though the last sync of this file had not happened.
    pub(super) fn without_last_sync(&self, handle: u64) -> Self {
        let mut disk = self.clone();
        let file = disk.file_of(handle);
        file.durable = std::mem::take(&mut file.before);
        file.pending.clear();
        disk
    }

    /// The files that a power cut leaves now, with the directories that hold them.
    pub(super) fn image(&self, fate: Fate) -> Image {
        let mut random = Random(match fate {
            Fate::Torn(seed) | Fate::Sectors(seed) => seed,
            _ => 0,
        });
        let names = self.names_left(fate, &mut random);
        let mut image = Image::default();
        for (path, node) in &names {
            let reachable = ancestors(path).all(|dir| names.get(dir) == Some(&Node::Dir));
            match node {
                _ if !reachable => {} // a name in a directory that has none itself
                Node::Dir => _ = image.dirs.insert(path.clone()),
                Node::File(file) => {
                    _ = image.files.insert(path.clone(), self.files[*file].left(fate, &mut random))
                }
            }
        }
        image
    }

    fn names_left(&self, fate: Fate, random: &mut Random) -> Names {
        let mut names = self.durable.clone();
        let prefix = random.below(self.pending.len() + 1);
        for (i, (_, change)) in self.pending.iter().enumerate() {
            let keep = match fate {
                Fate::Lost | Fate::BytesOnly => false,
                Fate::NamesOnly => true,
                Fate::Torn(_) => i < prefix,
                Fate::Sectors(_) => random.below(2) == 0,
            };
            if keep {
                change.apply(&mut names);
            }
        }
        names
    }
}

/// Files as they are found after a power cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) dirs: BTreeSet<String>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// Puts the image into an empty directory.
    pub(super) fn write(&self, root: &Path) {
        for dir in &self.dirs {
            std::fs::create_dir_all(root.join(dir)).unwrap();
        }
        for (path, bytes) in &self.files {
            std::fs::write(root.join(path), bytes).unwrap();
        }
    }
}

impl File {
    fn live(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        self.pending.iter().for_each(|(_, change)| change.apply(&mut bytes));
        bytes
    }

    fn left(&self, fate: Fate, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        match fate {
            Fate::Lost | Fate::NamesOnly => {}
            Fate::BytesOnly => return self.live(),
            Fate::Torn(_) => {
                let whole = random.below(self.pending.len() + 1);
                self.pending[..whole].iter().for_each(|(_, change)| change.apply(&mut bytes));
                if let Some((_, Change::Write { offset, bytes: cut })) = self.pending.get(whole) {
                    let cut = cut[..random.below(cut.len() + 1)].to_vec();
                    Change::Write { offset: *offset, bytes: cut }.apply(&mut bytes);
                }
            }
            Fate::Sectors(_) => {
                let sector = *random.pick(&[512, 4096]);
                let lost_of_8 = *random.pick(&[1, 4, 7]);
                for (_, change) in &self.pending {
                    change.sectors(sector, |random| random.below(8) >= lost_of_8, random, &mut bytes);
                }
            }
        }
        bytes
    }
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Bind { path, node } => _ = names.insert(path.clone(), *node),
            Self::Rename { from, to } => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Self::Remove { path } => _ = names.remove(path),
        }
    }

    fn dir(&self) -> String {
        match self {
            Self::Bind { path, .. } | Self::Rename { to: path, .. } | Self::Remove { path } => parent(path),
        }
        .to_owned()
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                if bytes.is_empty() {
                    return;
                }
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*offset..end].copy_from_slice(bytes);
            }
            Self::Resize { len } => file.resize(*len, 0),
        }
    }

    fn sectors(
        &self,
        sector: usize,
        mut survives: impl FnMut(&mut Random) -> bool,
        random: &mut Random,
        file: &mut Vec<u8>,
    ) {
        let Self::Write { offset, bytes } = self else {
            if survives(random) {
                self.apply(file);
            }
            return;
        };
        let mut at = 0;
        while at < bytes.len() {
            let end = bytes.len().min(at + sector - (offset + at) % sector);
            if survives(random) {
                Self::Write { offset: offset + at, bytes: bytes[at..end].to_vec() }.apply(file);
            }
            at = end;
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

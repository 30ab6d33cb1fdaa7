//! Bits that flip on a disk at rest: noticed, or without consequence.

use super::check::{Promises, chain_is_whole, image_dir, place, reopen, text};
use super::disk::{Disk, Fate, Image, Random};
use super::recording::Recording;
use super::{recorded, workers};
use std::collections::BTreeMap;
use std::sync::Mutex;
use wattle_node::run::storage::Opened;
use wattle_primitives::{BlockId, Hash, Height};

/// Flips in each kind of file.
const FLIPS: usize = 60;

/// Outcome of a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The node does not start, or a read fails, with an error.
    Refused,
    /// Everything is as it was.
    Harmless,
    /// The last blocks are gone from the database, which says so; the consensus log still has them.
    InLog,
}

/// Contents of the undamaged directory.
struct Reference {
    /// Hash of each header, body and receipts, by height.
    blocks: Vec<Hash>,
    state: Hash,
}

/// Goal: a flipped bit in any file that the node keeps is refused with an error, or changes nothing that it says.
#[test]
fn flipped_bits_are_noticed_or_harmless() {
    let recording = recorded();
    let mut disk = Disk::new(&recording.base);
    recording.ops.iter().for_each(|op| disk.play(op, false));
    let image = disk.image(Fate::BytesOnly);
    let reference = {
        let dir = image_dir();
        image.write(dir.path());
        let opened = reopen(&place(dir.path()), recording).unwrap();
        reference(&opened).unwrap()
    };
    let tally: Mutex<BTreeMap<&str, BTreeMap<Outcome, usize>>> = Mutex::default();
    let wrong: Mutex<Vec<String>> = Mutex::default();
    let kinds = ["log", "sign state", "database log", "database manifest", "database table", "CURRENT"];
    let work = kinds.iter().flat_map(|kind| (0..FLIPS as u64).map(move |seed| (*kind, seed))).collect();
    workers(work, |(kind, seed)| {
        let mut random = Random(seed);
        let Some((damaged, what)) = flip(&image, kind, &mut random) else { return };
        match outcome(recording, &damaged, &reference) {
            Ok(outcome) => *tally.lock().unwrap().entry(kind).or_default().entry(outcome).or_default() += 1,
            Err(why) => wrong.lock().unwrap().push(format!("{kind}, seed {seed}, {what}: {why}")),
        }
    });
    let tally = tally.into_inner().unwrap();
    for (kind, outcomes) in &tally {
        println!("{kind}: {outcomes:?}");
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for kind in kinds {
        assert!(tally.contains_key(kind), "the recording leaves no {kind}");
    }
}

/// The image with one bit of a file of this kind flipped.
fn flip(image: &Image, kind: &str, random: &mut Random) -> Option<(Image, String)> {
    let files: Vec<&String> = image
        .files
        .iter()
        .filter(|(name, bytes)| is_of(kind, name) && !bytes.is_empty())
        .map(|(name, _)| name)
        .collect();
    if files.is_empty() {
        return None;
    }
    let name = (*random.pick(&files)).clone();
    let mut damaged = image.clone();
    let bytes = damaged.files.get_mut(&name)?;
    let (at, bit) = (random.below(bytes.len()), random.below(8));
    bytes[at] ^= 1 << bit;
    let what = format!("{name}: bit {bit} of byte {at} of {}", bytes.len());
    Some((damaged, what))
}

fn is_of(kind: &str, name: &str) -> bool {
    match kind {
        "log" => name.starts_with("data/wal/wal-"),
        "sign state" => name == "sign/sign-state",
        "database log" => name.starts_with("data/db/") && name.ends_with(".log"),
        "database manifest" => name.starts_with("data/db/MANIFEST"),
        "database table" => name.ends_with(".sst"),
        _ => name == "data/db/CURRENT",
    }
}

fn outcome(recording: &Recording, image: &Image, reference: &Reference) -> Result<Outcome, String> {
    let dir = image_dir();
    image.write(dir.path());
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let Ok(mut opened) = reopen(&place(dir.path()), recording) else { return Ok(Outcome::Refused) };
        // Any bit may have flipped: if it starts, it signs nothing against what it has signed.
        let voting = opened.voting.as_mut().ok_or("no journal")?;
        Promises::before(recording, recording.ops.len()).signs_nothing_else(voting)?;
        match self::reference(&opened) {
            Err(_) => Ok(Outcome::Refused),
            Ok(found) if found.blocks == reference.blocks && found.state == reference.state => {
                Ok(Outcome::Harmless)
            }
            Ok(found) => in_log(&opened, &found, reference),
        }
    }));
    checked.unwrap_or_else(|_| Err("it panics".to_owned()))
}

/// Fewer blocks are tolerable only at the end, and only if the consensus log has what is missing.
fn in_log(opened: &Opened, found: &Reference, reference: &Reference) -> Result<Outcome, String> {
    let kept = found.blocks.len();
    if found.blocks != reference.blocks[..kept.min(reference.blocks.len())] {
        return Err("it tells other blocks than before".to_owned());
    }
    let bodies = &opened.voting.as_ref().ok_or("no journal")?.bodies;
    let heights: Vec<Height> = (kept..reference.blocks.len()).map(|h| Height(h as u64)).collect();
    let missing = heights.iter().find(|h| !bodies.iter().any(|body| body.header.height == **h));
    match missing {
        Some(height) => Err(format!("height {height} is silently gone from database and log")),
        None => Ok(Outcome::InLog),
    }
}

/// Reads everything.
fn reference(opened: &Opened) -> Result<Reference, String> {
    let store = opened.store.as_ref();
    let tip = &opened.found.header;
    chain_is_whole(store, tip)?;
    let mut blocks = Vec::new();
    for height in (0..=tip.height.0).map(Height) {
        let block =
            store.block(BlockId::Height(height)).map_err(|e| text(&e))?.ok_or("a block is missing")?;
        let receipts = store.receipts(height).map_err(|e| text(&e))?.ok_or("receipts are missing")?;
        let all = [wattle_primitives::encode(&block), wattle_primitives::encode(&receipts)].concat();
        blocks.push(Hash(blake3::hash(&all).into()));
    }
    Ok(Reference { blocks, state: opened.found.state.root() })
}

//! The sign state's file: a header page and two slots, written in turn.
//!
//! ```text
//! page 0: sum ‖ magic ‖ version ‖ chain ‖ key           written once
//! page 1: sum ‖ number ‖ state                          even numbers
//! page 2: sum ‖ number ‖ state                          odd numbers
//! ```
//! Pages are 4 KiB. A sum covers the rest of its page, and in the slots also chain, key and position. A write goes to
//! the slot that is older or damaged, so the other always holds the last state that was acknowledged.
//!
//! A state that is made on a new disk has version 2, so that a build from before there was a bar, which would sign at
//! once, does not read it. All else is the same.

use super::{Barred, DataDir, SignState, SignerError};
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_host::dir::{Dir, File};
use wattle_primitives::domain::SIGN_STATE;
use wattle_primitives::{Hash, PublicKey, encode, planted};

/// Name of the file.
pub(super) const FILE: &str = "sign-state";
/// Name of the file whose lock is held for the signer's life.
pub(super) const LOCK: &str = "sign-state.lock";
const UNFINISHED: &str = "sign-state.tmp";

/// Bytes of a page.
pub(super) const PAGE_BYTES: usize = 4096;
const PAGES: u64 = 3;
const SUM_BYTES: usize = 32;
const MAGIC: [u8; 8] = *b"WATSIGNS";
const VERSION: u32 = 1;
/// Of a state that is made barred.
const VERSION_BARRED: u32 = 2;

type Page = [u8; PAGE_BYTES];

/// The open file.
#[derive(Debug)]
pub(super) struct Slots<D: Dir> {
    file: D::File,
    binding: [u8; 64],
    /// Number of the last good slot.
    number: u64,
    damaged: bool,
    _lock: D::Lock,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Header {
    magic: [u8; 8],
    version: u32,
    chain: Hash,
    key: PublicKey,
}

#[derive(Clone, Copy, BorshSerialize, BorshDeserialize)]
struct Slot {
    number: u64,
    state: SignState,
}

impl<D: Dir> Slots<D> {
    /// Locks, then reads or creates the file.
    pub(super) fn open(
        dir: D,
        chain: Hash,
        key: PublicKey,
        data: DataDir,
    ) -> Result<(Self, SignState), SignerError> {
        let lock = dir.lock(LOCK)?.map_err(|holder| SignerError::Locked { holder })?;
        let binding = binding(&chain, &key);
        let file = match (dir.open(FILE)?, data) {
            (Some(file), _) => file,
            (None, DataDir::InUse) => return Err(SignerError::Missing),
            (None, DataDir::Empty) => create(&dir, chain, key, &binding, SignState::of_new_disk())?,
            (None, DataDir::NewKey) => create(&dir, chain, key, &binding, SignState::default())?,
        };
        let len = file.len()?;
        if len < PAGE_BYTES as u64 || len > PAGES * PAGE_BYTES as u64 {
            return Err(SignerError::Corrupt { detail: "wrong length" });
        }
        check_header(&read(&file, 0)?, chain, key)?;
        let even = read_slot(&file, len, 0, &binding)?;
        let odd = read_slot(&file, len, 1, &binding)?;
        let slot = match (even, odd) {
            (Some(a), Some(b)) if a.number.abs_diff(b.number) != 1 => {
                return Err(SignerError::Corrupt { detail: "the slots do not follow each other" });
            }
            (Some(a), Some(b)) if a.number > b.number => a,
            (_, Some(slot)) | (Some(slot), None) => slot,
            (None, None) => return Err(SignerError::Corrupt { detail: "both slots are damaged" }),
        };
        let damaged = even.is_none() || odd.is_none();
        Ok((Self { file, binding, number: slot.number, damaged, _lock: lock }, slot.state))
    }

    /// Whether a slot was found damaged: by a crash during its write, or otherwise. A write repairs it.
    pub(super) const fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Writes the next slot and syncs.
    pub(super) fn write(&mut self, state: &SignState) -> Result<(), SignerError> {
        let Some(number) = self.number.checked_add(1) else {
            return Err(SignerError::Corrupt { detail: "slot numbers are used up" });
        };
        let page = encode_slot(Slot { number, state: *state }, &self.binding);
        self.file.write_at(slot_offset(number), &page)?;
        if !planted!("sign-state-skip-fsync") {
            self.file.sync()?;
        }
        self.number = number;
        self.damaged = false;
        Ok(())
    }
}

fn create<D: Dir>(
    dir: &D,
    chain: Hash,
    key: PublicKey,
    binding: &[u8; 64],
    state: SignState,
) -> Result<D::File, SignerError> {
    if dir.list()?.iter().any(|name| name == UNFINISHED) {
        dir.remove(UNFINISHED)?; // a crash came before it had its name
    }
    let mut file = dir.create(UNFINISHED)?;
    let barred = state.barred() != Barred::Free && !planted!("bar-unseen-by-older-builds");
    let version = if barred { VERSION_BARRED } else { VERSION };
    let header = Header { magic: MAGIC, version, chain, key };
    file.write_at(0, &seal(&encode(&header), &[]))?;
    for number in 0..2 {
        let slot = Slot { number, state };
        file.write_at(slot_offset(number), &encode_slot(slot, binding))?;
    }
    file.sync()?;
    dir.rename(UNFINISHED, FILE)?;
    dir.sync()?;
    Ok(file)
}

fn check_header(page: &Page, chain: Hash, key: PublicKey) -> Result<(), SignerError> {
    let corrupt = SignerError::Corrupt { detail: "the header is damaged" };
    let known = |h: &Header| h.magic == MAGIC && [VERSION, VERSION_BARRED].contains(&h.version);
    let Some(header) = unseal::<Header>(page, &[]).filter(known) else {
        return Err(corrupt);
    };
    if header.key != key {
        return Err(SignerError::WrongKey { expected: key, found: header.key });
    }
    if header.chain != chain {
        return Err(SignerError::WrongChain { expected: chain, found: header.chain });
    }
    Ok(())
}

fn binding(chain: &Hash, key: &PublicKey) -> [u8; 64] {
    let mut binding = [0; 64];
    binding[..32].copy_from_slice(chain.as_bytes());
    binding[32..].copy_from_slice(key.as_bytes());
    binding
}

const fn slot_offset(number: u64) -> u64 {
    (1 + number % 2) * PAGE_BYTES as u64
}

fn read<F: File>(file: &F, offset: u64) -> Result<Page, SignerError> {
    let mut page = [0; PAGE_BYTES];
    file.read_at(offset, &mut page)?;
    Ok(page)
}

/// The slot for numbers of this parity, or `None` when it is damaged or cut off.
fn read_slot<F: File>(
    file: &F,
    len: u64,
    parity: u64,
    binding: &[u8; 64],
) -> Result<Option<Slot>, SignerError> {
    let offset = slot_offset(parity);
    if offset + PAGE_BYTES as u64 > len {
        return Ok(None);
    }
    Ok(unseal::<Slot>(&read(file, offset)?, binding).filter(|slot| slot.number % 2 == parity))
}

fn encode_slot(slot: Slot, binding: &[u8; 64]) -> Page {
    seal(&encode(&slot), binding)
}

/// A page of these fields under their sum.
fn seal(fields: &[u8], binding: &[u8]) -> Page {
    let mut page = [0; PAGE_BYTES];
    page[SUM_BYTES..SUM_BYTES + fields.len()].copy_from_slice(fields);
    let sum = Hash::of(SIGN_STATE, &[binding, &page[SUM_BYTES..]]);
    page[..SUM_BYTES].copy_from_slice(sum.as_bytes());
    page
}

/// The fields of a page, if its sum is right.
fn unseal<T: BorshDeserialize>(page: &Page, binding: &[u8]) -> Option<T> {
    let (sum, mut rest) = page.split_at(SUM_BYTES);
    if Hash::of(SIGN_STATE, &[binding, rest]).as_bytes() != sum {
        return None;
    }
    T::deserialize(&mut rest).ok()
}

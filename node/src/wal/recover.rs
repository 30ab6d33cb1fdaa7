//! Opening a log: check everything, cut a torn tail, refuse the rest.

use super::format::{self, HEAD_BYTES, LogId, PAGE_BYTES, UNFINISHED};
use super::replay::{Group, read_group};
use super::{GroupId, LOCK, Segment, TornTail, Wal, WalConfig, WalError};
use std::collections::VecDeque;
use wattle_host::FileError;
use wattle_host::dir::{Dir, File};
use wattle_primitives::{Hash, Height, planted};

/// Highest number of a segment, and of its first group, that is taken for one: counting on from it never overflows.
const NUMBER_MAX: u64 = 1 << 56;

/// See [`Wal::open`].
pub(super) fn open<D: Dir>(dir: D, config: WalConfig) -> Result<Wal<D>, WalError> {
    let lock = dir.lock(LOCK)?.map_err(|_| WalError::Locked)?;
    let ids: Vec<u64> = dir.list()?.iter().filter_map(|name| format::segment_of(name)).collect();
    let mut found =
        Found { segments: VecDeque::new(), log_id: None, next_group: 1, file: None, torn_tail: None };
    for (index, id) in ids.iter().enumerate() {
        found.segment(&dir, &config, *id, index + 1 == ids.len())?;
    }
    let log_id = found.log_id.unwrap_or(LogId(config.entropy));
    let file = match found.file {
        Some(file) => file,
        None => {
            let (file, segment) = create_segment(&dir, &config.chain, &log_id, 0, found.next_group)?;
            found.segments.push_back(segment);
            file
        }
    };
    Ok(Wal {
        dir,
        file,
        config,
        log_id,
        segments: found.segments,
        next_group: found.next_group,
        torn_tail: found.torn_tail,
        failed: false,
        _lock: lock,
    })
}

/// Creates a segment under a passing name, makes page 0 durable, then gives it its own.
pub(super) fn create_segment<D: Dir>(
    dir: &D,
    chain: &Hash,
    log_id: &LogId,
    id: u64,
    first_group: u64,
) -> Result<(D::File, Segment), FileError> {
    let name = format::segment_name(id);
    let unfinished = format!("{name}{UNFINISHED}");
    if dir.list()?.contains(&unfinished) {
        dir.remove(&unfinished)?; // a crash came before it had its name
    }
    let mut file = dir.create(&unfinished)?;
    file.write_at(0, &format::encode_segment(chain, log_id, id, first_group))?;
    file.sync()?;
    dir.rename(&unfinished, &name)?;
    if !planted!("wal-name-not-synced") {
        dir.sync()?;
    }
    Ok((file, Segment { id, first_group, len: PAGE_BYTES as u64, height_max: Height::ZERO }))
}

/// The log as far as its segments have been read.
struct Found<D: Dir> {
    segments: VecDeque<Segment>,
    log_id: Option<LogId>,
    next_group: u64,
    file: Option<D::File>,
    torn_tail: Option<TornTail>,
}

impl<D: Dir> Found<D> {
    fn segment(&mut self, dir: &D, config: &WalConfig, id: u64, last: bool) -> Result<(), WalError> {
        let corrupt = |offset, detail| WalError::MidLogCorruption { segment: id, offset, detail };
        let mut file = dir
            .open(&format::segment_name(id))?
            .ok_or(corrupt(0, "the segment vanished while it was opened"))?;
        let len = file.len()?;
        let mut page = [0; PAGE_BYTES];
        if len < PAGE_BYTES as u64 {
            return Err(corrupt(0, "the segment is shorter than its first page"));
        }
        file.read_at(0, &mut page)?;
        let head = format::decode_segment(&page).ok_or(corrupt(0, "the first page is damaged"))?;
        if head.version != format::VERSION {
            return Err(WalError::Version { found: head.version });
        }
        if head.chain != config.chain {
            return Err(WalError::WrongChain { expected: config.chain, found: head.chain });
        }
        if head.segment != id || self.log_id.is_some_and(|log_id| log_id != head.log_id) {
            return Err(corrupt(0, "the segment belongs elsewhere"));
        }
        if id > NUMBER_MAX || head.first_group > NUMBER_MAX {
            return Err(corrupt(0, "the segment has a number that no log reaches"));
        }
        if let Some(before) = self.segments.back()
            && (before.id.checked_add(1) != Some(id) || head.first_group != self.next_group)
        {
            return Err(corrupt(0, "groups before this segment are missing"));
        }
        self.log_id = Some(head.log_id);
        self.next_group = head.first_group;
        let mut segment =
            Segment { id, first_group: head.first_group, len: PAGE_BYTES as u64, height_max: Height::ZERO };
        while let Some(group) = read_group(&file, &head.log_id, &segment, len, GroupId(self.next_group))? {
            self.take(&mut segment, &group);
        }
        if segment.len < len {
            self.cut(&mut file, &head.log_id, &segment, len, last)?;
        }
        self.segments.push_back(segment);
        self.file = Some(file);
        Ok(())
    }

    fn take(&mut self, segment: &mut Segment, group: &Group) {
        segment.len += group.bytes;
        segment.height_max = segment.height_max.max(group.height);
        self.next_group += 1;
    }

    /// Cuts off what follows the last good group, if it can be nothing but an unfinished one.
    fn cut(
        &mut self,
        file: &mut D::File,
        log_id: &LogId,
        segment: &Segment,
        len: u64,
        last: bool,
    ) -> Result<(), WalError> {
        let corrupt =
            |detail| WalError::MidLogCorruption { segment: segment.id, offset: segment.len, detail };
        if !last {
            return Err(corrupt("a damaged group is followed by another segment"));
        }
        let mut offset = segment.len + PAGE_BYTES as u64;
        while offset + HEAD_BYTES as u64 <= len {
            let mut bytes = [0; HEAD_BYTES];
            file.read_at(offset, &mut bytes)?;
            if format::decode_head(log_id, &bytes).is_some_and(|head| head.group > self.next_group)
                && !planted!("wal-middle-cut-off")
            {
                return Err(corrupt("a damaged group is followed by a later one"));
            }
            offset += PAGE_BYTES as u64;
        }
        file.truncate(segment.len)?;
        file.sync()?;
        self.torn_tail = Some(TornTail { group: GroupId(self.next_group), bytes: len - segment.len });
        Ok(())
    }
}

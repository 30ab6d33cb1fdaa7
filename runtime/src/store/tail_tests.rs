use super::*;

/// A file of records with these payloads, split over blocks as RocksDB does it.
fn file(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut starts) = (Vec::new(), Vec::new());
    for payload in payloads {
        let (mut rest, mut first) = (payload.as_slice(), true);
        loop {
            let mut left = BLOCK_BYTES - bytes.len() % BLOCK_BYTES;
            if left < HEADER_BYTES {
                bytes.resize(bytes.len() + left, 0);
                left = BLOCK_BYTES;
            }
            if first {
                starts.push(bytes.len());
            }
            let (part, after) = rest.split_at(rest.len().min(left - HEADER_BYTES));
            let kind = match (first, after.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            let covered: Vec<u8> = [kind].iter().chain(part).copied().collect();
            bytes.extend(mask(crc32c(&covered)).to_le_bytes());
            bytes.extend(u16::try_from(part.len()).unwrap_or(0).to_le_bytes());
            bytes.extend(covered);
            (rest, first) = (after, false);
            if rest.is_empty() {
                break;
            }
        }
    }
    (bytes, starts)
}

fn payloads() -> Vec<Vec<u8>> {
    [100, 70_000, 32_000, 900, 40_000].iter().map(|len| vec![7; *len]).collect()
}

#[test]
fn the_checksum_is_the_published_one() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn only_damage_to_the_last_record_is_a_torn_end() {
    let (whole, starts) = file(&payloads());
    assert_eq!(damage(&whole), None);
    let last = starts.len() - 1;
    for at in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let record = starts.partition_point(|start| *start <= at) - 1;
        let Some(damage) = damage(&bytes) else {
            // Padding between blocks, or a length that now reaches beyond the end.
            assert!(record == last || at % BLOCK_BYTES > BLOCK_BYTES - HEADER_BYTES, "{at}");
            continue;
        };
        assert_eq!(damage, Damage { at: starts[record], followed: record < last }, "{at}");
    }
}

#[test]
fn what_is_cut_short_is_no_damage_and_lost_sectors_are() {
    let (whole, starts) = file(&payloads());
    let last = starts[starts.len() - 1];
    for len in (last..whole.len()).step_by(53) {
        assert_eq!(damage(&whole[..len]), None, "{len}");
    }
    for sector in last / 512 + 1..whole.len() / 512 {
        let mut bytes = whole.clone();
        bytes[sector * 512..(sector + 1) * 512].fill(0);
        assert_eq!(damage(&bytes), Some(Damage { at: last, followed: false }), "{sector}");
    }
}

#[test]
fn types_of_recycled_logs_are_found_wherever_a_bit_makes_one() {
    let (whole, starts) = file(&payloads());
    assert_eq!(first_recycled(&whole), None);
    for start in starts {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[start + 6] ^= 1 << bit;
            let is = matches!(bytes[start + 6], 5..=8 | 11 | 131);
            assert_eq!(first_recycled(&bytes), is.then_some(start), "{start}, bit {bit}");
        }
    }
}

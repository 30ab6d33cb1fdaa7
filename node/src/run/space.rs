//! Watches how much room is left on the disks that the node writes to.
//!
//! A node that runs out of room ends: cleanly, and losing nothing, but it ends. Long before that it stops to make more
//! to store, and goes on by itself when there is room again.

use super::threads::{Report, Reports};
use crate::home::Place;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// There is room again when this part of the reserve is free beyond it, so that the node does not flutter.
const RELEASE_PART: u64 = 8;

/// Reports whenever free space falls below the reserve or has risen above it again. Ends with the receiver.
pub(super) fn watch(place: &Place, reports: Reports) {
    let (place, reserve) = (place.clone(), place.config.reserve_bytes);
    if reserve == 0 {
        return;
    }
    tokio::spawn(async move {
        let mut low = false;
        while !reports.is_closed() {
            let dirs = [place.data_dir.clone(), place.sign_dir.clone()];
            // A network file system may take its time to answer.
            let looked = tokio::task::spawn_blocking(move || free_bytes(&dirs)).await;
            match looked {
                Ok(Ok(free)) => {
                    let now = is_low(low, free, reserve);
                    if now != low {
                        low = now;
                        report(low, free, reserve);
                        let _ = reports.send(Report::LowSpace(low)); // fails only when the node ends
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, "cannot tell how much room is left on the disk"),
                Err(_) => return, // the runtime ends
            }
            tokio::time::sleep(INTERVAL).await;
        }
    });
}

fn report(low: bool, free: u64, reserve: u64) {
    if low {
        tracing::error!(
            free,
            reserve,
            "low on disk space: proposing and notarizing nothing new, taking no transactions"
        );
    } else {
        tracing::info!(free, reserve, "there is disk space again: taking part in full");
    }
}

/// Whether to hold back, given whether it does already.
const fn is_low(low: bool, free: u64, reserve: u64) -> bool {
    if low { free < reserve.saturating_add(reserve / RELEASE_PART) } else { free < reserve }
}

/// Bytes that this process may still write on the fullest of the file systems that hold `dirs`.
fn free_bytes<P: AsRef<Path>>(dirs: &[P]) -> io::Result<u64> {
    let mut least = u64::MAX;
    for dir in dirs {
        if !dir.as_ref().exists() {
            continue; // a follower has no sign state
        }
        let found = rustix::fs::statvfs(dir.as_ref())?;
        least = least.min(found.f_bavail.saturating_mul(found.f_frsize));
    }
    Ok(least)
}

#[cfg(test)]
#[path = "space_tests.rs"]
mod tests;

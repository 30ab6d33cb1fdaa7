#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::wal::SEGMENT_BYTES;

/// Goal: data of a validator that has signed are told from a new disk, also before anything is final.
#[test]
fn a_log_that_was_written_is_data_in_use() {
    let temp = tempfile::tempdir().unwrap();
    let (data, wal) = (temp.path(), temp.path().join(WAL_DIR));
    let config = || WalConfig { chain: Hash([7; 32]), entropy: [1; 32], segment_bytes: SEGMENT_BYTES };
    assert_eq!(data_at(data, config()).unwrap(), DataDir::Empty);
    assert!(!wal.exists() && !data.join("db").exists(), "nothing is made");
    let open = || Wal::open(OsDir::open(&wal).unwrap(), config()).unwrap();
    drop(open());
    assert_eq!(data_at(data, config()).unwrap(), DataDir::Empty, "it was started and wrote nothing");
    open().append(Height(1), &[vec![1]]).unwrap();
    assert_eq!(data_at(data, config()).unwrap(), DataDir::InUse);
}

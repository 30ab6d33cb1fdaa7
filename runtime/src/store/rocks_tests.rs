use super::*;
use rocksdb::statistics::Ticker;

#[test]
fn every_write_is_synced_before_it_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = database_options();
    options.enable_statistics();
    let db = open_tables(dir.path(), &options, RocksOptions::default()).unwrap();
    let rocks = Rocks { db, torn: Vec::new() };
    let synced = || options.get_ticker_count(Ticker::WalFileSynced);
    let before = synced();
    for count in 1..=3 {
        let row = Row { table: Table::State, key: vec![1].into(), value: Some(vec![count].into()) };
        rocks.write(vec![row]).unwrap();
        assert_eq!(synced() - before, u64::from(count), "one sync of the log for each write");
    }
}

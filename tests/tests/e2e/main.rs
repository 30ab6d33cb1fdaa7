//! The product from outside: real processes, sockets, disks and signals, on loopback only.
//!
//! Nothing here asserts how long something takes, beyond limits that only a hang exceeds. `WATTLE_TEST_LONG=1`
//! repeats the fault tests more often.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod books;
mod chain;
mod cli;
mod corruptlog;
mod crash;
mod devnet;
mod docs;
mod energy;
mod epochs;
mod faults;
mod follower;
mod halt;
mod hostile;
mod light;
mod load;
mod network;
mod newdisk;
mod operate;
mod process;
mod records;
mod scenario;
mod space;
mod votes;

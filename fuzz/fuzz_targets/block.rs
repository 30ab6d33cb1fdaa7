//! `wattle_fuzz::targets::block` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wattle_fuzz::targets::block(bytes));

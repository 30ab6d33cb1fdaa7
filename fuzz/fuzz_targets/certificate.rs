//! `wattle_fuzz::targets::certificate` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wattle_fuzz::targets::certificate(bytes));

//! `wattle_fuzz::targets::validator_stream` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wattle_fuzz::targets::validator_stream(bytes));

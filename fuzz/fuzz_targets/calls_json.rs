//! `wattle_fuzz::targets::calls_json` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wattle_fuzz::targets::calls_json(bytes));

//! `wattle_fuzz::targets::state_proof` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wattle_fuzz::targets::state_proof(bytes));

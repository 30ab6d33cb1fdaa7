//! The promises to other programs: the exact bytes, the proofs and the verdicts.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here is the test's")]

mod certificates;
mod encodings;
mod properties;
mod samples;
mod trie;
mod vectors;
mod zip215;

//! Fuzzes [`targets::commit_graph`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::commit_graph(data));

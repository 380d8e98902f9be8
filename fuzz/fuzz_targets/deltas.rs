//! Fuzzes [`targets::deltas`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::deltas(data));

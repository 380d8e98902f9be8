//! Fuzzes [`targets::search`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::search(data));

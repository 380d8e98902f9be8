//! Fuzzes [`targets::store_text`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::store_text(data));

//! Fuzzes [`targets::upload_v0`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::upload_v0(data));

//! Fuzzes [`targets::upload_v2`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::upload_v2(data));

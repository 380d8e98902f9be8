//! Fuzzes [`targets::pack`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::pack(data));

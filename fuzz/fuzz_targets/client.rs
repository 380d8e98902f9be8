//! Fuzzes [`targets::client`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::client(data));

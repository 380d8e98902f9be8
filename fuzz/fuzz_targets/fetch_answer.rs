//! Fuzzes [`targets::fetch_answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::fetch_answer(data));

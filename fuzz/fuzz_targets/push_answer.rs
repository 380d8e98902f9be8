//! Fuzzes [`targets::push_answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::push_answer(data));

//! Fuzzes [`targets::exec_line`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::exec_line(data));

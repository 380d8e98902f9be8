//! Fuzzes [`targets::packed_refs`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::packed_refs(data));

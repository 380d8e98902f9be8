//! Fuzzes [`model::secrets`].
#![no_main]

#[path = "../src/model.rs"]
#[allow(dead_code, unreachable_pub, reason = "one target of several")]
mod model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| model::secrets(data));

//! Fuzzes [`large_files::lfs_command`].
#![no_main]

#[path = "../src/large_files.rs"]
#[allow(dead_code, unreachable_pub, reason = "one target of several")]
mod large_files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| large_files::lfs_command(data));

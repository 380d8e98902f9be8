//! Every seed of the fuzz targets of Git LFS, and what they once found, through the same functions.

#[path = "../../../fuzz/src/large_files.rs"]
#[expect(unreachable_pub, reason = "the file is included where it's fuzzed, too")]
mod large_files;

#[test]
fn every_seed_of_the_fuzz_targets_is_harmless() {
    test_support::seeds::run(&large_files::TARGETS);
}

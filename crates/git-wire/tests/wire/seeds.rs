//! Every seed of the fuzz targets, and what they once found, through the same functions.

#[expect(unreachable_pub, reason = "the file is a library of its own where it's fuzzed")]
#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

#[test]
fn every_seed_of_the_fuzz_targets_is_harmless() {
    test_support::seeds::run(&targets::TARGETS);
}

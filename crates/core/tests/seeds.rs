//! Every seed of the model's fuzz targets, and what they once found, through the same functions.

#[path = "../../../fuzz/src/model.rs"]
#[expect(unreachable_pub, reason = "the file is included where it's fuzzed, too")]
mod model;

#[test]
fn every_seed_of_the_fuzz_targets_is_harmless() {
    test_support::seeds::run(&model::TARGETS);
}

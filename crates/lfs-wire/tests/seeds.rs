//! Every seed of the fuzz targets of Git LFS, and what they once found, through the same functions.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/src/large_files.rs"]
#[expect(unreachable_pub, reason = "the file is included where it's fuzzed, too")]
mod large_files;

#[test]
fn every_seed_of_the_fuzz_targets_is_harmless() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, target) in large_files::TARGETS {
        let seeds = fs::read_dir(folder.join(name)).expect("each target has seeds");
        let seeds: Vec<_> = seeds.map(|seed| seed.expect("an entry").path()).collect();
        assert!(!seeds.is_empty(), "{name}");
        for seed in seeds {
            let data = fs::read(&seed).expect("readable");
            let ended = std::panic::catch_unwind(|| target(&data));
            assert!(ended.is_ok(), "{}", seed.display());
        }
    }
}

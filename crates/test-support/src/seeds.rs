//! Seeds of fuzz targets, run as tests.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Runs every seed of each target, and what fuzzing once found, through the target; a panic names the seed.
pub fn run(targets: &[(&str, Target)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, target) in targets {
        let seeds = fs::read_dir(folder.join(name)).expect("each target has seeds");
        let seeds: Vec<_> = seeds.map(|seed| seed.expect("an entry").path()).collect();
        assert!(!seeds.is_empty(), "{name}");
        for seed in seeds {
            let data = fs::read(&seed).expect("readable");
            assert!(catch_unwind(|| target(&data)).is_ok(), "{}", seed.display());
        }
    }
}

//! Hostile input: one file for each kind of thing that somebody can make large, long or misleading.
//!
//! Memory is asserted by `e2e::usage`, time by bounds that hold on a busy machine.

/// Snapshots that say more files than there can be.
mod bombs;
/// Clients that are slow on purpose.
mod connections;
/// Git conversations with clients that do nothing.
mod conversations;
/// Many who push at the same moment.
mod crowd;
/// Files and folders that change, or are none.
mod disk;
/// Servers that go wrong on purpose.
mod faults;
/// No room left where the server keeps its data.
mod full_disk;
/// Large files at the server.
mod large_files;
/// Links that lead out of a run's folder.
mod links;
/// Run records that can't be read.
mod records;
/// Secrets in files, outputs, logs and arguments.
mod secrets;
/// Tokens, and who gets to see them.
mod tokens;
/// Walks, renderings and files that a few objects make large.
mod walks;

use e2e::usage::Usage;

/// The accounting that the other files trust.
#[test]
fn the_accounting_of_a_process_sees_memory_that_it_takes() {
    let before = Usage::of(std::process::id());
    let taken = vec![1_u8; 64 << 20];
    let after = Usage::of(std::process::id());
    assert!(after.peak >= before.resident + (48 << 20), "{before:?} {after:?}");
    assert_eq!(taken.len(), 64 << 20);
    assert!(after.threads > 0 && after.descriptors > 0);
}

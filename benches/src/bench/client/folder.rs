//! The folders that are snapshotted: the same text on every machine, shaped like a project's.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// Files in one folder.
const IN_ONE: usize = 20;

/// Returns the path of the file of this number, relative to the folder.
pub(super) fn path(number: usize) -> PathBuf {
    PathBuf::from(format!(
        "group{:02}/part{:03}/sub{}/file{number}.py",
        number / 1_000,
        number / 100,
        number / IN_ONE % 5
    ))
}

/// The next number of a small generator.
fn step(seed: u64) -> u64 {
    let mut next = seed;
    next ^= next << 13;
    next ^= next >> 7;
    next ^ next << 17
}

/// Returns the content of the file of this number: lines of words from a vocabulary, as sources are, and as compressible. One file
/// in 200 is large.
fn text(number: usize, average: usize) -> String {
    let mut seed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        seed = step(seed);
        seed >> 20
    };
    let spread = next() % (2 * average as u64);
    let length =
        if number % 200 == 77 { 30 * average } else { usize::try_from(spread).unwrap_or(average) + 200 };
    let mut text = String::with_capacity(length + 200);
    while text.len() < length {
        for _ in 0..next() % 4 {
            text.push_str("    ");
        }
        for _ in 0..3 + next() % 6 {
            let word = next() % 2_000;
            let _ = write!(text, "{}{word:x} ", ["value", "load", "x", "self.item"][word as usize % 4]);
        }
        let _ = writeln!(text, "= {}", next() % 10_000);
    }
    text
}

/// Fills the folder. Returns the bytes.
pub(super) fn fill(root: &Path, files: usize) -> Outcome<u64> {
    let average = if files <= 1_000 { 20_000 } else { 9_000 };
    let mut total = 0;
    for number in 0..files {
        let path = root.join(path(number));
        if number % IN_ONE == 0 {
            std::fs::create_dir_all(path.parent().ok_or("a file is in a folder")?)?;
        }
        let text = text(number, average);
        total += text.len() as u64;
        std::fs::write(path, text)?;
    }
    Ok(total)
}

/// The numbers of the files that change when `count` of `files` do, spread over the folder.
pub(super) fn chosen(files: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |n| n * files / count.max(1))
}

/// Adds a line to `count` files.
pub(super) fn edit(root: &Path, files: usize, count: usize, what: &str) -> Outcome {
    use std::io::Write as _;
    for number in chosen(files, count) {
        let mut file = std::fs::File::options().append(true).open(root.join(path(number)))?;
        writeln!(file, "edited_{number} = '{what}'")?;
    }
    Ok(())
}

/// Removes all that [`fill`] made.
pub(super) fn clear(root: &Path) -> Outcome {
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("group") {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Moves all that [`fill`] made to another folder, which is made. It is not removed: ext4 without a journal passes over
/// each inode that was freed in the last minute whenever a file is made, and that would be nearly all that is measured.
pub(super) fn set_aside(root: &Path, to: &Path) -> Outcome {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with("group") {
            std::fs::rename(root.join(&name), to.join(&name))?;
        }
    }
    Ok(())
}

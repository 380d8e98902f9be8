//! `cargo xtask tidy`: the rules of the house that no compiler checks. Each rule is one function from the
//! workspace's files to complaints.

use std::path::Path;
use std::process::Command;

use crate::{Outcome, circles, layers, process, wording, workspace};

/// Longest file that may be written.
const MAX_LINES: usize = 600;
/// Longest README and ARCHITECTURE.
const MAX_README_LINES: usize = 170;
const MAX_ARCHITECTURE_LINES: usize = 300;

/// The table of imports: each package of the workspace with the packages of the workspace that it may name in
/// its manifest, and the outside packages that it never may.
const DEPENDENCIES: &[(&str, &[&str], &[&str])] = &[
    (
        "crates/core",
        &["lfs-wire", "test-support"],
        &["tokio", "clap", "anyhow", "ureq", "axum", "hyper", "indicatif"],
    ),
    ("crates/git-wire", &["test-support"], &["tokio", "clap", "anyhow", "ureq", "axum", "hyper", "sqlx"]),
    ("crates/lfs-wire", &["test-support"], &["tokio", "clap", "anyhow", "ureq", "axum", "hyper", "sqlx"]),
    ("crates/test-support", &[], &["tokio", "anyhow"]),
    ("crates/client", &["azml-core", "git-wire", "lfs-wire", "test-support"], &["sqlx", "anyhow", "git2"]),
    ("crates/vsts-mock", &["git-wire", "lfs-wire", "test-support"], &["anyhow", "ureq"]),
    ("fuzz", &["azml-core", "git-wire", "lfs-wire"], &["tokio", "anyhow"]),
    ("tests", &["vsts-mock", "test-support"], &["anyhow", "gix"]),
    ("xtask", &["test-support"], &["tokio", "clap", "anyhow", "gix", "ureq"]),
    ("benches", &["xtask", "e2e", "test-support"], &["tokio", "clap", "anyhow", "gix", "ureq"]),
];

/// File names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "manager", "misc", "types"];

/// One file of the workspace, as git knows it: tracked or new, and not ignored.
struct File {
    path: String,
    text: String,
}

/// Checks every rule; the error says how many complaints were printed.
pub(crate) fn run() -> Outcome {
    let complaints = complaints()?;
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    if complaints.is_empty() { Ok(()) } else { Err(format!("{} things are untidy", complaints.len()).into()) }
}

fn complaints() -> Outcome<Vec<String>> {
    let root = workspace::root();
    let mut list = Command::new("git");
    list.current_dir(&root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let mut files = Vec::new();
    for path in process::capture(&mut list)?.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        let path = String::from_utf8_lossy(path).into_owned();
        // A path that git lists and the folder lacks has just been removed; binary files have no lines.
        if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
            files.push(File { path, text });
        }
    }
    let mut found = Vec::new();
    for file in files.iter().filter(|file| has_extension(&file.path, "rs")) {
        check_source(file, &mut found);
    }
    let sources = files.iter().filter(|file| has_extension(&file.path, "rs"));
    wording::check(sources.map(|file| (file.path.as_str(), file.text.as_str())), &mut found);
    check_dependencies(&files, &mut found);
    check_layers(&files, &mut found);
    check_documents(&root, &files, &mut found);
    check_scenarios_are_declared(&files, &mut found);
    Ok(found)
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn check_source(file: &File, found: &mut Vec<String>) {
    let File { path, text } = file;
    if !text.starts_with("//!") {
        found.push(format!("{path}: the first line has to be a `//!` that says what the file is"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{path}: {lines} lines, at most {MAX_LINES} are allowed"));
    }
    let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
    if EMPTY_NAMES.contains(&stem.as_ref()) {
        found.push(format!("{path}: `{stem}` says nothing; name the file for its main type or verb"));
    }
    for (number, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", number + 1);
        let code = line.trim_start();
        if line.trim_end() != line {
            found.push(format!("{place}: space at the end of the line"));
        }
        for banned in ["#[ignore", "#[should_panic"] {
            if code.starts_with(banned) {
                found.push(format!("{place}: `{banned}]` is not used here: a test runs or is not there"));
            }
        }
        let comment = code.strip_prefix("//").unwrap_or_default();
        if comment.contains("TODO") || comment.contains("FIXME") {
            found.push(format!("{place}: unfinished work belongs into an issue"));
        }
    }
}

/// The packages that a manifest names, own ones and outside ones, whatever the section they are for.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']').ends_with("dependencies");
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            names.push(line.split(['.', ' ', '=']).next().unwrap_or(line).trim_matches('"'));
        }
    }
    names
}

fn check_dependencies(files: &[File], found: &mut Vec<String>) {
    let own: Vec<&str> =
        ["azml", "azml-core", "git-wire", "lfs-wire", "vsts-mock", "e2e", "test-support", "xtask", "benches"]
            .to_vec();
    for file in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let folder = file.path.trim_end_matches("/Cargo.toml");
        let Some((_, allowed, never)) = DEPENDENCIES.iter().find(|(name, _, _)| *name == folder) else {
            found.push(format!("{}: not in tidy's table of dependencies", file.path));
            continue;
        };
        for name in dependencies(&file.text) {
            if own.contains(&name) && !allowed.contains(&name) {
                found.push(format!("{}: may not import `{name}`", file.path));
            }
            if never.contains(&name) {
                found.push(format!("{}: must do without `{name}`", file.path));
            }
        }
    }
}

/// Every module imports what the table of layers says, and ARCHITECTURE.md shows that table.
fn check_layers(files: &[File], found: &mut Vec<String>) {
    let sources = files.iter().filter(|file| has_extension(&file.path, "rs"));
    let sources = sources.map(|file| (file.path.as_str(), file.text.as_str()));
    layers::check(sources.clone(), found);
    circles::check(sources, found);
    let document = files.iter().find(|file| file.path == "ARCHITECTURE.md").map_or("", |file| &file.text);
    for layers in layers::LAYERS {
        for line in
            layers::picture(layers).iter().filter(|line| !document.lines().any(|shown| shown == *line))
        {
            found.push(format!("ARCHITECTURE.md: {} lacks the line `{line}`", layers.folder));
        }
    }
}

/// Words in back-ticks that are paths of this repository: in one of its folders, with a slash in them.
fn named_paths(document: &str) -> impl Iterator<Item = &str> {
    document.split('`').skip(1).step_by(2).filter(|word| {
        let first = word.split('/').next().unwrap_or_default();
        ["crates", "tests", "xtask", "benches", "fuzz", "docs", "examples", ".ci", ".config", ".cargo"]
            .contains(&first)
            && word.contains('/')
            && !word.contains(['*', ' ', '{', '<', '$'])
    })
}

fn check_documents(root: &Path, files: &[File], found: &mut Vec<String>) {
    let limits = [
        ("README.md", MAX_README_LINES),
        ("ARCHITECTURE.md", MAX_ARCHITECTURE_LINES),
        ("CHANGELOG.md", usize::MAX),
    ];
    for (name, limit) in limits {
        let Some(file) = files.iter().find(|file| file.path == name) else {
            found.push(format!("{name} is missing"));
            continue;
        };
        let lines = file.text.lines().count();
        if lines > limit {
            found.push(format!("{name}: {lines} lines, at most {limit} are allowed"));
        }
    }
    // The changelog names what was there.
    for file in files.iter().filter(|file| has_extension(&file.path, "md") && file.path != "CHANGELOG.md") {
        for path in named_paths(&file.text) {
            if !root.join(path).exists() {
                found.push(format!("{}: `{path}` does not exist", file.path));
            }
        }
    }
}

/// Every file of scenarios has to be a module of the one test binary, or it would never run.
fn check_scenarios_are_declared(files: &[File], found: &mut Vec<String>) {
    const FOLDER: &str = "tests/e2e/";
    let Some(main) = files.iter().find(|file| file.path == "tests/e2e/main.rs") else {
        found.push("tests/e2e/main.rs is missing".to_owned());
        return;
    };
    for file in files.iter().filter(|file| file.path.starts_with(FOLDER) && file.path != main.path) {
        let name = file.path.trim_start_matches(FOLDER).split(['/', '.']).next().unwrap_or_default();
        if has_extension(&file.path, "rs") && !main.text.contains(&format!("mod {name};")) {
            found.push(format!("{}: not declared in {}", file.path, main.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{dependencies, named_paths};

    #[test]
    fn a_manifest_names_its_dependencies() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\n# why\nbstr.workspace = true\ngix = { version = \"1\" }\n\n\
                        [dev-dependencies]\ninsta = \"1\"\n[lints]\nworkspace = true\n";
        assert_eq!(dependencies(manifest), ["bstr", "gix", "insta"]);
    }

    #[test]
    fn paths_are_told_from_other_words() {
        let document = "See `crates/core` and `refs/heads/x`, `tests/e2e/main.rs`, `crates/*/src`, and `cargo xtask ci`.";
        assert_eq!(named_paths(document).collect::<Vec<_>>(), ["crates/core", "tests/e2e/main.rs"]);
    }
}

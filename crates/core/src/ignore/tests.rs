//! Stock Git is the judge: random rules over random trees, against `git status --ignored`.

use std::{collections::BTreeSet, process::Command};

use gix::bstr::BString;
use proptest::prelude::*;

use super::*;
use crate::user_repo::UserRepo;

fn git(root: &Path, args: &[&str]) -> Vec<u8> {
    let output = Command::new("git")
        .args(args)
        .current_dir(root)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", output.stderr.as_bstr());
    output.stdout
}

/// Every file that the rules leave in, as the walk would: a left-out folder is not looked into.
fn left_in(root: &Path, user: &Rules) -> BTreeSet<BString> {
    let mut found = BTreeSet::new();
    let mut folders = vec![(root.to_owned(), BString::default(), user.clone())];
    while let Some((folder, prefix, above)) = folders.pop() {
        let rules = above.read_folder(root, &prefix);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name == ".git" {
                continue;
            }
            let path =
                if prefix.is_empty() { BString::from(name) } else { format!("{prefix}/{name}").into() };
            let is_dir = entry.file_type().unwrap().is_dir();
            if rules.verdict(path.as_bstr(), is_dir) == Verdict::Excluded {
                continue;
            }
            if is_dir {
                folders.push((entry.path(), path, rules.clone()));
            } else {
                found.insert(path);
            }
        }
    }
    found
}

fn lines(text: &[u8]) -> BTreeSet<BString> {
    text.split(|b| *b == 0).filter(|line| !line.is_empty()).map(BString::from).collect()
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "ab", "c.py", "d.txt", ".x"]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["*", "*.py", "a*", "?", "[ab]", "[!a]", "**", "*b", "d.*"]).prop_map(str::to_owned),
    ];
    let body = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    (
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.3),
        body,
        prop::bool::weighted(0.3),
        prop::sample::select(vec!["", "", "", " ", "\\ ", "\t"]),
    )
        .prop_map(|(not, rooted, body, folder, tail)| {
            let (not, rooted) = (if not { "!" } else { "" }, if rooted { "/" } else { "" });
            format!("{not}{rooted}{body}{}{tail}", if folder { "/" } else { "" })
        })
}

fn file() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["a", "b", "ab", "c.py", "d.txt", ".x", "d.txt "]);
    prop::collection::vec(name(), 1..5).prop_map(|parts| parts.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn git_and_we_leave_in_the_same_files(
        files in prop::collection::vec(file(), 1..25),
        root_rules in prop::collection::vec(pattern(), 0..6),
        deep_rules in prop::collection::vec(pattern(), 0..4),
        exclude in prop::collection::vec(pattern(), 0..3),
        crlf in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        git(root, &["init", "-q"]);
        for file in &files {
            let path = root.join(file);
            if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
                std::fs::write(path, "x").unwrap();
            }
        }
        let newline = if crlf { "\r\n" } else { "\n" };
        std::fs::write(root.join(".gitignore"), root_rules.join(newline)).unwrap();
        if root.join("a").is_dir() {
            std::fs::write(root.join("a/.gitignore"), deep_rules.join("\n")).unwrap();
        }
        std::fs::write(root.join(".git/info/exclude"), exclude.join("\n")).unwrap();
        let expected = lines(&git(root, &["ls-files", "-z", "--others", "--exclude-standard"]));
        let user = UserRepo::open(root).unwrap();
        prop_assert_eq!(left_in(root, &user.as_ref().map_or_else(Rules::none, UserRepo::ignore_rules)), expected);
    }
}

fn rules(gitignore: &str, amlignore: &str) -> Rules {
    Rules::none().with(0, Some(gitignore.as_bytes()), Some(amlignore.as_bytes()))
}

#[test]
fn amlignore_outranks_gitignore_and_takes_back() {
    let rules = rules("*.csv\n!keep.csv\n/data/\n", "!iris.csv\nkeep.csv\nnotes/\n!/data\n");
    let verdict = |path: &str, is_dir| rules.verdict(path.into(), is_dir);
    assert_eq!(verdict("iris.csv", false), Verdict::ForceIncluded);
    assert_eq!(verdict("keep.csv", false), Verdict::Excluded);
    assert_eq!(verdict("other.csv", false), Verdict::Excluded);
    assert_eq!(verdict("notes", true), Verdict::Excluded);
    assert_eq!(verdict("notes", false), Verdict::Included);
    assert_eq!(verdict("data", true), Verdict::ForceIncluded);
    assert_eq!(verdict("train.py", false), Verdict::Included);
}

#[test]
fn an_outer_amlignore_outranks_an_inner_gitignore() {
    let rules = rules("", "!*.log").with(3, Some(b"*.log\n"), None);
    assert_eq!(rules.verdict("run/a.log".into(), false), Verdict::ForceIncluded);
}

#[test]
fn one_question_looks_at_every_folder_above() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    std::fs::write(root.join(".gitignore"), "out/\n").unwrap();
    std::fs::write(root.join("a/.gitignore"), "*.tmp\n").unwrap();
    let ask = |path: &str| Rules::none().verdict_in(root, path.into(), false);
    assert_eq!(ask("a/b/x.tmp"), Verdict::Excluded);
    assert_eq!(ask("x.tmp"), Verdict::Included);
    assert_eq!(ask("a/out/x"), Verdict::Excluded);
    assert_eq!(ask("a/b/x"), Verdict::Included);
}

#[test]
fn a_linked_gitignore_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules"), "x\n").unwrap();
    std::os::unix::fs::symlink("rules", folder.path().join(".gitignore")).unwrap();
    assert_eq!(Rules::none().verdict_in(folder.path(), "x".into(), false), Verdict::Included);
}

//! Merges of random histories by pull requests, beside `git merge-tree` about the same commits.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use vsts_mock::Profile;

use crate::site::Site;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Files by their paths: lines, and whether they are executable.
type Files = BTreeMap<String, (Vec<u8>, bool)>;

const PATHS: [&str; 7] = ["a", "b", "c", "d/a", "d/b", "e/f/a", "e/f/b"];

#[derive(Clone, Debug)]
enum Edit {
    Line { file: usize, at: usize, text: u8 },
    Insert { file: usize, at: usize, text: u8 },
    Cut { file: usize, at: usize },
    Add { path: usize, text: u8 },
    Delete { file: usize },
    Rename { file: usize, path: usize },
    Mode { file: usize },
}

/// One merge: what was there, and the edits of each commit of both sides.
#[derive(Clone, Debug)]
struct Case {
    base: Vec<(usize, u8, usize)>,
    ours: Vec<Vec<Edit>>,
    theirs: Vec<Vec<Edit>>,
}

fn edit() -> impl Strategy<Value = Edit> {
    let (file, at, text) = (0..7_usize, 0..24_usize, b'A'..b'F');
    prop_oneof![
        6 => (file.clone(), at.clone(), text.clone()).prop_map(|(file, at, text)| Edit::Line { file, at, text }),
        4 => (file.clone(), at.clone(), text.clone()).prop_map(|(file, at, text)| Edit::Insert { file, at, text }),
        4 => (file.clone(), at).prop_map(|(file, at)| Edit::Cut { file, at }),
        1 => (file.clone(), text).prop_map(|(path, text)| Edit::Add { path, text }),
        1 => file.clone().prop_map(|file| Edit::Delete { file }),
        1 => (file.clone(), 0..7_usize).prop_map(|(file, path)| Edit::Rename { file, path }),
        1 => file.prop_map(|file| Edit::Mode { file }),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let side = || prop::collection::vec(prop::collection::vec(edit(), 1..3), 1..3);
    let base = prop::collection::vec((0..7_usize, 0..4_u8, 8..24_usize), 1..6);
    (base, side(), side()).prop_map(|(base, ours, theirs)| Case { base, ours, theirs })
}

/// Files that have no line in common: git takes a file of the same name for the moved one before it looks for the most similar
/// content, which is a choice between files that are alike.
fn base_files(case: &Case) -> Files {
    let lines = |path: usize, first: u8, count: usize| {
        let line = |at: usize| 100 + path * 20 + (usize::from(first) + at) % 20;
        (0..count).map(|at| u8::try_from(line(at)).expect("seven paths")).collect()
    };
    case.base
        .iter()
        .map(|(path, first, count)| (PATHS[*path].to_owned(), (lines(*path, *first, *count), false)))
        .collect()
}

/// A path among those that are there.
fn chosen(files: &Files, at: usize) -> Option<String> {
    files.keys().nth(at % files.len().max(1)).cloned()
}

fn apply(files: &mut Files, edit: &Edit) {
    let lines = |files: &mut Files, file: usize, change: &dyn Fn(&mut Vec<u8>)| {
        if let Some((lines, _)) = chosen(files, file).and_then(|path| files.get_mut(&path)) {
            change(lines);
        }
    };
    match *edit {
        Edit::Line { file, at, text } => lines(files, file, &|lines| {
            let at = at % lines.len().max(1);
            if let Some(line) = lines.get_mut(at) {
                *line = text;
            }
        }),
        Edit::Insert { file, at, text } => lines(files, file, &|lines| {
            lines.insert(at % (lines.len() + 1), text);
        }),
        Edit::Cut { file, at } => lines(files, file, &|lines| {
            if lines.len() > 2 {
                lines.remove(at % lines.len());
            }
        }),
        Edit::Add { path, text } => {
            files.entry(format!("new/{}", PATHS[path])).or_insert((vec![text; 3], false));
        }
        Edit::Delete { file } => {
            if let Some(path) = chosen(files, file) {
                files.remove(&path);
            }
        }
        Edit::Rename { file, path } => {
            if let Some(content) = chosen(files, file).and_then(|path| files.remove(&path)) {
                files.entry(format!("moved/{}", PATHS[path])).or_insert(content);
            }
        }
        Edit::Mode { file } => {
            if let Some((_, executable)) = chosen(files, file).and_then(|path| files.get_mut(&path)) {
                *executable = !*executable;
            }
        }
    }
}

/// Writes a commit for `git fast-import`.
fn commit(out: &mut String, branch: &str, from: Option<&str>, files: &Files) {
    _ = write!(out, "commit refs/heads/{branch}\ncommitter C <c@example.com> 1500000000 +0000\ndata 1\nm");
    if let Some(from) = from {
        _ = write!(out, "\nfrom {from}");
    }
    out.push_str("\ndeleteall\n");
    for (path, (lines, executable)) in files {
        let mut text = String::new();
        for line in lines {
            _ = writeln!(text, "line {line}");
        }
        let mode = if *executable { "100755" } else { "100644" };
        _ = write!(out, "M {mode} inline {path}\ndata {}\n{text}\n", text.len());
    }
}

fn write_case(out: &mut String, at: usize, case: &Case) {
    let base = base_files(case);
    let root = format!("base{at}");
    commit(out, &root, None, &base);
    for (side, commits) in [("ours", &case.ours), ("theirs", &case.theirs)] {
        let (branch, mut files) = (format!("{side}{at}"), base.clone());
        for (step, edits) in commits.iter().enumerate() {
            for edit in edits {
                apply(&mut files, edit);
            }
            let from = format!("refs/heads/{root}");
            commit(out, &branch, Some(from.as_str()).filter(|_| step == 0), &files);
        }
    }
}

/// Makes a pull request of each case; compares the merges.
async fn check(cases: &[Case]) {
    let site = Site::with_profile(Profile::Permissive).await;
    site.git(".", &["init", "-q", "local"]).await;
    let mut stream = String::new();
    for (at, case) in cases.iter().enumerate() {
        write_case(&mut stream, at, case);
    }
    site.write("stream", &stream);
    site.git("local", &["-c", "alias.take=!git fast-import --quiet < ../stream", "take"]).await;
    site.git("local", &["push", "-q", &site.url("extra"), "refs/heads/*:refs/heads/*"]).await;
    let pulls = "/acme/iris/_apis/git/repositories/extra/pullrequests";
    for at in 0..cases.len() {
        let body = json!({
            "sourceRefName": format!("refs/heads/theirs{at}"), "targetRefName": format!("refs/heads/ours{at}"),
            "title": "t",
        });
        site.post(pulls, "carolpat", &body).await.expect(201);
    }
    let list = site.get(&format!("{pulls}?$top=1000"), "carolpat").await.expect(200);
    let mut merged: Vec<Value> = list["value"].as_array().expect("a list").clone();
    merged.reverse();
    site.git("local", &["fetch", "-q", &site.url("extra"), "refs/pull/*:refs/pull/*"]).await;
    for (at, case) in cases.iter().enumerate() {
        let sides = [format!("ours{at}"), format!("theirs{at}")];
        let judged = site.run_git("local", &["merge-tree", "--write-tree", &sides[0], &sides[1]]).await;
        let status = merged[at]["mergeStatus"].as_str().expect("a status");
        match judged {
            Ok(tree) => {
                assert_eq!(status, "succeeded", "{case:?}");
                let own = format!("refs/pull/{}/merge^{{tree}}", at + 1);
                let own = site.git("local", &["rev-parse", &own]).await;
                let differs = if own == tree {
                    String::new()
                } else {
                    site.git("local", &["diff-tree", "-r", "-p", &tree, &own]).await
                };
                assert_eq!(own, tree, "{case:?}\n{differs}");
            }
            Err(_) => assert_eq!(status, "conflicts", "{case:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]
    #[test]
    fn merges_are_those_of_git(cases in prop::collection::vec(case(), 12)) {
        RUNTIME.block_on(check(&cases));
    }
}

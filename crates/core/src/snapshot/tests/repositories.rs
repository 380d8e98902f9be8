//! Git repositories around the project and in it: stock Git says what they track and ignore.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn git(dir: &Path, args: &[&str]) -> String {
    let output = git_command(dir, args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", output.stderr.as_bstr());
    output.stdout.to_str_lossy().trim_end().to_owned()
}

fn git_command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}

fn listed(dir: &Path, args: &[&str]) -> BTreeSet<String> {
    git(dir, args).split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

/// A project in `folder` of a repository (`""`: at its top).
struct Testbed {
    _dir: tempfile::TempDir,
    top: PathBuf,
    root: PathBuf,
    folder: &'static str,
}

fn testbed(folder: &'static str) -> Testbed {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().join("top");
    let root = top.join(folder);
    fs::create_dir_all(&root).unwrap();
    git(&top, &["init", "-q"]);
    Testbed { _dir: dir, top, root, folder }
}

impl Testbed {
    fn write(&self, path: &str, content: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn history(&self) -> HistoryRepo {
        HistoryRepo::init(&self.root, ID.parse().unwrap()).unwrap()
    }

    fn snapshot(&self) -> (BTreeSet<String>, Vec<LeftOut>) {
        let history = self.history();
        let taken = take(&history, &request(), &Silent).unwrap();
        (
            listed(history.path(), &["ls-tree", "-r", "-z", "--name-only", &taken.commit.to_string()]),
            taken.left_out,
        )
    }

    fn names(&self) -> BTreeSet<String> {
        self.snapshot().0
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_repository_around_the_project_says_what_is_ignored_and_tracked() {
    let testbed = testbed("exp/net");
    fs::write(testbed.top.join(".gitignore"), "patients/\n/exp/net/raw\n/raw2\n").unwrap();
    fs::write(testbed.top.join("exp/.gitignore"), "net/*.csv\n").unwrap();
    fs::write(testbed.top.join(".git/info/exclude"), "/exp/net/scratch\n").unwrap();
    for path in [
        "s.py",
        "patients/p",
        "raw/a",
        "raw2/a",
        "x.csv",
        "kept.csv",
        "deep/x.csv",
        "scratch/a",
        "deep/scratch",
    ] {
        testbed.write(path, "1");
    }
    git(&testbed.top, &["add", "-f", "exp/net/kept.csv", "exp/net/patients/p"]);
    testbed.write("patients/q", "1");
    assert_eq!(
        testbed.names(),
        set(&["s.py", "patients/p", "raw2/a", "kept.csv", "deep/x.csv", "deep/scratch"])
    );
    let user = UserRepo::open(&testbed.root).unwrap().unwrap();
    assert_eq!((user.prefix().to_string().as_str(), user.is_around()), ("exp/net/", true));
    assert_eq!(user.head().unwrap(), None, "nothing is committed yet");
    git(&testbed.top, &["commit", "-qm", "1"]);
    let base = UserRepo::open(&testbed.root).unwrap().unwrap().head().unwrap().unwrap();
    assert_eq!(base.commit.to_string(), git(&testbed.top, &["rev-parse", "HEAD"]));
    assert_eq!(base.folder.as_deref(), Some("exp/net"));
}

#[test]
fn a_repository_that_ignores_the_project_is_not_its_own() {
    let testbed = testbed("exp/net");
    fs::write(testbed.top.join(".gitignore"), "exp/\npatients\n").unwrap();
    testbed.write("patients/p", "1");
    assert!(UserRepo::open(&testbed.root).unwrap().is_none());
    git(&testbed.top, &["add", "-f", "exp/net/patients/p"]);
    assert!(UserRepo::open(&testbed.root).unwrap().is_some(), "it tracks a file of it");
}

#[test]
fn bare_repositories_ceilings_and_other_work_trees_do_not_count() {
    let testbed = testbed("exp");
    git(&testbed.top, &["config", "core.worktree", "/nowhere"]);
    assert!(UserRepo::open(&testbed.root).unwrap().is_none());
    git(&testbed.top, &["config", "--unset", "core.worktree"]);
    assert!(UserRepo::open(&testbed.root).unwrap().is_some());
    git(&testbed.top, &["config", "core.bare", "true"]);
    assert!(UserRepo::open(&testbed.root).unwrap().is_none());
    let bare = tempfile::tempdir().unwrap();
    git(bare.path(), &["init", "-q", "--bare", "."]);
    fs::create_dir(bare.path().join("project")).unwrap();
    assert!(UserRepo::open(&bare.path().join("project")).unwrap().is_none());
}

#[test]
fn a_project_in_a_folder_of_a_linked_work_tree() {
    let testbed = testbed("");
    testbed.write("exp/s.py", "1");
    testbed.write(".gitignore", "*.csv\n");
    git(&testbed.top, &["add", "."]);
    git(&testbed.top, &["commit", "-qm", "1"]);
    let linked = testbed.top.parent().unwrap().join("linked");
    git(&testbed.top, &["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap()]);
    git(&testbed.top, &["config", "core.bare", "true"]);
    fs::write(testbed.top.join(".git/info/exclude"), "*.log\n").unwrap();
    let root = linked.join("exp");
    for name in ["a.csv", "a.log", "new.py"] {
        fs::write(root.join(name), "1").unwrap();
    }
    let there = Testbed { _dir: tempfile::tempdir().unwrap(), top: linked, root, folder: "exp" };
    assert_eq!(there.names(), set(&["s.py", "new.py"]));
    let base = UserRepo::open(&there.root).unwrap().unwrap().head().unwrap().unwrap();
    assert_eq!(base.branch.as_deref(), Some("other"));
}

#[test]
fn what_nested_repositories_track_is_in_and_what_they_ignore_is_out() {
    let testbed = testbed("");
    testbed.write(".gitignore", "lib/\n*.csv\n/ignored/\n");
    for nested in ["third/net", "third/net/deeper", "ignored/clone"] {
        testbed.write(&format!("{nested}/lib/net.py"), "1");
        testbed.write(&format!("{nested}/lib/untracked.py"), "1");
        testbed.write(&format!("{nested}/a.csv"), "1");
        testbed.write(&format!("{nested}/a.log"), "1");
        testbed.write(&format!("{nested}/.gitignore"), "!b.csv\n");
        testbed.write(&format!("{nested}/b.csv"), "1");
        git(&testbed.root.join(nested), &["init", "-q"]);
        git(&testbed.root.join(nested), &["add", "-f", "lib/net.py"]);
        fs::write(testbed.root.join(nested).join(".git/info/exclude"), "*.log\n").unwrap();
    }
    let expected = set(&[
        ".gitignore",
        "third/net/.gitignore",
        "third/net/b.csv",
        "third/net/lib/net.py",
        "third/net/deeper/.gitignore",
        "third/net/deeper/b.csv",
        "third/net/deeper/lib/net.py",
    ]);
    assert_eq!(testbed.names(), expected);
    // Only the nested index changes now: no folder of the project does.
    git(&testbed.root.join("third/net"), &["add", "-f", "lib/untracked.py"]);
    let names = testbed.names();
    assert_eq!(names.difference(&expected).collect::<Vec<_>>(), ["third/net/lib/untracked.py"]);
}

#[test]
fn a_nested_repository_that_is_damaged_is_named() {
    let testbed = testbed("");
    testbed.write(".gitignore", "lib/\n");
    testbed.write("net/lib/a.py", "1");
    testbed.write("net/b.py", "1");
    git(&testbed.root.join("net"), &["init", "-q"]);
    fs::write(testbed.root.join("net/.git/index"), "DIRC and no more").unwrap();
    testbed.write("no-repository/.git", "gitdir: /nowhere\n");
    testbed.write("no-repository/lib/a.py", "1");
    testbed.write("no-repository/b.py", "1");
    testbed.write("pipe/lib/a.py", "1");
    git(&testbed.root.join("pipe"), &["init", "-q"]);
    for name in ["index", "info/exclude"] {
        let path = testbed.root.join("pipe/.git").join(name);
        drop(fs::remove_file(&path));
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    let (names, left_out) = testbed.snapshot();
    assert_eq!(names, set(&[".gitignore", "net/b.py", "no-repository/b.py"]));
    let damaged = |path: &str| LeftOut { path: path.into(), why: Why::Repository };
    assert_eq!(left_out, [damaged("net"), damaged("pipe")]);
}

/// The index in every form that Git can give it.
#[test]
fn every_kind_of_index_is_read() {
    for how in [
        &["update-index", "--index-version", "4"][..],
        &["update-index", "--split-index"],
        &["update-index", "--untracked-cache", "--force-untracked-cache"],
        &["-c", "index.skipHash=true", "update-index", "--force-write-index"],
        &["-c", "feature.manyFiles=true", "add", "-A"],
    ] {
        let testbed = testbed("exp");
        fs::write(testbed.top.join(".gitignore"), "*.csv\n").unwrap();
        testbed.write("a.csv", "1");
        testbed.write("b.csv", "1");
        git(&testbed.top, &["add", "-f", "exp/a.csv"]);
        git(&testbed.top, &["commit", "-qm", "1"]);
        git(&testbed.top, how);
        testbed.write("new.csv", "1");
        git(&testbed.top, &["add", "-f", "--intent-to-add", "exp/new.csv"]);
        assert_eq!(testbed.names(), set(&["a.csv", "new.csv"]), "{how:?}");
    }
}

#[test]
fn a_conflict_is_tracked() {
    let testbed = testbed("exp");
    testbed.write("a.csv", "1");
    git(&testbed.top, &["add", "."]);
    git(&testbed.top, &["commit", "-qm", "1"]);
    git(&testbed.top, &["checkout", "-qb", "other"]);
    testbed.write("a.csv", "2");
    git(&testbed.top, &["commit", "-qam", "2"]);
    git(&testbed.top, &["checkout", "-q", "-"]);
    testbed.write("a.csv", "3");
    git(&testbed.top, &["commit", "-qam", "3"]);
    assert!(!git_command(&testbed.top, &["merge", "-q", "other"]).output().unwrap().status.success());
    fs::write(testbed.top.join(".git/info/exclude"), "*.csv\n").unwrap();
    testbed.write("b.csv", "1");
    assert_eq!(testbed.names(), set(&["a.csv"]));
}

#[test]
fn a_sparse_index_says_what_is_tracked_outside_the_cone() {
    let testbed = testbed("exp");
    for path in ["in/a.csv", "out/deep/b.csv", "out/c.csv"] {
        testbed.write(path, "1");
    }
    git(&testbed.top, &["add", "."]);
    git(&testbed.top, &["commit", "-qm", "1"]);
    git(&testbed.top, &["sparse-checkout", "set", "--cone", "--sparse-index", "exp/in"]);
    assert!(!testbed.root.join("out").exists());
    fs::write(testbed.top.join(".git/info/exclude"), "*.csv\n").unwrap();
    for path in ["out/deep/b.csv", "out/deep/new.csv", "out/new.csv"] {
        testbed.write(path, "2");
    }
    assert!(git(&testbed.top, &["ls-files", "--sparse"]).contains("exp/out/"), "the index is sparse");
    assert_eq!(testbed.names(), set(&["in/a.csv", "out/deep/b.csv"]));
}

fn pattern() -> impl Strategy<Value = String> {
    let part =
        prop::sample::select(vec!["a", "b", "lib", "c.py", "*", "*.py", "l*", "**", "sub", "in", "[ab]"]);
    (any::<[bool; 3]>(), prop::collection::vec(part, 1..4)).prop_map(|([not, rooted, folder], parts)| {
        let (not, rooted) = (if not { "!" } else { "" }, if rooted { "/" } else { "" });
        format!("{not}{rooted}{}{}", parts.join("/"), if folder { "/" } else { "" })
    })
}

fn lines() -> impl Strategy<Value = String> {
    prop::collection::vec(pattern(), 0..3).prop_map(|lines| lines.join("\n") + "\n")
}

/// Paths below the project folder, and whether each is tracked.
fn files() -> impl Strategy<Value = Vec<(String, bool)>> {
    let name = || prop::sample::select(vec!["a", "b", "lib", "c.py", "d.txt"]);
    let start = prop::sample::select(vec!["", "", "sub/", "sub/", "sub/in/", "lib/"]);
    let path = (start, prop::collection::vec(name(), 1..4))
        .prop_map(|(start, parts)| start.to_owned() + &parts.join("/"));
    prop::collection::vec((path, prop::bool::weighted(0.3)), 1..14)
}

/// Copies a work tree without its repositories; a nested one's `info/exclude` goes before its `.gitignore`.
fn flatten(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == ".git" || name == history::FOLDER {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            flatten(&entry.path(), &to.join(&name));
        } else {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn git_and_we_see_the_same_files(
        folder in prop::sample::select(vec!["", "a/b", "exp"]),
        files in files(),
        rules in prop::collection::vec(lines(), 6),
        nested in any::<[bool; 2]>(),
        is_submodule in any::<bool>(),
    ) {
        let testbed = testbed(folder);
        fs::write(testbed.top.join(".git/info/exclude"), &rules[0]).unwrap();
        if !folder.is_empty() {
            fs::write(testbed.top.join(".gitignore"), &rules[1]).unwrap();
        }
        testbed.write(".gitignore", &rules[2]);
        for (path, _) in &files {
            let path = testbed.root.join(path);
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
                fs::write(path, "1").unwrap();
            }
        }
        let is_there = |path: &&(String, bool)| path.1 && testbed.root.join(&path.0).is_file();
        // The innermost repository first: Git would not add its files to the one around it.
        let mut repositories = vec![("", testbed.folder)];
        for (n, (place, is_made)) in ["sub", "sub/in"].into_iter().zip(nested).enumerate() {
            if is_made && testbed.root.join(place).is_dir() {
                git(&testbed.root.join(place), &["init", "-q"]);
                fs::write(testbed.root.join(place).join(".git/info/exclude"), &rules[4 + n]).unwrap();
                repositories.push((place, place));
            }
        }
        if testbed.root.join("sub").is_dir() {
            testbed.write("sub/.gitignore", &rules[3]);
        }
        for (path, _) in files.iter().filter(is_there) {
            let (place, _) = repositories.iter().rev().find(|(place, _)| path.starts_with(&format!("{place}/")) || place.is_empty()).unwrap();
            let inside = path.strip_prefix(place).unwrap().trim_start_matches('/');
            git(&testbed.root.join(place), &["add", "-f", "--", inside]);
        }
        if is_submodule && repositories.iter().any(|(place, _)| *place == "sub") {
            git(&testbed.root.join("sub"), &["commit", "-q", "--allow-empty", "-m", "1"]);
            git(&testbed.root, &["add", "-f", "sub"]);
        }

        // Stock Git about the same files in one repository that tracks nothing.
        let flat = tempfile::tempdir().unwrap();
        flatten(&testbed.top, flat.path());
        for (place, _) in &repositories[1..] {
            let exclude = fs::read_to_string(testbed.root.join(place).join(".git/info/exclude")).unwrap();
            let path = flat.path().join(testbed.folder).join(place).join(".gitignore");
            let own = fs::read_to_string(&path).unwrap_or_default();
            fs::write(path, exclude + &own).unwrap();
        }
        git(flat.path(), &["init", "-q"]);
        fs::write(flat.path().join(".git/info/exclude"), &rules[0]).unwrap();
        let flat_root = flat.path().join(testbed.folder);
        let ignores = |path: &str| {
            git_command(&flat_root, &["check-ignore", "-q", path]).output().unwrap().status.success()
        };
        let tracked: Vec<(&str, BTreeSet<String>)> = repositories
            .iter()
            .map(|(place, _)| {
                let prefixed = |path: String| if place.is_empty() { path } else { format!("{place}/{path}") };
                (*place, listed(&testbed.root.join(place), &["ls-files", "-z"]).into_iter().map(prefixed).collect())
            })
            .collect();
        // A repository that ignores the project is none of its own; what it tracks there all the same is another test.
        prop_assume!(testbed.folder.is_empty() || !ignores("."));
        let mut expected = listed(&flat_root, &["ls-files", "-z", "--others", "--exclude-standard"]);
        for (n, (_, files)) in tracked.iter().enumerate() {
            // An ignored repository is ignored, unless one around it tracks it or a file of it.
            let is_entered = |place: &str, around: usize| {
                let inside = |path: &String| path == place || path.starts_with(&format!("{place}/"));
                !ignores(place) || tracked[..around].iter().any(|(_, files)| files.iter().any(inside))
            };
            let around = tracked[1..=n].iter().enumerate();
            if around.into_iter().all(|(before, (place, _))| is_entered(place, before + 1)) {
                expected.extend(files.iter().filter(|path| testbed.root.join(path).is_file()).cloned());
            }
        }
        // The copies have no `.gitignore` that only an exclude file made.
        expected.retain(|path| testbed.root.join(path).is_file());
        prop_assert_eq!(testbed.names(), expected.clone());
        prop_assert_eq!(testbed.names(), expected, "with the stat index");
    }
}

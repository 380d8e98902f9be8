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
struct World {
    _dir: tempfile::TempDir,
    top: PathBuf,
    root: PathBuf,
    folder: &'static str,
}

fn world(folder: &'static str) -> World {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().join("top");
    let root = top.join(folder);
    fs::create_dir_all(&root).unwrap();
    git(&top, &["init", "-q"]);
    World { _dir: dir, top, root, folder }
}

impl World {
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
    let w = world("exp/net");
    fs::write(w.top.join(".gitignore"), "patients/\n/exp/net/raw\n/raw2\n").unwrap();
    fs::write(w.top.join("exp/.gitignore"), "net/*.csv\n").unwrap();
    fs::write(w.top.join(".git/info/exclude"), "/exp/net/scratch\n").unwrap();
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
        w.write(path, "1");
    }
    git(&w.top, &["add", "-f", "exp/net/kept.csv", "exp/net/patients/p"]);
    w.write("patients/q", "1");
    assert_eq!(w.names(), set(&["s.py", "patients/p", "raw2/a", "kept.csv", "deep/x.csv", "deep/scratch"]));
    let user = UserRepo::open(&w.root).unwrap().unwrap();
    assert_eq!((user.prefix().to_string().as_str(), user.is_around()), ("exp/net/", true));
    assert_eq!(user.head().unwrap(), None, "nothing is committed yet");
    git(&w.top, &["commit", "-qm", "1"]);
    let base = UserRepo::open(&w.root).unwrap().unwrap().head().unwrap().unwrap();
    assert_eq!(base.commit.to_string(), git(&w.top, &["rev-parse", "HEAD"]));
    assert_eq!(base.folder.as_deref(), Some("exp/net"));
}

#[test]
fn a_repository_that_ignores_the_project_is_not_its_own() {
    let w = world("exp/net");
    fs::write(w.top.join(".gitignore"), "exp/\npatients\n").unwrap();
    w.write("patients/p", "1");
    assert!(UserRepo::open(&w.root).unwrap().is_none());
    git(&w.top, &["add", "-f", "exp/net/patients/p"]);
    assert!(UserRepo::open(&w.root).unwrap().is_some(), "it tracks a file of it");
}

#[test]
fn bare_repositories_ceilings_and_other_work_trees_do_not_count() {
    let w = world("exp");
    git(&w.top, &["config", "core.worktree", "/nowhere"]);
    assert!(UserRepo::open(&w.root).unwrap().is_none());
    git(&w.top, &["config", "--unset", "core.worktree"]);
    assert!(UserRepo::open(&w.root).unwrap().is_some());
    git(&w.top, &["config", "core.bare", "true"]);
    assert!(UserRepo::open(&w.root).unwrap().is_none());
    let bare = tempfile::tempdir().unwrap();
    git(bare.path(), &["init", "-q", "--bare", "."]);
    fs::create_dir(bare.path().join("project")).unwrap();
    assert!(UserRepo::open(&bare.path().join("project")).unwrap().is_none());
}

#[test]
fn a_project_in_a_folder_of_a_linked_work_tree() {
    let w = world("");
    w.write("exp/s.py", "1");
    w.write(".gitignore", "*.csv\n");
    git(&w.top, &["add", "."]);
    git(&w.top, &["commit", "-qm", "1"]);
    let linked = w.top.parent().unwrap().join("linked");
    git(&w.top, &["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap()]);
    git(&w.top, &["config", "core.bare", "true"]);
    fs::write(w.top.join(".git/info/exclude"), "*.log\n").unwrap();
    let root = linked.join("exp");
    for name in ["a.csv", "a.log", "new.py"] {
        fs::write(root.join(name), "1").unwrap();
    }
    let there = World { _dir: tempfile::tempdir().unwrap(), top: linked, root, folder: "exp" };
    assert_eq!(there.names(), set(&["s.py", "new.py"]));
    let base = UserRepo::open(&there.root).unwrap().unwrap().head().unwrap().unwrap();
    assert_eq!(base.branch.as_deref(), Some("other"));
}

#[test]
fn what_nested_repositories_track_is_in_and_what_they_ignore_is_out() {
    let w = world("");
    w.write(".gitignore", "lib/\n*.csv\n/ignored/\n");
    for nested in ["third/net", "third/net/deeper", "ignored/clone"] {
        w.write(&format!("{nested}/lib/net.py"), "1");
        w.write(&format!("{nested}/lib/untracked.py"), "1");
        w.write(&format!("{nested}/a.csv"), "1");
        w.write(&format!("{nested}/a.log"), "1");
        w.write(&format!("{nested}/.gitignore"), "!b.csv\n");
        w.write(&format!("{nested}/b.csv"), "1");
        git(&w.root.join(nested), &["init", "-q"]);
        git(&w.root.join(nested), &["add", "-f", "lib/net.py"]);
        fs::write(w.root.join(nested).join(".git/info/exclude"), "*.log\n").unwrap();
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
    assert_eq!(w.names(), expected);
    // Only the nested index changes now: no folder of the project does.
    git(&w.root.join("third/net"), &["add", "-f", "lib/untracked.py"]);
    let names = w.names();
    assert_eq!(names.difference(&expected).collect::<Vec<_>>(), ["third/net/lib/untracked.py"]);
}

#[test]
fn a_nested_repository_that_is_damaged_is_named() {
    let w = world("");
    w.write(".gitignore", "lib/\n");
    w.write("net/lib/a.py", "1");
    w.write("net/b.py", "1");
    git(&w.root.join("net"), &["init", "-q"]);
    fs::write(w.root.join("net/.git/index"), "DIRC and no more").unwrap();
    w.write("no-repository/.git", "gitdir: /nowhere\n");
    w.write("no-repository/lib/a.py", "1");
    w.write("no-repository/b.py", "1");
    w.write("pipe/lib/a.py", "1");
    git(&w.root.join("pipe"), &["init", "-q"]);
    for name in ["index", "info/exclude"] {
        let path = w.root.join("pipe/.git").join(name);
        drop(fs::remove_file(&path));
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    let (names, left_out) = w.snapshot();
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
        let w = world("exp");
        fs::write(w.top.join(".gitignore"), "*.csv\n").unwrap();
        w.write("a.csv", "1");
        w.write("b.csv", "1");
        git(&w.top, &["add", "-f", "exp/a.csv"]);
        git(&w.top, &["commit", "-qm", "1"]);
        git(&w.top, how);
        w.write("new.csv", "1");
        git(&w.top, &["add", "-f", "--intent-to-add", "exp/new.csv"]);
        assert_eq!(w.names(), set(&["a.csv", "new.csv"]), "{how:?}");
    }
}

#[test]
fn a_conflict_is_tracked() {
    let w = world("exp");
    w.write("a.csv", "1");
    git(&w.top, &["add", "."]);
    git(&w.top, &["commit", "-qm", "1"]);
    git(&w.top, &["checkout", "-qb", "other"]);
    w.write("a.csv", "2");
    git(&w.top, &["commit", "-qam", "2"]);
    git(&w.top, &["checkout", "-q", "-"]);
    w.write("a.csv", "3");
    git(&w.top, &["commit", "-qam", "3"]);
    assert!(!git_command(&w.top, &["merge", "-q", "other"]).output().unwrap().status.success());
    fs::write(w.top.join(".git/info/exclude"), "*.csv\n").unwrap();
    w.write("b.csv", "1");
    assert_eq!(w.names(), set(&["a.csv"]));
}

#[test]
fn a_sparse_index_says_what_is_tracked_outside_the_cone() {
    let w = world("exp");
    for path in ["in/a.csv", "out/deep/b.csv", "out/c.csv"] {
        w.write(path, "1");
    }
    git(&w.top, &["add", "."]);
    git(&w.top, &["commit", "-qm", "1"]);
    git(&w.top, &["sparse-checkout", "set", "--cone", "--sparse-index", "exp/in"]);
    assert!(!w.root.join("out").exists());
    fs::write(w.top.join(".git/info/exclude"), "*.csv\n").unwrap();
    for path in ["out/deep/b.csv", "out/deep/new.csv", "out/new.csv"] {
        w.write(path, "2");
    }
    assert!(git(&w.top, &["ls-files", "--sparse"]).contains("exp/out/"), "the index is sparse");
    assert_eq!(w.names(), set(&["in/a.csv", "out/deep/b.csv"]));
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
        let w = world(folder);
        fs::write(w.top.join(".git/info/exclude"), &rules[0]).unwrap();
        if !folder.is_empty() {
            fs::write(w.top.join(".gitignore"), &rules[1]).unwrap();
        }
        w.write(".gitignore", &rules[2]);
        for (path, _) in &files {
            let path = w.root.join(path);
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
                fs::write(path, "1").unwrap();
            }
        }
        let is_there = |path: &&(String, bool)| path.1 && w.root.join(&path.0).is_file();
        // The innermost repository first: Git would not add its files to the one around it.
        let mut repositories = vec![("", w.folder)];
        for (n, (place, is_made)) in ["sub", "sub/in"].into_iter().zip(nested).enumerate() {
            if is_made && w.root.join(place).is_dir() {
                git(&w.root.join(place), &["init", "-q"]);
                fs::write(w.root.join(place).join(".git/info/exclude"), &rules[4 + n]).unwrap();
                repositories.push((place, place));
            }
        }
        if w.root.join("sub").is_dir() {
            w.write("sub/.gitignore", &rules[3]);
        }
        for (path, _) in files.iter().filter(is_there) {
            let (place, _) = repositories.iter().rev().find(|(place, _)| path.starts_with(&format!("{place}/")) || place.is_empty()).unwrap();
            let inside = path.strip_prefix(place).unwrap().trim_start_matches('/');
            git(&w.root.join(place), &["add", "-f", "--", inside]);
        }
        if is_submodule && repositories.iter().any(|(place, _)| *place == "sub") {
            git(&w.root.join("sub"), &["commit", "-q", "--allow-empty", "-m", "1"]);
            git(&w.root, &["add", "-f", "sub"]);
        }

        // Stock Git about the same files in one repository that tracks nothing.
        let flat = tempfile::tempdir().unwrap();
        flatten(&w.top, flat.path());
        for (place, _) in &repositories[1..] {
            let exclude = fs::read_to_string(w.root.join(place).join(".git/info/exclude")).unwrap();
            let path = flat.path().join(w.folder).join(place).join(".gitignore");
            let own = fs::read_to_string(&path).unwrap_or_default();
            fs::write(path, exclude + &own).unwrap();
        }
        git(flat.path(), &["init", "-q"]);
        fs::write(flat.path().join(".git/info/exclude"), &rules[0]).unwrap();
        let flat_root = flat.path().join(w.folder);
        let ignores = |path: &str| {
            git_command(&flat_root, &["check-ignore", "-q", path]).output().unwrap().status.success()
        };
        let tracked: Vec<(&str, BTreeSet<String>)> = repositories
            .iter()
            .map(|(place, _)| {
                let prefixed = |path: String| if place.is_empty() { path } else { format!("{place}/{path}") };
                (*place, listed(&w.root.join(place), &["ls-files", "-z"]).into_iter().map(prefixed).collect())
            })
            .collect();
        // A repository that ignores the project is none of its own; what it tracks there all the same is another test.
        prop_assume!(w.folder.is_empty() || !ignores("."));
        let mut expected = listed(&flat_root, &["ls-files", "-z", "--others", "--exclude-standard"]);
        for (n, (_, files)) in tracked.iter().enumerate() {
            // An ignored repository is ignored, unless one around it tracks it or a file of it.
            let is_entered = |place: &str, around: usize| {
                let inside = |path: &String| path == place || path.starts_with(&format!("{place}/"));
                !ignores(place) || tracked[..around].iter().any(|(_, files)| files.iter().any(inside))
            };
            let around = tracked[1..=n].iter().enumerate();
            if around.into_iter().all(|(before, (place, _))| is_entered(place, before + 1)) {
                expected.extend(files.iter().filter(|path| w.root.join(path).is_file()).cloned());
            }
        }
        // The copies have no `.gitignore` that only an exclude file made.
        expected.retain(|path| w.root.join(path).is_file());
        prop_assert_eq!(w.names(), expected.clone());
        prop_assert_eq!(w.names(), expected, "with the stat index");
    }
}

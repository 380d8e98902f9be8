//! The store: what it keeps, in which order, and what it costs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    super::{Error, shard, tip::Totals},
    *,
};

#[test]
fn records_come_back_newest_first_whatever_the_order_they_came_in() {
    let (_folder, history) = history();
    let store = RunStore::new(&history);
    assert_eq!(store.newest(5).unwrap(), []);
    assert_eq!((store.count().unwrap(), store.next_number().unwrap()), (0, 1));
    let times =
        [1_504_832_281_116, 5, 1_504_832_281_999, 1_504_832_280_000, 9_999_999_999_999, 1_604_832_281_116];
    put_all(&history, &times.map(run_at));
    let mut sorted = times;
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(ids(&store.all().unwrap()), sorted);
    assert_eq!(ids(&store.newest(2).unwrap()), sorted[..2]);
    assert_eq!(store.count().unwrap(), 6);
}

#[test]
fn a_record_is_replaced_and_found_by_its_id_or_what_it_begins_with() {
    let (_folder, history) = history();
    let store = RunStore::new(&history);
    let mut record = store.start(&run_at(1_504_832_281_116), &by()).unwrap();
    assert_eq!(record.run_number, 1);
    record.status = Status::Running;
    let commit = store.put(&record, &by()).unwrap();
    assert_eq!(store.get(&record.run_id).unwrap(), Some(record.clone()));
    assert_eq!(store.count().unwrap(), 1);
    assert_eq!(store.put(&record, &by()).unwrap(), commit, "nothing new, no commit");

    let other = store.start(&run_at(1_504_832_299_000), &by()).unwrap();
    assert_eq!(other.run_number, 2);
    let found =
        |prefix: &str| -> Vec<u64> { store.find(prefix).unwrap().iter().map(RunId::epoch_ms).collect() };
    assert_eq!(found("iris_15048322"), [1_504_832_299_000, 1_504_832_281_116]);
    assert_eq!(found("15048322811"), [1_504_832_281_116]);
    assert_eq!(found("iris_1504832299000"), [1_504_832_299_000]);
    assert_eq!(found("nothing"), Vec::<u64>::new());
    assert_eq!(store.get(&RunId::new("iris", 7).unwrap()).unwrap(), None);
    assert!(matches!(store.start(&run_at(1_504_832_299_000), &by()), Err(Error::Exists { .. })));
}

#[test]
fn many_who_start_at_once_lose_nothing_and_get_a_number_each() {
    let (_folder, history) = history();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let history = history.clone();
            scope.spawn(move || {
                for run in 0..5 {
                    RunStore::new(&history)
                        .start(&run_at(1_504_832_281_000 + thread * 10 + run), &by())
                        .unwrap();
                }
            });
        }
    });
    let mut numbers: Vec<_> = RunStore::new(&history).all().unwrap().iter().map(|r| r.run_number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    fsck(&history);
}

#[test]
fn stock_git_reads_the_records_and_finds_nothing_wrong() {
    let (_folder, history) = history();
    put_all(&history, &[sample()]);
    let listed = git(
        &history,
        &["ls-tree", "-r", "--name-only", "refs/azureml/runs/0a1b2c3d-0000-4000-8000-000000000001"],
    );
    assert_eq!(listed, "v1/1504/83/22/81/IrisDemo_1504832281116.json\n");
    let message =
        git(&history, &["log", "--format=%B", "refs/azureml/runs/0a1b2c3d-0000-4000-8000-000000000001"]);
    assert_eq!(message.trim_end(), "IrisDemo_1504832281116: Completed\n\nRuns: 1\nLast-Run-Number: 7");
    fsck(&history);
}

#[test]
fn a_layout_of_a_newer_azml_is_refused() {
    let (_folder, history) = history();
    put_all(&history, &[sample()]);
    let repo = history.git();
    let tip = history.ref_tip(history.runs_ref().as_ref()).unwrap().unwrap();
    let tree = repo.find_tree(join::tree_of(repo, tip).unwrap()).unwrap();
    let mut tree: gix::objs::Tree = tree.decode().unwrap().into();
    tree.entries[0].filename = "v2".into();
    let tree = repo.write_object(&tree).unwrap().detach();
    let commit = join::write_commit(repo, tree, &[tip], &by(), "newer".into()).unwrap();
    history.update_ref(&history.runs_ref(), Some(tip), commit).unwrap();
    let store = RunStore::new(&history);
    assert!(matches!(store.newest(1), Err(Error::NewerLayout { .. })));
    assert!(matches!(store.put(&sample(), &by()), Err(Error::NewerLayout { .. })));
}

#[test]
fn with_ten_thousand_runs_adding_one_writes_little_and_listing_reads_what_it_shows() {
    let (_folder, history) = history();
    let repo = history.git();
    let store = RunStore::new(&history);
    // Five runs a second over half an hour; all but the newest share a content that is not there.
    let absent = ObjectId::from_hex(b"00000000000000000000000000000000000000aa").unwrap();
    let runs: Vec<_> =
        (0..10_000).map(|i| RunId::new("iris", 1_504_832_281_116 + i * 200).unwrap()).collect();
    let tree = shard::put(repo, None, runs[..9_980].iter().map(|run| (run.clone(), absent))).unwrap();
    let message = Totals { runs: 9_980, last_number: 10_000 }.message("many");
    let commit = join::write_commit(repo, tree, &[], &by(), message.as_str().into()).unwrap();
    history.update_ref(&history.runs_ref(), None, commit).unwrap();
    put_all(&history, &runs[9_980..].iter().map(|run| run_at(run.epoch_ms())).collect::<Vec<_>>());

    let before = loose_objects(&history);
    let added = store.start(&run_at(1_504_834_300_000), &by()).unwrap();
    assert_eq!(added.run_number, 10_001);
    let new: BTreeMap<_, _> =
        loose_objects(&history).into_iter().filter(|(p, _)| !before.contains_key(p)).collect();
    assert!(new.len() <= 8, "a record, six trees and a commit: {}", new.len());
    assert!(new.values().sum::<u64>() < 8_000, "{} bytes", new.values().sum::<u64>());

    // Only the newest 20 records' content is there, so a listing that succeeds has read no other.
    assert_eq!(store.newest(20).unwrap().len(), 20);
    assert_eq!(store.count().unwrap(), 10_001);
    assert!(store.all().is_err(), "the others' content is absent indeed");
    // Nor does it read the folders of the others: without any of them it still lists.
    let needed = objects_of_newest(&history, 20);
    for path in loose_objects(&history).into_keys().filter(|path| !needed.contains(path)) {
        fs::remove_file(path).unwrap();
    }
    let fresh = HistoryRepo::open(history.root(), project()).unwrap();
    assert_eq!(RunStore::new(&fresh).newest(20).unwrap().len(), 20);
    RunStore::new(&fresh).start(&run_at(1_504_834_400_000), &by()).unwrap();
}

/// The files of the commit, trees and blobs on the way to the newest `n` records.
fn objects_of_newest(history: &HistoryRepo, n: usize) -> Vec<PathBuf> {
    let commit = git(history, &["rev-parse", "refs/azureml/runs/0a1b2c3d-0000-4000-8000-000000000001"]);
    let mut specs = vec![commit.trim().to_owned(), format!("{}^{{tree}}", commit.trim())];
    for record in RunStore::new(history).newest(n).unwrap() {
        let parts = shard::path_of(&record.run_id);
        specs.extend((1..=parts.len()).map(|end| format!("{}:{}", commit.trim(), parts[..end].join("/"))));
    }
    let mut arguments = vec!["rev-parse"];
    arguments.extend(specs.iter().map(String::as_str));
    let objects = history.path().join("objects");
    git(history, &arguments).lines().map(|id| objects.join(&id[..2]).join(&id[2..])).collect()
}

fn loose_objects(history: &HistoryRepo) -> BTreeMap<PathBuf, u64> {
    let files = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let folders = files(&history.path().join("objects"));
    let folders = folders.iter().filter(|folder| folder.file_name().unwrap().len() == 2);
    folders
        .flat_map(|folder| files(folder))
        .map(|path| (path.clone(), path.metadata().unwrap().len()))
        .collect()
}

fn git(history: &HistoryRepo, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("--git-dir").arg(history.path()).args(arguments).env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fsck(history: &HistoryRepo) {
    git(history, &["fsck", "--strict", "--no-dangling"]);
}

//! Records that can't be read: they stop nothing, stay byte for byte, and merge alike for everybody (S10).

use std::collections::BTreeMap;

use super::{
    merging::{fetch, reopened},
    *,
};
use crate::{
    limits,
    run::{shard, stored::read_stored},
};

/// Puts these bytes in the place of a run's record, as nobody's azml would.
fn put_raw(history: &HistoryRepo, ms: u64, bytes: &[u8]) {
    let (git, name) = (history.git(), history.runs_ref());
    let tip = history.ref_tip(name.as_ref()).unwrap();
    let tree = tip.map(|tip| join::tree_of(git, tip).unwrap());
    let blob = git.write_blob(bytes).unwrap().detach();
    let tree = shard::put(git, tree, [(RunId::new("iris", ms).unwrap(), blob)]).unwrap();
    let commit = join::write_commit(git, tree, tip.as_slice(), &by(), "odd".into()).unwrap();
    history.update_ref(&name, tip, commit).unwrap();
}

/// The bytes that are kept of a run.
fn raw(history: &HistoryRepo, ms: u64) -> Option<Vec<u8>> {
    let git = history.git();
    let tip = history.ref_tip(history.runs_ref().as_ref()).unwrap()?;
    let blob =
        shard::get(git, join::tree_of(git, tip).unwrap(), &RunId::new("iris", ms).unwrap()).unwrap()?;
    read_stored(git, blob).unwrap().ok()
}

fn newer(version: u64, ms: u64) -> Vec<u8> {
    let text = String::from_utf8(run_at(ms).to_stored()).unwrap();
    text.replace("\"version\": 1", &format!("\"version\": {version}")).into_bytes()
}

/// Returns contents that somebody could put there, each with the status that stands for it.
fn odd(ms: u64) -> [(&'static str, Vec<u8>, Status); 8] {
    let good = String::from_utf8(run_at(ms).to_stored()).unwrap();
    [
        ("empty", Vec::new(), Status::Unreadable),
        ("garbage", b"\x00\xff\x1b[2J".to_vec(), Status::Unreadable),
        ("no object", b"[1, 2]".to_vec(), Status::Unreadable),
        (
            "of a wrong type",
            good.replace("\"run_number\": 0", "\"run_number\": []").into_bytes(),
            Status::Unreadable,
        ),
        ("another run's", run_at(ms + 1).to_stored(), Status::Unreadable),
        ("nested", [b"[".repeat(100_000), b"]".repeat(100_000)].concat(), Status::Unreadable),
        ("huge", vec![b' '; usize::try_from(limits::RUN_RECORD).unwrap() + 1], Status::Unreadable),
        ("of a newer version", newer(2, ms), Status::Newer),
    ]
}

#[test]
fn one_bad_record_stops_neither_reading_nor_writing() {
    const BAD: u64 = 1_504_832_282_000;
    for (what, bytes, status) in odd(BAD) {
        let (_folder, history) = history();
        put_all(&history, &[run_at(BAD - 1), run_at(BAD + 10)]);
        put_raw(&history, BAD, &bytes);
        let store = RunStore::new(&history);
        for all in [store.all().unwrap(), store.listed().unwrap(), store.newest(9).unwrap()] {
            assert_eq!(ids(&all), [BAD + 10, BAD, BAD - 1], "{what}");
            assert_eq!(all[1].status, status, "{what}");
            let why = all[1].why_unreadable().unwrap_or_else(|| panic!("{what}: no reason"));
            assert!(!why.contains('\u{1b}'), "{what}: {why}");
            assert_eq!(all[0].why_unreadable(), None);
        }
        let id = RunId::new("iris", BAD).unwrap();
        assert!(store.get(&id).is_err(), "{what}: it is no record");
        assert_eq!(store.find(id.as_str()).unwrap(), std::slice::from_ref(&id), "{what}");
        assert_eq!((store.count().unwrap(), store.namesakes(&id).unwrap().len()), (3, 0), "{what}");
        let started = store.start(&run_at(BAD + 20), &by()).unwrap();
        assert_eq!(started.run_number, 1, "{what}");
        store.put(&run_at(BAD - 1), &by()).unwrap();
        let kept = raw(&history, BAD);
        assert!(kept.is_none_or(|kept| kept == bytes), "{what}: byte for byte");
    }
}

#[test]
fn two_computers_with_variants_of_a_bad_record_agree_whoever_merges_first() {
    const BAD: u64 = 1_504_832_282_000;
    let variants: Vec<(&str, Vec<u8>)> = vec![
        ("good", run_at(BAD).to_stored()),
        ("garbage", b"garbage".to_vec()),
        ("other garbage", b"{\"version\": 1}".to_vec()),
        ("version 2", newer(2, BAD)),
        ("version 3", newer(3, BAD)),
    ];
    let merged = |one: &[u8], two: &[u8]| {
        let (_a, ours) = history();
        let (_b, theirs) = history();
        put_all(&ours, &[run_at(1_000)]);
        put_all(&theirs, &[run_at(2_000)]);
        put_raw(&ours, BAD, one);
        put_raw(&theirs, BAD, two);
        let tip = fetch(&theirs, &ours);
        let ours = reopened(&ours);
        RunStore::new(&ours).merge(tip, &by()).unwrap();
        assert_eq!(RunStore::new(&ours).count().unwrap(), 3);
        raw(&ours, BAD).unwrap()
    };
    let mut known = BTreeMap::new();
    for (at, (one_name, one)) in variants.iter().enumerate() {
        for (other, (two_name, two)) in variants.iter().enumerate() {
            let kept = merged(one, two);
            if let Some(turned) = known.insert((at, other), kept.clone()).or(known.get(&(other, at)).cloned())
            {
                assert_eq!(kept, turned, "{one_name}, {two_name}");
            }
            assert!(kept == *one || kept == *two, "{one_name}, {two_name}: byte for byte");
            let is_garbage = |at: usize| matches!(at, 1 | 2);
            if is_garbage(at) != is_garbage(other) {
                assert_eq!(&kept, if is_garbage(at) { two } else { one }, "{one_name}, {two_name}");
            }
        }
    }
    assert_eq!(known[&(3, 4)], variants[4].1, "the higher version stays");
    assert_eq!(known[&(0, 3)], variants[3].1, "and stays before one that can be read");
}

#[test]
fn a_run_whose_record_was_upgraded_elsewhere_keeps_its_own_end() {
    let (_folder, history) = history();
    let record = RunStore::new(&history).start(&run_at(5_000), &by()).unwrap();
    put_raw(&history, 5_000, &newer(2, 5_000));
    let store = RunStore::new(&history);
    assert_eq!(store.current(&record).unwrap(), None);
    for status in [Status::Running, Status::Completed] {
        store.put(&RunRecord { status, ..record.clone() }, &by()).unwrap();
        assert_eq!(store.current(&record).unwrap().unwrap().status, status);
    }
    assert_eq!(raw(&history, 5_000).unwrap(), newer(2, 5_000));
    assert_eq!(store.count().unwrap(), 2);
}

#[test]
fn numbers_that_say_that_there_is_no_next_one_are_no_end() {
    let (_folder, history) = history();
    put_all(&history, &[run_at(1_000)]);
    let (git, name) = (history.git(), history.runs_ref());
    let tip = history.ref_tip(name.as_ref()).unwrap();
    let tree = join::tree_of(git, tip.unwrap()).unwrap();
    let most = format!("x\n\nRuns: {}\nLast-Run-Number: {}\n", u64::MAX, u64::MAX);
    let commit = join::write_commit(git, tree, tip.as_slice(), &by(), most.as_str().into()).unwrap();
    history.update_ref(&name, tip, commit).unwrap();
    assert_eq!(RunStore::new(&history).start(&run_at(2_000), &by()).unwrap().run_number, u64::MAX);
    assert_eq!(RunStore::new(&history).all().unwrap().len(), 2);
}

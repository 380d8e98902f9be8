//! Merging what two computers recorded.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    super::{
        Change, Error, Merged,
        joined::{joined, newer},
    },
    *,
};

/// Copies the objects of `from` to `to`, as a fetch would, and gives the tip of its records.
pub(super) fn fetch(from: &HistoryRepo, to: &HistoryRepo) -> ObjectId {
    for folder in std::fs::read_dir(from.path().join("objects")).unwrap().map(|entry| entry.unwrap()) {
        let copy = to.path().join("objects").join(folder.file_name());
        std::fs::create_dir_all(&copy).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()) {
            if !copy.join(file.file_name()).exists() {
                std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
            }
        }
    }
    from.ref_tip(from.runs_ref().as_ref()).unwrap().unwrap()
}

pub(super) fn reopened(history: &HistoryRepo) -> HistoryRepo {
    HistoryRepo::open(history.root(), project()).unwrap()
}

#[test]
fn the_union_has_every_run_of_both_and_the_next_number_is_new() {
    let (_a, ours) = history();
    let (_b, theirs) = history();
    for ms in [1_504_832_281_000, 1_504_832_282_000] {
        RunStore::new(&ours).start(&run_at(ms), &by()).unwrap();
    }
    for ms in [1_504_832_281_500, 1_604_832_281_500, 5_000] {
        RunStore::new(&theirs).start(&run_at(ms), &by()).unwrap();
    }
    let (tip, old) = (fetch(&theirs, &ours), ours.ref_tip(ours.runs_ref().as_ref()).unwrap().unwrap());
    let ours = reopened(&ours);
    let store = RunStore::new(&ours);
    let merged = store.merge(tip, &by()).unwrap();
    let Merged::Both(commit) = merged else { panic!("{merged:?}") };
    let parents: Vec<_> = ours.git().find_commit(commit).unwrap().parent_ids().map(gix::Id::detach).collect();
    assert_eq!(parents, [tip, old], "a fast-forward for the remote");
    let expected = [1_604_832_281_500, 1_504_832_282_000, 1_504_832_281_500, 1_504_832_281_000, 5_000];
    assert_eq!(ids(&store.all().unwrap()), expected);
    assert_eq!((store.count().unwrap(), store.next_number().unwrap()), (5, 4));
    assert_eq!(store.merge(tip, &by()).unwrap(), Merged::Ours(commit), "again changes nothing");
}

#[test]
fn who_has_everything_already_is_left_or_taken_as_it_is() {
    let (_a, ours) = history();
    let (_b, theirs) = history();
    RunStore::new(&theirs).start(&run_at(1_000), &by()).unwrap();
    let tip = fetch(&theirs, &ours);
    let ours = reopened(&ours);
    let store = RunStore::new(&ours);
    assert_eq!(store.merge(tip, &by()).unwrap(), Merged::Theirs(tip), "we have none");
    let commit = store.put(&run_at(2_000), &by()).unwrap();
    assert_eq!(store.merge(tip, &by()).unwrap(), Merged::Ours(commit));
    fetch(&ours, &theirs);
    let theirs = reopened(&theirs);
    assert_eq!(RunStore::new(&theirs).merge(commit, &by()).unwrap(), Merged::Theirs(commit));
}

#[test]
fn merging_needs_the_newest_commit_alone() {
    let (_a, ours) = history();
    let (_b, theirs) = history();
    put_all(&theirs, &[run_at(1_000), run_at(2_000)]);
    let tip = fetch(&theirs, &ours);
    // A depth-1 fetch: the tip is here and its parent is not.
    let parent = theirs.git().find_commit(tip).unwrap().parent_ids().next().unwrap().to_string();
    std::fs::remove_file(ours.path().join("objects").join(&parent[..2]).join(&parent[2..])).unwrap();
    std::fs::write(ours.path().join("shallow"), format!("{tip}\n")).unwrap();
    put_all(&ours, &[run_at(3_000)]);
    let ours = reopened(&ours);
    let store = RunStore::new(&ours);
    assert!(matches!(store.merge(tip, &by()).unwrap(), Merged::Both(_)));
    assert_eq!(ids(&store.all().unwrap()), [3_000, 2_000, 1_000]);
    store.put(&run_at(4_000), &by()).unwrap();
    assert_eq!(store.count().unwrap(), 4);
}

#[test]
fn of_two_records_of_a_run_the_one_that_knows_its_end_stays() {
    let running = |status| RunRecord { status, ..run_at(1_000) };
    let ended = |status, second| RunRecord {
        status,
        end_time_utc: Some(Timestamp::from_second(second).unwrap()),
        ..run_at(1_000)
    };
    let order = [
        running(Status::Submitting),
        running(Status::Running),
        ended(Status::NotResponding, 900),
        running(Status::Canceled),
        ended(Status::Completed, 5),
        ended(Status::Failed, 6),
    ];
    for (i, low) in order.iter().enumerate() {
        for high in &order[i + 1..] {
            assert_eq!((newer(low, high), newer(high, low)), (high, high));
        }
    }
}

/// One computer records the end, another one edits; each has heard of the run's start alone.
#[test]
fn an_edit_and_an_end_on_two_computers_are_both_kept() {
    let ended = RunRecord { status: Status::Completed, exit_code: Some(0), ..run_at(1_000) };
    let edited = RunRecord {
        name: Some("best".to_owned()),
        tags: [("kind".to_owned(), "baseline".to_owned())].into(),
        edited_utc: Some(Timestamp::from_second(9).unwrap()),
        ..RunRecord { status: Status::Running, ..run_at(1_000) }
    };
    let later = RunRecord { edited_utc: Some(Timestamp::from_second(10).unwrap()), ..run_at(1_000) };
    let (one, two) = ([ended], [edited]);
    let [both] = &merged(&one, &two)[..] else { panic!() };
    assert_eq!((both.status, both.exit_code), (Status::Completed, Some(0)));
    assert_eq!((&both.name, &both.tags), (&two[0].name, &two[0].tags));
    assert_eq!(merged(&two, &one), merged(&one, &two));
    assert_eq!(joined(both, &later).name, None, "the later edit");

    // The process of the run goes on with the record that it had.
    let (_folder, history) = history();
    put_all(&history, &two);
    put_all(&history, &one);
    let kept = RunStore::new(&history).all().unwrap();
    assert_eq!((kept[0].status, kept[0].name.as_deref()), (Status::Completed, Some("best")));
}

/// The process of a run logs tags until its end; somebody edits the record meanwhile.
#[test]
fn tags_that_a_run_logs_after_an_edit_are_kept_and_edited_ones_stay_as_they_were_edited() {
    let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let running = RunRecord {
        status: Status::Running,
        tags: tags(&[("given", "1"), ("early", "1"), ("gone", "1")]),
        ..run_at(1_000)
    };
    let now = |seconds| Timestamp::from_second(seconds).unwrap();
    let change = |name: &str, text: Option<&str>| Change::Tag(name.to_owned(), text.map(str::to_owned));
    let (_folder, history) = history();
    let store = RunStore::new(&history);
    put_all(&history, std::slice::from_ref(&running));
    for (at, changes) in
        [(5, vec![change("early", Some("2")), change("gone", None)]), (4, vec![change("mine", Some("1"))])]
    {
        store.edit(&running.run_id, &by(), |record| record.edit(now(at), changes.clone())).unwrap();
    }
    let ended = RunRecord {
        status: Status::Completed,
        name: Some("logged".to_owned()),
        tags: tags(&[("given", "1"), ("early", "3"), ("gone", "2"), ("late", "1")]),
        parameters: tags(&[("lr", "0.1")]),
        ..running.clone()
    };
    put_all(&history, std::slice::from_ref(&ended));
    let kept = store.all().unwrap().remove(0);
    assert_eq!(kept.tags, tags(&[("given", "1"), ("early", "2"), ("late", "1"), ("mine", "1")]));
    assert_eq!((kept.name.as_deref(), &kept.parameters), (Some("logged"), &ended.parameters));
    assert!(!kept.to_output().contains_key("edits"));
    // The same where the edits come from another computer after the end; edits of several computers are all kept.
    let mut elsewhere = running.clone();
    elsewhere.edit(now(5), [change("early", Some("2")), change("gone", None)]);
    let mut third = running;
    third.edit(now(4), [change("mine", Some("1")), change("early", Some("0"))]);
    let all = joined(&joined(&ended, &elsewhere), &third);
    assert_eq!(all.tags, kept.tags);
    assert_eq!(all, joined(&ended, &joined(&third, &elsewhere)));
}

/// Two computers begin a run in one millisecond, before either hears of the other's.
#[test]
fn two_runs_of_one_id_are_both_kept_by_everybody() {
    let (_a, ours) = history();
    let (_b, theirs) = history();
    let on = |host: &str| RunRecord { host: Some(host.to_owned()), ..run_at(1_000) };
    let by_us = RunStore::new(&ours).start(&on("one"), &by()).unwrap();
    let by_them = RunStore::new(&theirs).start(&on("two"), &by()).unwrap();
    assert_eq!(by_us.run_id, by_them.run_id);

    let (our_tip, their_tip) = (fetch(&ours, &theirs), fetch(&theirs, &ours));
    let (ours, theirs) = (reopened(&ours), reopened(&theirs));
    let (here, there) = (RunStore::new(&ours), RunStore::new(&theirs));
    here.merge(their_tip, &by()).unwrap();
    there.merge(our_tip, &by()).unwrap();
    assert_eq!(here.all().unwrap(), there.all().unwrap());
    assert_eq!(here.count().unwrap(), 2);
    let moved = here.namesakes(&by_us.run_id).unwrap();
    let [moved] = moved.as_slice() else { panic!("{moved:?}") };
    assert_eq!(moved.submitted_as(), by_us.run_id);
    assert_ne!(moved.run_id, by_us.run_id);
    assert_eq!(moved.run_id.epoch_ms(), by_us.run_id.epoch_ms());

    // Each computer goes on with the record it has, under the id it knows.
    let ended = |record: &RunRecord| RunRecord { status: Status::Completed, ..record.clone() };
    here.put(&ended(&by_us), &by()).unwrap();
    there.put(&ended(&by_them), &by()).unwrap();
    let tip = fetch(&theirs, &ours);
    let here = reopened(&ours);
    let here = RunStore::new(&here);
    here.merge(tip, &by()).unwrap();
    assert_eq!(here.count().unwrap(), 2);
    for record in [&by_us, &by_them] {
        let kept = here.current(record).unwrap().expect("no run is lost");
        assert_eq!((kept.status, &kept.host), (Status::Completed, &record.host));
    }
    let error = here.start(&by_us, &by()).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
}

fn any_record() -> impl Strategy<Value = RunRecord> {
    let change = ("[abc]", prop::option::of("[xy]")).prop_map(|(tag, text)| match &*tag {
        "c" => Change::Name(text),
        _ => Change::Tag(tag, text),
    });
    let edits = prop::collection::vec((0..3_i64, change), 0..3);
    (any_unedited_record(), edits).prop_map(|(mut record, edits)| {
        for (at, change) in edits {
            record.edit(Timestamp::from_second(at).unwrap(), [change]);
        }
        record
    })
}

/// As earlier versions left them.
fn any_unedited_record() -> impl Strategy<Value = RunRecord> {
    let times = || prop::option::of(0..3_i64);
    let edit = || (times(), any::<bool>(), prop::option::of("[ab]"));
    (0..3_u64, 0..3_u8, 0..6_usize, times(), times(), 0..2_i32, edit()).prop_map(
        |(run, host, status, start, end, code, (edited, hidden, name))| RunRecord {
            edited_utc: edited.map(|s| Timestamp::from_second(s).unwrap()),
            tags: name.iter().map(|name| (name.clone(), status.to_string())).collect(),
            hidden,
            name,
            status: Status::ALL[status],
            start_time_utc: start.map(|s| Timestamp::from_second(s).unwrap()),
            end_time_utc: end.map(|s| Timestamp::from_second(s).unwrap()),
            exit_code: Some(code),
            host: Some(host.to_string()),
            ..run_at(1_000 + run * 1_000_000)
        },
    )
}

/// The records of `one` merged with those of `two`, in a repository of their own.
fn merged(one: &[RunRecord], two: &[RunRecord]) -> Vec<RunRecord> {
    let (_a, ours) = history();
    let (_b, theirs) = history();
    put_all(&ours, one);
    put_all(&theirs, two);
    if !two.is_empty() {
        let tip = fetch(&theirs, &ours);
        RunStore::new(&reopened(&ours)).merge(tip, &by()).unwrap();
    }
    RunStore::new(&reopened(&ours)).all().unwrap()
}

proptest! {
    #[test]
    fn the_order_of_records_is_one_that_everybody_agrees_on(a in any_record(), b in any_record(), c in any_record()) {
        prop_assert_eq!(newer(&a, &b), newer(&b, &a));
        prop_assert_eq!(newer(&a, &a), &a);
        prop_assert_eq!(newer(newer(&a, &b), &c), newer(&a, newer(&b, &c)));
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&a, &a), a.clone());
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        a in prop::collection::vec(any_record(), 0..4),
        b in prop::collection::vec(any_record(), 0..4),
        c in prop::collection::vec(any_record(), 0..4),
    ) {
        let (a, b, c) = (merged(&a, &[]), merged(&b, &[]), merged(&c, &[]));
        let ab = merged(&a, &b);
        prop_assert_eq!(&ab, &merged(&b, &a));
        prop_assert_eq!(merged(&ab, &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&ab, &b), ab);
    }
}

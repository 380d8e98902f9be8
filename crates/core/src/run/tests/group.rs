//! The law of merging, about records of one millisecond: of this version, of newer ones, and damaged ones.

use std::collections::BTreeMap;

use gix::Repository;
use proptest::prelude::*;

use super::{
    super::group::{Content, Group},
    *,
};

const MS: u64 = 1_504_832_282_000;

/// A tree's records under the ids of the millisecond.
type State = BTreeMap<RunId, ObjectId>;

fn repository() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repo = gix::init_bare(folder.path()).unwrap().with_object_memory();
    (folder, repo)
}

fn written(repo: &Repository, group: &Group) -> State {
    let blob = |content| match content {
        Content::Blob(blob) => blob,
        Content::Record(record) => repo.write_blob(record.to_stored()).unwrap().detach(),
    };
    group.layout().into_iter().map(|(id, content)| (id, blob(content))).collect()
}

fn read(repo: &Repository, state: &State) -> Group {
    Group::read(repo, state.clone().into_iter().collect()).unwrap()
}

fn merged(repo: &Repository, one: &State, two: &State) -> State {
    let mut group = read(repo, one);
    group.join(read(repo, two));
    written(repo, &group)
}

/// One thing that a computer puts under the ids of the millisecond.
#[derive(Clone, Debug)]
enum Put {
    /// By azml of this version.
    Record(RunRecord),
    /// By another one, or by nobody's: under the id of the record, or under the one that it has when it gave its own away.
    Bytes { of: RunRecord, is_moved: bool, bytes: Vec<u8> },
}

fn any_record() -> impl Strategy<Value = RunRecord> {
    (0..2_usize, 0..3_u8, 0..6_usize, 0..2_i32).prop_map(|(project, host, status, code)| RunRecord {
        run_id: RunId::new(["iris", "wine"][project], MS).unwrap(),
        status: Status::ALL[status],
        exit_code: Some(code),
        host: Some(host.to_string()),
        ..run_at(MS)
    })
}

/// `moved` is how many kinds of bytes may be under an id of a run that gave its own away: garbage, and then a record of which
/// nobody here can make out the run, which may be that run's.
fn any_put(moved: u8) -> impl Strategy<Value = Put> {
    let newer = |record: &RunRecord, version: u64| {
        let text = String::from_utf8(record.to_stored()).unwrap();
        text.replace("\"version\": 1", &format!("\"version\": {version}")).into_bytes()
    };
    let odd = (any_record(), any::<bool>(), 0..5_u8).prop_map(move |(of, is_moved, kind)| {
        let bytes = match kind {
            0 => b"garbage".to_vec(),
            1 => b"other garbage".to_vec(),
            2 => b"{\"version\": 4}".to_vec(),
            kind => newer(&of, u64::from(kind) - 1),
        };
        Put::Bytes { of, is_moved: is_moved && kind < moved, bytes }
    });
    prop_oneof![3 => any_record().prop_map(Put::Record), 2 => odd]
}

fn any_state(moved: u8) -> impl Strategy<Value = Vec<Put>> {
    prop::collection::vec(any_put(moved), 0..5)
}

/// The state of a computer on which all of this was done in turn.
fn done(repo: &Repository, puts: &[Put]) -> State {
    let mut state = State::new();
    for put in puts {
        match put {
            Put::Record(record) => {
                let mut group = read(repo, &state);
                let id = group.replace(record.clone());
                state = written(repo, &group);
                let kept = repo.find_blob(state[&id]).unwrap().take_data();
                let kept = RunRecord::of_run(&id, &kept).unwrap();
                assert!(kept.is_same_run(record) && kept.status == record.status, "{record:?}");
            }
            Put::Bytes { of, is_moved, bytes } => {
                let id = if *is_moved { of.origin().moved_id(&of.run_id) } else { of.run_id.clone() };
                state.insert(id, repo.write_blob(bytes).unwrap().detach());
            }
        }
    }
    merged(repo, &state, &State::new())
}

/// The runs of which a state has a record that this version reads or that a newer one has written.
fn runs(repo: &Repository, state: &State) -> std::collections::BTreeSet<String> {
    let about = |blob: &ObjectId| {
        let bytes = repo.find_blob(*blob).unwrap().take_data();
        let text = String::from_utf8(bytes).unwrap();
        let text = ["2", "3"]
            .iter()
            .fold(text, |text, version| text.replace(&format!("\"version\": {version}"), "\"version\": 1"));
        let record = RunRecord::from_stored(text.as_bytes()).ok()?;
        Some(format!("{} of {:?}", record.submitted_as(), record.host))
    };
    state.values().filter_map(about).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        a in any_state(3), b in any_state(3), c in any_state(3),
    ) {
        let (_folder, repo) = repository();
        let [a, b, c] = [a, b, c].map(|puts| done(&repo, &puts));
        let merged = |one: &State, two: &State| merged(&repo, one, two);
        let ab = merged(&a, &b);
        prop_assert_eq!(&ab, &merged(&b, &a));
        prop_assert_eq!(&merged(&ab, &c), &merged(&a, &merged(&b, &c)));
        prop_assert_eq!(&merged(&ab, &b), &ab);
        prop_assert_eq!(&merged(&a, &a), &a);
    }

    #[test]
    fn no_run_is_lost(a in any_state(2), b in any_state(2)) {
        let (_folder, repo) = repository();
        let [a, b] = [a, b].map(|puts| done(&repo, &puts));
        let all = runs(&repo, &merged(&repo, &a, &b));
        for run in runs(&repo, &a).union(&runs(&repo, &b)) {
            prop_assert!(all.contains(run), "{} is not in {:?}", run, all);
        }
    }
}

//! Many records at once: the same as one by one, whatever state the file beside the objects is in.

use super::{by, history, put_all, run_at, sample};
use crate::run::{Parts, RecordError, RunRecord, RunStore, Status};

#[test]
fn a_record_is_read_as_it_was_stored_or_refused_by_the_key_that_is_wrong() {
    let mut moved = run_at(7);
    moved.properties.insert("Extra".to_owned(), serde_json::json!({"b": [1, null], "a": "ü\n"}));
    moved.extra.insert("heartbeat_utc".to_owned(), "2017-09-08T00:58:03.059014+00:00".into());
    moved.pid = Some(7);
    moved.host = Some("größe \"quoted\"".to_owned());
    moved.exit_code = Some(-9);
    for record in [sample(), run_at(1), moved] {
        let bytes = record.to_stored();
        assert_eq!(RunRecord::from_stored(&bytes).unwrap(), record);
        // A key that stands twice, as no azml writes it: the later one counts.
        let twice = String::from_utf8(bytes).unwrap().replacen('{', "{\"target\": \"elsewhere\",", 1);
        assert_eq!(RunRecord::from_stored(twice.as_bytes()).unwrap(), record);
    }
    let text = String::from_utf8(sample().to_stored()).unwrap();
    for (from, to, key) in [
        ("\"version\": 1", "\"version\": \"1\"", "version"),
        ("\"status\": \"Completed\"", "\"status\": \"Unheard\"", "status"),
        ("\"run_number\": 7", "\"run_number\": null", "run_number"),
        ("\"hidden\": false,", "", "hidden"),
        ("\"created_utc\": \"2017", "\"created_utc\": \"x\", \"x\": \"2017", "created_utc"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = RunRecord::from_stored(text.replace(from, to).as_bytes()).unwrap_err();
        assert!(matches!(&error, RecordError::Malformed { key: found, .. } if found == key), "{to}: {error}");
    }
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    assert!(matches!(RunRecord::from_stored(newer.as_bytes()), Err(RecordError::Newer { version: 2 })));
}

#[test]
fn the_list_is_the_records_whatever_becomes_of_its_file() {
    let (_folder, history) = history();
    let records: Vec<RunRecord> = (0..300).map(|n| run_at(1_504_832_000_000 + 700 * n)).collect();
    put_all(&history, &records[..290]);
    let store = RunStore::new(&history);
    let is_right = |what: &str| assert_eq!(store.listed().unwrap(), store.all().unwrap(), "{what}");
    let file = history.own_folder().join("run-list");
    is_right("made");
    let first = std::fs::read(&file).unwrap();
    is_right("read");

    put_all(&history, &records[290..]);
    let mut changed = records[5].clone();
    changed.status = Status::Failed;
    put_all(&history, &[changed]);
    is_right("brought up to date");
    let appended = std::fs::read(&file).unwrap();
    assert!(appended.len() > first.len() && appended.starts_with(&first), "what has changed is appended");
    is_right("read from two segments");
    std::fs::remove_file(&file).unwrap();
    is_right("missing");

    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut newer = whole.clone();
    newer[14] = b'9';
    let torn = |end: &[u8]| [&appended, end].concat();
    for (what, bytes) in [
        ("damaged", flipped),
        ("of another version", newer),
        ("cut off", whole[..whole.len() / 3].to_vec()),
        ("cut off within what was appended", appended[..appended.len() - 3].to_vec()),
        ("half appended", torn(&[0; 5])),
        ("appended twice", torn(&appended[first.len()..])),
        ("empty", Vec::new()),
    ] {
        std::fs::write(&file, bytes).unwrap();
        is_right(what);
        assert_eq!(std::fs::read(&file).unwrap(), whole, "{what}: made anew");
    }
    std::fs::write(&file, &first).unwrap();
    is_right("an older one");
    assert_eq!(std::fs::read(&file).unwrap(), appended);

    // What is out of date does not pile up.
    let mut lengths = Vec::new();
    for turn in 0..3 {
        let mut changed = records.clone();
        for record in &mut changed {
            record.metrics.insert("turn".to_owned(), crate::run::Metric::Number(turn.into()));
        }
        store.put_all(&changed, &by()).unwrap();
        is_right("changed again");
        lengths.push(std::fs::metadata(&file).unwrap().len());
    }
    assert!(lengths[1] < lengths[0] && lengths[2] > lengths[1], "{lengths:?}");

    // Records that are not there any more: another history of the same project.
    let tip = history.ref_tip(history.runs_ref().as_ref()).unwrap().unwrap();
    history.delete_ref(&history.runs_ref(), tip).unwrap();
    put_all(&history, &records[20..290]);
    is_right("fewer");
    assert_eq!(store.listed().unwrap().len(), 270);
    store.merge(tip, &by()).unwrap();
    is_right("merged");
}

#[test]
fn a_part_of_the_records_is_chosen_while_they_are_read() {
    let (_folder, history) = history();
    let mut records: Vec<RunRecord> = (0..260).map(|n| run_at(1_504_832_000_000 + 90_000 * n)).collect();
    for (number, record) in (0_i32..).zip(&mut records) {
        record.metrics.insert("loss".to_owned(), crate::run::Metric::from_f64(f64::from(number) + 0.5));
        record.metrics.insert("other".to_owned(), crate::run::Metric::from_f64(0.5));
    }
    put_all(&history, &records);
    let list = RunStore::new(&history).list().unwrap();
    assert_eq!(list.len(), 260);
    let chosen = list.select(Parts::Named(&["LOSS"]), |at, record| {
        assert_eq!(record.metrics.len(), 1);
        (record.metrics["loss"].as_f64()? < 3.0).then_some(at)
    });
    assert_eq!(chosen, [257, 258, 259], "the newest first");
    assert_eq!(list.at(&[259, 0]), [records[0].clone(), records[259].clone()]);
    assert_eq!(list.names("los"), ["loss"]);
    assert_eq!(list.of_moment(records[257].run_id.epoch_ms()), 2..3);
    assert!(list.of_moment(1_504_832_000_001).is_empty());
}

#[test]
fn a_list_says_which_records_are_as_they_were() {
    let (_folder, history) = history();
    let mut records: Vec<RunRecord> = (0..300).map(|n| run_at(1_504_832_000_000 + 90_000 * n)).collect();
    put_all(&history, &records[..299]);
    let store = RunStore::new(&history);
    let before = store.list().unwrap();
    records[3].name = Some("renamed".to_owned());
    put_all(&history, &[records[3].clone(), records[299].clone()]);
    let after = store.list().unwrap();
    let expect: Vec<_> = (0..300_usize).map(|at| at.checked_sub(1).filter(|before| *before != 295)).collect();
    assert_eq!(after.places_in(&before), expect);
    assert_eq!(before.places_in(&before), (0..299).map(Some).collect::<Vec<_>>());
    assert_eq!(after.places_in(&crate::run::RunList::default()), vec![None; 300]);
}

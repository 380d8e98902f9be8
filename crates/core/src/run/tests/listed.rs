//! Many records at once: the same as one by one, whatever state the file beside the objects is in.

use super::{by, history, put_all, run_at, sample};
use crate::run::{RecordError, RunRecord, RunStore, Status};

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
    assert_ne!(std::fs::read(&file).unwrap(), first);

    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut newer = whole.clone();
    newer[14] = b'9';
    for (what, bytes) in [
        ("damaged", flipped),
        ("of another version", newer),
        ("cut off", whole[..whole.len() / 3].to_vec()),
        ("empty", Vec::new()),
        ("an older one", first),
    ] {
        std::fs::write(&file, bytes).unwrap();
        is_right(what);
        assert_eq!(std::fs::read(&file).unwrap(), whole, "{what}: made anew");
    }

    // Records that are not there any more: another history of the same project.
    let tip = history.ref_tip(history.runs_ref().as_ref()).unwrap().unwrap();
    history.delete_ref(&history.runs_ref(), tip).unwrap();
    put_all(&history, &records[20..290]);
    is_right("fewer");
    assert_eq!(store.listed().unwrap().len(), 270);
    store.merge(tip, &by()).unwrap();
    is_right("merged");
}

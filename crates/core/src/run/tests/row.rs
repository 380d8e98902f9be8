//! Rows of the run list: the same records, whatever is in them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{run_at, sample};
use crate::run::{
    Curve, Metric, Parts, RunRecord, Status,
    row::{Wanted, Words, read, write},
};

fn through(record: &RunRecord, parts: Parts<'_>) -> RunRecord {
    let (mut words, mut row) = (Words::of(["known", "train.py"]), Vec::new());
    write(&record.run_id, &record.to_stored(), &mut words, &mut row);
    let words: Vec<&str> =
        ["known", "train.py"].into_iter().chain(words.added.iter().map(String::as_str)).collect();
    read(record.run_id.clone(), &row, &words, &Wanted::new(parts, &words)).unwrap()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("known".to_owned()), "\\PC{0,8}", any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<Option<bool>>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..3).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (-60_000_000_000_000_000..250_000_000_000_000_000_i64)
        .prop_map(|us| Timestamp::from_microsecond(us).unwrap())
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(text(), text(), 0..4)
}

prop_compose! {
    fn record()(
        (number, status, hidden, heartbeat) in (any::<u64>(), 0..6_usize, any::<bool>(), any::<bool>()),
        (start, end, edited) in (prop::option::of(moment()), prop::option::of(moment()), prop::option::of(moment())),
        (exit, pid) in (any::<Option<i32>>(), any::<Option<u32>>()),
        (name, host, parent, description) in
            (prop::option::of(text()), prop::option::of(text()), prop::option::of(text()), prop::option::of(text())),
        (script, arguments, command) in
            (text(), prop::collection::vec(text(), 0..3), prop::option::of(prop::collection::vec(text(), 0..3))),
        (parameters, tags) in (texts(), texts()),
        metrics in prop::collection::btree_map(text(), value().prop_map(Metric::from), 0..5),
        properties in prop::collection::btree_map(text(), value(), 0..3),
        extra in prop::collection::vec(("key [a-z]{1,3}", value()), 0..3),
        curve in prop::option::of((any::<u64>(), any::<Option<i64>>())),
    ) -> RunRecord {
        let mut record = RunRecord { run_number: number, status: Status::ALL[status], hidden, ..run_at(1_504_832_000_000) };
        record.heartbeat_enabled = heartbeat;
        (record.start_time_utc, record.end_time_utc, record.edited_utc) = (start, end, edited);
        (record.exit_code, record.pid) = (exit, pid);
        (record.name, record.host, record.parent_run_id, record.description) = (name, host, parent, description);
        (record.script_name, record.arguments, record.command) = (script, arguments, command);
        (record.parameters, record.tags, record.metrics, record.properties) = (parameters, tags, metrics, properties);
        record.extra = extra.into_iter().collect();
        let curve = curve.map(|(count, step)| ("loss".to_owned(), Curve { count, min: Some(0.1), max: None, step }));
        record.curves = curve.into_iter().collect();
        record
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_record_is_read_from_its_row_as_from_its_stored_form(record in record()) {
        let stored = RunRecord::from_stored(&record.to_stored()).unwrap();
        prop_assert_eq!(through(&record, Parts::All), stored);
    }

    #[test]
    fn a_part_is_that_part(record in record(), names in prop::collection::vec(text(), 0..3)) {
        let stored = RunRecord::from_stored(&record.to_stored()).unwrap();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.extend(stored.metrics.keys().chain(stored.tags.keys()).chain(stored.extra.keys()).map(String::as_str).step_by(2).collect::<Vec<_>>());
        let part = through(&record, Parts::Named(&names));
        let is_named = |name: &String| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        let mut expect = stored.clone();
        for texts in [&mut expect.parameters, &mut expect.tags] {
            texts.retain(|name, _| is_named(name));
        }
        expect.metrics.retain(|name, _| is_named(name));
        expect.properties.retain(|name, _| is_named(name));
        expect.attachments.clear();
        expect.curves.clear();
        expect.extra.retain(|name, _| is_named(name));
        prop_assert_eq!(part, expect);
        let mut columns = stored;
        (columns.arguments, columns.attachments) = (Vec::new(), Vec::new());
        (columns.command, columns.description) = (None, None);
        columns.properties.clear();
        columns.curves.clear();
        if !matches!(columns.status, Status::Queued | Status::Failed) {
            columns.extra.clear();
        }
        prop_assert_eq!(through(&record, Parts::Columns), columns);
    }

    #[test]
    fn one_key_is_shown_as_among_all(mut record in record(), more in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        // Metrics that are named as keys, and as those that give way to keys.
        let keys = ["status", "pid", "metrics.pid", "tags", "metrics.tags", "key a", "edits", "metrics.metrics.pid"];
        record.extra.insert("edits".to_owned(), json!({}));
        for (number, at) in more.iter().enumerate() {
            record.metrics.insert(at.get(&keys).to_string(), Metric::from(json!(number)));
        }
        let all = record.to_output();
        for (key, value) in &all {
            prop_assert_eq!(record.shown(key), Some(value.clone()), "{}", key);
        }
        for key in keys {
            prop_assert_eq!(record.shown(key).is_some(), all.contains_key(key), "{}", key);
        }
    }

    #[test]
    fn bytes_that_are_no_row_are_none(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        let words = ["one", "two"];
        let id = run_at(5).run_id;
        let _may_be_a_record = read(id.clone(), &[&[1][..], &bytes].concat(), &words, &Wanted::new(Parts::All, &words));
        let (mut known, mut row) = (Words::default(), Vec::new());
        write(&sample().run_id, &sample().to_stored(), &mut known, &mut row);
        let words: Vec<&str> = known.added.iter().map(String::as_str).collect();
        let cut = 1 + cut.index(row.len() - 1);
        prop_assert!(read(sample().run_id, &row[..cut], &words, &Wanted::new(Parts::All, &words)).is_none());
    }
}

#[test]
fn the_row_of_a_version_stays_as_it_is() {
    let (mut words, mut row) = (Words::default(), Vec::new());
    let mut record = sample();
    record.parameters.insert("lr".to_owned(), "0.1".to_owned());
    record.extra.insert("later".to_owned(), json!({"b": [1, null]}));
    write(&record.run_id, &record.to_stored(), &mut words, &mut row);
    let all = [words.added.join("\n").as_bytes(), &row].concat();
    let golden = include_bytes!("../golden/row-v2.bin");
    assert!(
        all == golden,
        "rows have changed: give the run list another version (MAGIC), and make the file anew"
    );
}

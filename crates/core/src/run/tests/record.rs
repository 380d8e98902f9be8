//! The record's written forms.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{super::RecordError, *};

const GOLDEN: &str = include_str!("../golden/record-v1.json");

#[test]
fn the_stored_form_is_the_golden_file() {
    assert_eq!(String::from_utf8(sample().to_stored()).unwrap(), GOLDEN);
    assert_eq!(RunRecord::from_stored(GOLDEN.as_bytes()).unwrap(), sample());
}

/// The record of the second golden file: with every key that only some records have.
fn full() -> RunRecord {
    let texts =
        |pairs: [(&str, &str); 2]| pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let accuracy = Curve { count: 3, min: Some(0.5), max: Some(0.679_245), step: Some(2) };
    let loss = Curve { count: 2, min: None, max: None, step: None };
    RunRecord {
        name: Some("baseline".to_owned()),
        description: Some("first try".to_owned()),
        parent_run_id: Some("IrisDemo_1504832281000".to_owned()),
        command: Some(["python3", "-m", "iris", "--rate", "0.1"].map(str::to_owned).to_vec()),
        curves: [("Accuracy", accuracy), ("loss", loss)].map(|(name, curve)| (name.to_owned(), curve)).into(),
        edited_utc: Some(moment("2017-09-09T10:00:00Z")),
        parameters: texts([("depth", ""), ("rate", "0.1")]),
        tags: texts([("größe", "klein"), ("mlflow.user", "alice")]),
        ..sample()
    }
}

#[test]
fn the_stored_form_with_rare_keys_is_the_golden_file() {
    const GOLDEN: &str = include_str!("../golden/record-v1-full.json");
    assert_eq!(String::from_utf8(full().to_stored()).unwrap(), GOLDEN);
    assert_eq!(RunRecord::from_stored(GOLDEN.as_bytes()).unwrap(), full());
    for (from, to, key) in [
        ("\"rate\": \"0.1\"", "\"rate\": 0.1", "parameters"),
        ("\"größe\": \"klein\"", "\"größe\": []", "tags"),
        ("\"python3\"", "null", "command"),
        ("\"count\": 3", "\"count\": \"3\"", "curves"),
        ("2017-09-09T10", "yesterday", "edited_utc"),
    ] {
        let text = GOLDEN.replace(from, to);
        assert_ne!(text, GOLDEN);
        let error = RunRecord::from_stored(text.as_bytes()).unwrap_err();
        assert!(matches!(&error, RecordError::Malformed { key: found, .. } if found == key), "{error}");
    }
}

#[test]
fn parameters_and_tags_are_shown_beside_the_metrics_and_no_metric_hides_them() {
    let mut record = full();
    for name in ["parameters", "tags", "command", "curves", "edited_utc"] {
        record.metrics.insert(name.to_owned(), Metric::from_f64(1.0));
    }
    let shown = record.to_output();
    assert_eq!(shown["parameters"], json!({"depth": "", "rate": "0.1"}));
    assert_eq!(shown["tags"]["mlflow.user"], "alice");
    assert_eq!(shown["command"][1], "-m");
    assert_eq!(shown["curves"]["Accuracy"], json!({"count": 3, "min": 0.5, "max": 0.679_245, "step": 2}));
    assert_eq!(shown["metrics.parameters"], json!(1.0));
    // Also where the record has none.
    let bare = RunRecord { metrics: record.metrics, ..sample() }.to_output();
    assert!(!bare.contains_key("tags") && bare["metrics.tags"] == 1.0);
}

#[test]
fn the_shown_form_has_the_metrics_among_the_workbenchs_keys() {
    let shown = sample().to_output();
    let keys: Vec<_> = shown.keys().map(String::as_str).collect();
    let expected = [
        "Accuracy",
        "Classes",
        "Epochs",
        "arguments",
        "attachments",
        "created_utc",
        "description",
        "duration",
        "end_time_utc",
        "exit_code",
        "experiment_id",
        "heartbeat_enabled",
        "hidden",
        "name",
        "note",
        "parent_run_id",
        "properties",
        "run_id",
        "run_number",
        "script_name",
        "start_time_utc",
        "status",
        "target",
        "user_id",
    ];
    assert_eq!(keys, expected);
    assert_eq!(shown["Accuracy"], json!(0.679_245));
    assert_eq!(shown["attachments"], json!("outputs/model.pkl, driver_log.txt"));
    assert_eq!(shown["duration"], json!("0:00:04.892389"));
    assert_eq!(shown["properties"], json!({"CommitId": "0123456789abcdef0123456789abcdef01234567"}));
}

#[test]
fn a_metric_never_hides_a_key_of_the_record() {
    let mut record = sample();
    record.metrics.insert("status".to_owned(), Metric::Text("great".to_owned()));
    let shown = record.to_output();
    assert_eq!(shown["status"], json!("Completed"));
    assert_eq!(shown["metrics.status"], json!("great"));
}

#[test]
fn pid_and_host_are_shown_while_the_run_lives() {
    let mut record = sample();
    (record.pid, record.host) = (Some(4711), Some("box".to_owned()));
    assert!(!record.to_output().contains_key("pid"));
    record.status = Status::Running;
    let shown = record.to_output();
    assert_eq!((&shown["pid"], &shown["host"]), (&json!(4711), &json!("box")));
    assert_eq!(RunRecord::from_stored(&record.to_stored()).unwrap(), record);
}

#[test]
fn unknown_keys_survive_and_newer_versions_are_refused() {
    let more = GOLDEN.replacen('{', "{\"zone\": {\"b\": 1, \"a\": [null]},", 1);
    let record = RunRecord::from_stored(more.as_bytes()).unwrap();
    let again: Map<String, Value> = serde_json::from_slice(&record.to_stored()).unwrap();
    assert_eq!(again["zone"], json!({"b": 1, "a": [null]}));
    assert_eq!(record.to_output()["zone"], again["zone"]);

    let newer = GOLDEN.replace("\"version\": 1", "\"version\": 2");
    assert!(matches!(RunRecord::from_stored(newer.as_bytes()), Err(RecordError::Newer { version: 2 })));
}

#[test]
fn what_is_no_record_is_refused_by_key() {
    let broken = |from: &str, to: &str| match RunRecord::from_stored(GOLDEN.replace(from, to).as_bytes()) {
        Err(RecordError::Malformed { key, .. }) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(broken("\"version\": 1", "\"version\": 0"), "version");
    assert_eq!(broken("\"version\": 1", "\"other\": 1"), "version");
    assert_eq!(broken("\"Completed\"", "\"Done\""), "status");
    assert_eq!(broken("IrisDemo_1504832281116", "../IrisDemo_1"), "run_id");
    assert_eq!(broken("\"run_number\": 7", "\"run_number\": -7"), "run_number");
    assert_eq!(broken("\"exit_code\": 0", "\"exit_code\": \"0\""), "exit_code");
    assert!(matches!(RunRecord::from_stored(b"[]"), Err(RecordError::NotJson(_))));
}

#[test]
fn numbers_that_json_lacks_become_texts() {
    assert_eq!(Metric::from_f64(f64::NAN), Metric::Text("NaN".to_owned()));
    assert_eq!(Metric::from_f64(f64::NEG_INFINITY), Metric::Text("-Infinity".to_owned()));
    assert_eq!(Metric::from_word("0.5"), Metric::from_f64(0.5));
    assert_eq!(Metric::from_word("v1.2"), Metric::Text("v1.2".to_owned()));
    assert_eq!(Metric::from_word("\"5\""), Metric::Text("\"5\"".to_owned()));
}

proptest! {
    #[test]
    fn any_record_is_read_as_it_was_written(
        texts in prop::collection::vec(".*", 4),
        metric in -1e300..1e300,
        ms in 0..=9_999_999_999_999_u64,
        micros in 0..4_000_000_000_000_000_i64,
        code in any::<Option<i32>>(),
    ) {
        let mut record = run_at(ms);
        record.script_name.clone_from(&texts[0]);
        record.arguments.clone_from(&texts);
        record.exit_code = code;
        record.start_time_utc = Some(Timestamp::from_microsecond(micros).unwrap());
        record.description = Some(texts[1].clone());
        record.parameters.insert(texts[0].clone(), texts[1].clone());
        record.tags.insert(texts[1].clone(), texts[0].clone());
        record.command = Some(texts.clone());
        record.curves.insert(texts[2].clone(), Curve { count: ms, min: Some(metric), max: None, step: code.map(i64::from) });
        record.metrics.insert(texts[2].clone(), Metric::from_f64(metric));
        record.metrics.insert(format!("{}x", texts[2]), Metric::Text(texts[3].clone()));
        let stored = record.to_stored();
        prop_assert_eq!(RunRecord::from_stored(&stored).unwrap(), record);
    }
}

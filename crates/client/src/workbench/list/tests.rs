//! The meaning of the list's filter and order.

use azml_core::id::{ProjectId, RunId};
use azml_core::run::{Metric, RunRecord, Status};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::field::{Field, Now};
use super::filter::{Filter, Op, Term, Test};
use super::view::View;
use super::{Found, find};
use crate::workbench::request::Pairs;

fn now() -> Now {
    Now { time: "2017-09-10T12:00:00Z".parse().unwrap(), zone: TimeZone::UTC }
}

fn record(number: u64, script: &str, status: Status, metrics: &[(&str, Metric)]) -> RunRecord {
    let start: Timestamp = "2017-09-08T00:00:00Z".parse().unwrap();
    let start = start + jiff::SignedDuration::from_hours(i64::try_from(number).unwrap());
    let id = RunId::new("iris", u64::try_from(start.as_millisecond()).unwrap()).unwrap();
    let mut record = RunRecord::new(id, &ProjectId::from_random([1; 16]), script, start);
    (record.run_number, record.status) = (number, status);
    record.start_time_utc = Some(start);
    record.end_time_utc = Some(start + jiff::SignedDuration::from_secs(i64::try_from(number * 60).unwrap()));
    record.user_id = "alice".to_owned();
    record.arguments = vec!["--alpha".to_owned(), format!("0.{number}")];
    record.properties.insert("Base-Branch".to_owned(), "master".into());
    record.metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    record
}

/// Newest first, as the list is.
fn runs() -> Vec<RunRecord> {
    vec![
        record(
            4,
            "train.py",
            Status::Running,
            &[("auc", Metric::from_f64(0.95)), ("note", Metric::Text("A b".into()))],
        ),
        record(3, "train.py", Status::Failed, &[]),
        record(
            2,
            "deep/eval.py",
            Status::Completed,
            &[("AUC", Metric::from_f64(0.9)), ("Regularization Rate", Metric::from_f64(0.1))],
        ),
        record(
            1,
            "train.py",
            Status::Completed,
            &[("auc", Metric::from_f64(0.5)), ("status", Metric::Text("odd".into()))],
        ),
    ]
}

fn numbers(found: &Found) -> Vec<u64> {
    found.runs.iter().map(|run| run.run_number).collect()
}

#[test]
fn each_kind_of_term_means_what_the_page_says() {
    let runs = runs();
    for (filter, expect) in [
        ("", &[4, 3, 2, 1][..]),
        ("eval", &[2]),
        ("ALPHA 0.3", &[3]),
        ("status=failed", &[3]),
        ("status=Failed,Running", &[4, 3]),
        ("status!=Failed,Running", &[2, 1]),
        ("script~train", &[4, 3, 1]),
        ("script!~TRAIN", &[2]),
        ("auc>0.9", &[4]),
        ("auc >= 0.9", &[4, 2]),
        ("auc<0.9", &[1]),
        ("auc=0.5", &[1]),
        ("-auc>0", &[3]),
        ("auc!=0.5", &[4, 3, 2]),
        ("\"Regularization Rate\"<=0.1", &[2]),
        ("note=\"a B\"", &[4]),
        ("duration>2m", &[4, 3]),
        ("duration<=120s", &[2, 1]),
        ("number>=3 script~train", &[4, 3]),
        ("-script~train -status=Failed", &[2]),
        ("user=alice -user=bob", &[4, 3, 2, 1]),
        ("base-branch=master number=1", &[1]),
        ("properties.Base-Branch~mas number=1", &[1]),
        ("metrics.status=odd", &[1]),
        ("started=2017-09-08", &[4, 3, 2, 1]),
        ("started>2017-09-08", &[]),
        ("started>=2017-09-08T02:00", &[4, 3, 2]),
        ("started>2017-09-08T02:00", &[4, 3]),
        ("started<2017-09-08T02:00:00Z", &[1]),
        ("age<57h", &[4]),
        ("age<3d", &[4, 3, 2, 1]),
        ("nonsense=1", &[]),
        ("auc>abc", &[]),
    ] {
        let view = View { filter: filter.to_owned(), ..View::default() };
        let found = find(&runs.clone().into(), &view, &now());
        assert_eq!(found.matches.error, None, "{filter}");
        assert_eq!(numbers(&found), expect, "{filter}");
    }
}

#[test]
fn what_is_no_filter_says_where() {
    for (filter, expect) in [
        ("status=", "there is nothing to compare `status` with, at character 8"),
        ("ü >", "there is nothing to compare `ü` with, at character 4"),
        ("=x", "there is nothing before the comparison, at character 1"),
        ("a \"b", "this quotation has no end, at character 3"),
        ("\"\"", "there is nothing to look for, at character 3"),
    ] {
        assert_eq!(Filter::parse(filter).unwrap_err().to_string(), expect, "{filter}");
    }
}

#[test]
fn sorting_puts_what_is_not_there_last_and_the_usual_columns_are_the_commonest() {
    let runs = runs();
    let order =
        |path: &str| numbers(&find(&runs.clone().into(), &View::of(&Pairs::parse(path.as_bytes())), &now()));
    assert_eq!(order("sort=auc"), [1, 2, 4, 3]);
    assert_eq!(order("sort=-auc"), [4, 2, 1, 3]);
    assert_eq!(order("sort=script&sort=-number"), [2, 4, 3, 1]);
    assert_eq!(order("sort=duration"), [1, 2, 3, 4]);
    let found = find(&runs.clone().into(), &View::default(), &now());
    assert_eq!(found.metrics, ["auc", "AUC", "Regularization Rate", "note", "metrics.status"]);
    assert_eq!(found.matches.total, 4);
}

fn term() -> impl Strategy<Value = Term> {
    let field = prop_oneof!["[a-z .=\"\\\\-]{0,8}", ".{0,6}"].prop_map(|name| Field::parse(&name));
    let op = proptest::sample::select(Op::ALL.map(|(_, op)| op).to_vec());
    let values = proptest::collection::vec(".{0,8}", 1..3);
    let tested = (field, op, values).prop_map(|(field, op, values)| Test::Field { field, op, values });
    let word = ".{1,8}".prop_map(Test::Word);
    (any::<bool>(), prop_oneof![tested, word]).prop_map(|(negated, test)| Term { negated, test })
}

proptest! {
    #[test]
    fn a_filter_that_is_written_reads_as_itself(terms in proptest::collection::vec(term(), 0..4)) {
        let filter = Filter { terms };
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_and_looks_through_runs(text in "[a-z0-9<>=!~\", -]{0,20}|.{0,20}") {
        let runs = runs();
        let view = View { filter: text, ..View::default() };
        let found = find(&runs.clone().into(), &view, &now());
        prop_assert!(found.matches.error.is_none() || found.runs.is_empty());
    }
}

#[test]
fn parameters_and_tags_are_filtered_and_sorted_by() {
    let mut all = runs();
    for (run, (depth, kind)) in all.iter_mut().zip([("3", "a"), ("10", "b"), ("x", "a")]) {
        run.parameters.insert("depth".to_owned(), depth.to_owned());
        run.tags.insert("kind".to_owned(), kind.to_owned());
    }
    let numbers = |filter: &str| {
        let filter = Filter::parse(filter).unwrap();
        all.iter().filter(|run| filter.holds(run, &now())).map(|run| run.run_number).collect::<Vec<_>>()
    };
    assert_eq!(numbers("depth>3"), [3, 2], "10 as a number, and a text");
    assert_eq!(numbers("parameters.depth=x"), [2]);
    assert_eq!(numbers("params.depth<=3 tags.kind=a"), [4]);
    assert_eq!(numbers("kind=b"), [3]);
    for name in ["parameters.depth", "tags.kind"] {
        assert_eq!(Field::parse(name).name(), name);
    }
}

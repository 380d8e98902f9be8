//! Tests of run records and their store.

mod attached;
mod group;
mod listed;
mod merging;
mod record;
mod row;
mod store;
mod unreadable;

use gix::{ObjectId, actor};
use jiff::Timestamp;

use super::{Curve, Metric, RunRecord, RunStore, Status};
use crate::{
    history::HistoryRepo,
    id::{ProjectId, RunId},
    join,
    user_repo::Signature,
};

fn project() -> ProjectId {
    "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap()
}

fn history() -> (tempfile::TempDir, HistoryRepo) {
    let folder = tempfile::tempdir().unwrap();
    let history = HistoryRepo::init(folder.path(), project()).unwrap();
    (folder, history)
}

fn by() -> actor::Signature {
    let alice = Signature { name: "alice".to_owned(), email: "alice@example.com".to_owned() };
    alice.at(Timestamp::from_second(1_504_832_281).unwrap())
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The record of the golden file.
fn sample() -> RunRecord {
    let run_id = RunId::parse("IrisDemo_1504832281116").unwrap();
    let mut record =
        RunRecord::new(run_id, &project(), "iris_sklearn.py", moment("2017-09-08T00:58:01.116Z"));
    record.run_number = 7;
    record.arguments = ["--rate", "0.1", "größe"].map(str::to_owned).to_vec();
    record.status = Status::Completed;
    record.start_time_utc = Some(moment("2017-09-08T00:58:03.059014Z"));
    record.end_time_utc = Some(moment("2017-09-08T00:58:07.951403Z"));
    record.user_id = "alice@example.com".to_owned();
    record.exit_code = Some(0);
    record.attachments = ["outputs/model.pkl", "driver_log.txt"].map(str::to_owned).to_vec();
    record.set_commit_id(ObjectId::from_hex(b"0123456789abcdef0123456789abcdef01234567").unwrap());
    let metrics = [
        ("Accuracy", Metric::from_f64(0.679_245)),
        ("Epochs", Metric::Number(12.into())),
        ("note", Metric::Text("fine".to_owned())),
        ("Classes", Metric::from_word(r#"[1, 2.5, "x"]"#)),
    ];
    record.metrics = metrics.map(|(name, metric)| (name.to_owned(), metric)).into();
    record
}

/// A record of a run at `ms`.
fn run_at(ms: u64) -> RunRecord {
    let created = Timestamp::from_millisecond(ms.try_into().unwrap()).unwrap();
    RunRecord::new(RunId::new("iris", ms).unwrap(), &project(), "train.py", created)
}

fn ids(records: &[RunRecord]) -> Vec<u64> {
    records.iter().map(|record| record.run_id.epoch_ms()).collect()
}

fn put_all(history: &HistoryRepo, records: &[RunRecord]) {
    for record in records {
        RunStore::new(history).put(record, &by()).unwrap();
    }
}

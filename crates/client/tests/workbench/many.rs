//! Ten thousand runs.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::testbed::{Testbed, record};

const RUNS: u64 = 10_000;

/// All of them in one commit, as stock git imports it.
fn import(testbed: &Testbed) {
    let (history, project) = testbed.history();
    let mut stream = Vec::new();
    let message = format!("many\n\nRuns: {RUNS}\nLast-Run-Number: {RUNS}\n");
    write!(
        stream,
        "commit refs/azureml/runs/{project}\ncommitter a <a@example.com> 0 +0000\ndata {}\n{message}\n",
        message.len()
    )
    .unwrap();
    for n in 0..RUNS {
        let record = record(&project, n);
        let ms = format!("{:013}", record.run_id.epoch_ms());
        let path =
            format!("v1/{}/{}/{}/{}/{}.json", &ms[..4], &ms[4..6], &ms[6..8], &ms[8..10], record.run_id);
        let stored = record.to_stored();
        write!(stream, "M 100644 inline {path}\ndata {}\n", stored.len()).unwrap();
        stream.extend_from_slice(&stored);
        stream.push(b'\n');
    }
    let mut import = Command::new("git")
        .args(["fast-import", "--quiet"])
        .env("GIT_DIR", history.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(&stream).unwrap();
    assert!(import.wait().unwrap().success());
}

#[test]
fn ten_thousand_runs_are_paged_filtered_and_sorted() {
    let testbed = Testbed::new();
    import(&testbed);
    let ui = testbed.ui();
    let first = ui.page("/");
    assert!(first.contains("10\u{202f}000") && first.contains("1–50 of 10\u{202f}000"), "{first}");
    assert_eq!(first.matches("<tr data-run").count(), 50);
    assert!(
        first.contains("#10000</a>")
            && first.contains("href=\"/?page=2\"")
            && first.contains("href=\"/?page=200\"")
    );
    let last = ui.page("/?page=200");
    assert!(last.contains("#1</a>") && !last.contains(">Next<"), "{last}");
    assert!(ui.page("/?page=9999").contains("#1</a>"), "the last page there is");
    assert_eq!(ui.page("/?rows=1000").matches("<tr data-run").count(), 1000);
    let filtered = ui.page("/?q=status%3DFailed%20auc%3E0.98%20script~eval");
    // Numbers below 10,000 with 99 as last digits are no multiples of five: none.
    assert!(
        filtered.contains("0 of 10\u{202f}000") && filtered.contains("No run is as the filter wants it"),
        "{filtered}"
    );
    let failed = ui.page("/?q=status%3DFailed&sort=-auc");
    assert!(failed.contains("1\u{202f}429 of 10\u{202f}000") && failed.contains("0.99"), "{failed}");
    let charts = ui.page("/charts");
    assert!(charts.contains("Only the first 500 of 10\u{202f}000 runs are drawn"), "{charts}");
    assert_eq!(charts.matches("tabindex=\"-1\"").count(), 1000, "a line and a point for each");
    let zipped = ui.send("GET", "/charts", &[("Cookie", ui.cookie()), ("Accept-Encoding", "gzip")], "");
    let length: usize = zipped.headers["content-length"].parse().unwrap();
    assert!(length < 100_000, "{length} bytes over the line");
    let zipped = ui.send("GET", "/", &[("Cookie", ui.cookie()), ("Accept-Encoding", "gzip")], "");
    let length: usize = zipped.headers["content-length"].parse().unwrap();
    assert!(length < 10_000, "{length} bytes over the line");
    // The whole list is in memory by now: a page is a look through it, also in a build without optimisation.
    let began = Instant::now();
    for page in 1..=10 {
        ui.page(&format!("/?page={page}&sort=-auc"));
    }
    let each = began.elapsed() / 10;
    println!("a page of 10,000 sorted runs: {each:?}");
    assert!(each.as_secs() < 5, "{each:?}");
}

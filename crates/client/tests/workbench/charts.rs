//! The charts of many runs.

use azml_core::run::{Metric, RunRecord, Status};

use crate::testbed::{Testbed, record};

/// A run of a sweep: its parameters and its metric, where it has them.
fn member(testbed: &Testbed, n: u64, parameters: &[(&str, &str)], auc: Option<f64>) -> RunRecord {
    let (_, project) = testbed.history();
    let mut record = record(&project, n);
    record.status = Status::Completed;
    record.parent_run_id = Some("iris_1".to_owned());
    record.metrics = auc.map(|auc| ("auc".to_owned(), Metric::from_f64(auc))).into_iter().collect();
    record.parameters =
        parameters.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    record
}

fn sweep(testbed: &Testbed) -> Vec<RunRecord> {
    vec![
        member(testbed, 1, &[("lr", "0.1"), ("kind", "sgd"), ("epochs", "5")], Some(0.7)),
        member(testbed, 2, &[("lr", "0.01"), ("kind", "adam"), ("epochs", "5")], Some(0.9)),
        member(testbed, 3, &[("lr", "0.001"), ("kind", "sgd"), ("epochs", "5")], Some(0.8)),
        member(testbed, 4, &[("kind", "adam"), ("epochs", "5")], None),
    ]
}

/// The description of a drawing.
fn description<'p>(page: &'p str, id: &str) -> &'p str {
    let rest = page.split_once(&format!("<desc id=\"{id}\">")).unwrap_or_else(|| panic!("no {id}: {page}")).1;
    rest.split("</desc>").next().unwrap()
}

/// The columns of the table of values.
fn columns(page: &str) -> Vec<&str> {
    let table = page.split_once("<table class=\"values charted\">").unwrap().1;
    let head = table.split("</thead>").next().unwrap();
    head.split("<th ")
        .skip(1)
        .map(|cell| cell.split_once('>').unwrap().1.split('<').next().unwrap())
        .collect()
}

#[test]
fn parameters_that_vary_and_the_metric_are_drawn_and_told() {
    let testbed = Testbed::new();
    let runs = sweep(&testbed);
    let ids: Vec<String> = runs.iter().map(|run| run.run_id.to_string()).collect();
    testbed.put(runs);
    let ui = testbed.ui();
    let page = ui.page("/charts");
    assert_eq!(
        description(&page, "parallel-d"),
        "kind: adam, sgd; lr: 0.001 to 0.1, logarithmic, 1 run without; auc: 0.7 to 0.9, 1 run without. \
         The values are in the table below."
    );
    assert_eq!(
        description(&page, "scatter-d"),
        "Across: lr: 0.001 to 0.1, logarithmic, 1 run without. Up: auc: 0.7 to 0.9, 1 run without. The values are in the table below."
    );
    assert_eq!(columns(&page), ["Run", "kind", "lr", "auc"], "epochs is the same in all");
    assert!(page.contains("<title>Run 3: kind adam, lr 0.01, auc 0.9</title>"), "{page}");
    for id in &ids {
        assert_eq!(
            page.matches(&format!("href=\"/runs/{id}\"")).count(),
            3,
            "a line, a point and a row: {page}"
        );
    }
    // The best is drawn last, on top; the run without the metric first.
    let lines = page.split_once("<g aria-hidden=\"true\">").unwrap().1;
    let place = |n: usize| lines.find(&ids[n]).unwrap();
    assert!(place(3) < place(0) && place(0) < place(2) && place(2) < place(1), "{lines}");
}

#[test]
fn axes_colours_scales_and_runs_are_chosen_in_the_address() {
    let testbed = Testbed::new();
    let mut runs = sweep(&testbed);
    runs[0].parent_run_id = None;
    let ids: Vec<String> = runs.iter().map(|run| run.run_id.to_string()).collect();
    testbed.put(runs);
    let ui = testbed.ui();
    let chosen = "cols=&col=parameters.lr&col=parameters.epochs&x=parameters.lr&y=number&points=parameters.kind&lines=-";
    let page = ui.page(&format!("/charts?{chosen}&scale=linear"));
    assert_eq!(
        description(&page, "parallel-d"),
        "lr: 0.001 to 0.1, 1 run without; epochs: 5 to 5. The values are in the table below."
    );
    assert_eq!(columns(&page), ["Run", "lr", "epochs", "run number", "kind"]);
    assert!(page.contains("<option value=\"number\" selected>run number</option>"), "{page}");
    assert!(
        page.contains("<input type=\"checkbox\" name=\"col\" value=\"parameters.lr\" checked>"),
        "{page}"
    );

    let swept = ui.page("/charts?q=parent%3Diris_1%20kind%3Dadam");
    assert!(swept.contains(&ids[1]) && swept.contains(&ids[3]), "{swept}");
    assert!(!swept.contains(&ids[0]) && !swept.contains(&ids[2]), "{swept}");
    let two = ui.page(&format!("/charts?run={}&run={}", ids[0], ids[2]));
    assert!(two.contains(&ids[0]) && two.contains(&ids[2]) && !two.contains(&ids[1]), "{two}");
    assert!(!ui.page("/charts?cols=").contains("parallel-d"), "no axis is ticked");

    assert_eq!(ui.get("/charts?run=iris_9").status, 404);
    let broken = ui.page("/charts?q=auc%3E");
    assert!(broken.contains("This is no filter") && broken.contains("nothing to draw"), "{broken}");
}

#[test]
fn what_can_not_be_drawn_is_told() {
    let testbed = Testbed::new();
    let ui = testbed.ui();
    assert!(ui.page("/charts").contains("nothing to draw"));
    let mut runs = sweep(&testbed);
    let (_, project) = testbed.history();
    let mut bare = record(&project, 9);
    bare.metrics.clear();
    runs.push(bare);
    runs[0].metrics.insert("auc".to_owned(), Metric::from_f64(f64::NAN));
    runs[1].metrics.insert("auc".to_owned(), Metric::from_f64(1e308));
    runs[2].metrics.insert("auc".to_owned(), Metric::from_f64(-1e308));
    testbed.put(runs);
    let page = ui.page("/charts");
    assert!(page.contains("1 run has none of these values"), "{page}");
    assert!(description(&page, "scatter-d").contains("2 runs without"), "{page}");
    assert!(page.contains("auc NaN"), "{page}");
    for drawn in page.split("<path ").skip(1) {
        let drawn = drawn.split('>').next().unwrap();
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }
}

#[test]
fn lists_comparisons_and_sweeps_lead_to_charts_and_show_parameters() {
    let testbed = Testbed::new();
    testbed.write("train.py", "import sys\nprint(sys.argv)\n");
    let swept = testbed
        .command(&testbed.root(), &["sweep", "--param", "depth=2..3", "--", "python3", "train.py"])
        .output()
        .unwrap();
    assert!(swept.status.success(), "{swept:?}");
    let stdout = String::from_utf8_lossy(&swept.stdout).into_owned();
    let id = stdout.lines().next().unwrap().strip_prefix("RunId: ").unwrap();
    let ui = testbed.ui();
    let page = ui.page(&format!("/runs/{id}"));
    for path in [format!("/charts?q=parent%3D{id}"), format!("/?q=parent%3D{id}")] {
        assert!(page.contains(&format!("href=\"{path}\"")), "{path}: {page}");
        let members = ui.page(&path);
        assert!(members.contains("2 runs") || members.contains("2 of 3"), "{members}");
    }
    let list = ui.page("/");
    assert!(list.contains("href=\"/charts\"") && list.contains("formaction=\"/charts\""), "{list}");
    assert!(list.contains(">depth</a>") && list.contains("value=\"parameters.depth\" checked"), "{list}");
    let runs: Vec<&str> =
        list.split("data-run=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).take(2).collect();
    let compared = ui.page(&format!("/compare?run={}&run={}", runs[0], runs[1]));
    assert!(compared.contains("<h2 id=\"h-parameters\">") && compared.contains(">depth</th>"), "{compared}");
    assert!(compared.contains(&format!("/charts?run={}&amp;run={}", runs[1], runs[0])), "{compared}");
}

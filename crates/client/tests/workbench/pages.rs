//! The content of the pages.

use azml_core::run::{Metric, Status};

use crate::testbed::{Testbed, record};

const SCRIPT: &str = "\
import os, sys
from azureml.logging import get_azureml_logger
log = get_azureml_logger()
for step in range(5):
    log.log('loss', 1 / (step + 1))
log.log('curve', [1, 2, 4, 3])
log.log('Accuracy', float(sys.argv[1]))
os.makedirs('outputs', exist_ok=True)
open('outputs/model.txt', 'w').write('weights')
open('outputs/page.html', 'w').write('<script>alert(1)</script>')
open('outputs/dot.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n')
print('trained with', sys.argv[1])
";

#[test]
fn an_empty_project_says_how_to_begin() {
    let testbed = Testbed::new();
    let page = testbed.ui().page("/");
    assert!(
        page.contains("no runs yet") && page.contains("azml experiment submit -c local SCRIPT"),
        "{page}"
    );
}

#[test]
fn a_runs_page_shows_what_it_wrote_beside_its_outputs() {
    let testbed = Testbed::new();
    testbed.write("train.py", "open('<b>.pt', 'w').write('weights')\nopen('train.py', 'a').write('#')\n");
    let wrote = testbed.submit(&["train.py"]);
    testbed.write("nothing.py", "pass\n");
    let nothing = testbed.submit(&["nothing.py"]);
    let ui = testbed.ui();
    let page = ui.page(&format!("/runs/{wrote}"));
    for part in [
        "Other files it wrote",
        "&lt;b&gt;.pt",
        "changed",
        "kept until",
        &format!("azml run files -r {wrote} --apply"),
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!ui.page(&format!("/runs/{nothing}")).contains("Other files it wrote"));
    let removed =
        testbed.command(&testbed.root(), &["run", "files", "-r", &wrote, "--delete"]).output().unwrap();
    assert!(removed.status.success(), "{removed:?}");
    assert!(ui.page(&format!("/runs/{wrote}")).contains("They are not kept any more"));

    let (_, project) = testbed.history();
    let mut other = record(&project, 3);
    other.extra.insert("kept_files".to_owned(), serde_json::json!({"new": 1}));
    let elsewhere = other.run_id.clone();
    testbed.put([other]);
    assert!(ui.page(&format!("/runs/{elsewhere}")).contains("on another computer, elsewhere"));
    let told =
        testbed.command(&testbed.root(), &["run", "files", "-r", elsewhere.as_str()]).output().unwrap();
    assert_eq!(told.status.code(), Some(3), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stderr).contains("on another computer, elsewhere"), "{told:?}");
}

#[test]
fn runs_are_listed_shown_and_compared() {
    let testbed = Testbed::new();
    testbed.write("train.py", SCRIPT);
    let first = testbed.submit(&["train.py", "0.5"]);
    testbed.write("train.py", &SCRIPT.replace("weights", "other weights"));
    let second = testbed.submit(&["train.py", "0.75"]);
    let ui = testbed.ui();

    let list = ui.page("/");
    for part in ["0.75", "0.5", "train.py 0.75", "Completed", "aria-sort", &format!("value=\"{first}\"")] {
        assert!(part == "aria-sort" || list.contains(part), "{part}: {list}");
    }
    assert!(list.find(&second) < list.find(&first), "newest first");
    let sorted = ui.page("/?sort=Accuracy");
    assert!(sorted.find(&format!("data-run=\"{first}\"")) < sorted.find(&format!("data-run=\"{second}\"")));
    assert!(sorted.contains("aria-sort=\"ascending\""), "{sorted}");
    let filtered = ui.page("/?q=Accuracy%3E0.6");
    assert!(
        filtered.contains(&second) && !filtered.contains(&first) && filtered.contains("1 of 2"),
        "{filtered}"
    );
    let broken = ui.page("/?q=Accuracy%3E");
    assert!(broken.contains("This is no filter: there is nothing to compare `Accuracy` with"), "{broken}");
    let chosen = ui.page("/?cols=&col=user");
    assert!(chosen.contains("ada@example.com") && !chosen.contains(">0.75<"), "{chosen}");

    let run = ui.page(&format!("/runs/{second}"));
    for part in [
        "Run 2",
        "trained with 0.75",
        "outputs/model.txt",
        "Restore Project Snapshot",
        "since #1",
        "5 values, lowest 0.2 at 5",
        "4 values, lowest 1 at 1, highest 4 at 3",
        "1 file",
    ] {
        assert!(run.contains(part), "{part}: {run}");
    }
    let diff = ui.page(&format!("/runs/{second}/diff"));
    assert!(
        diff.contains("<ins>+open(&#39;outputs/model.txt&#39;")
            || diff.contains("<ins>+open('outputs/model.txt'"),
        "{diff}"
    );
    let files = ui.page(&format!("/runs/{second}/files"));
    assert!(files.contains(&format!("/runs/{second}/files/train.py")), "{files}");
    let file = ui.page(&format!("/runs/{second}/files/train.py"));
    assert!(file.contains("<span>import os, sys</span>"), "{file}");
    let raw = ui.get(&format!("/runs/{first}/raw/train.py"));
    assert_eq!(raw.body, SCRIPT);

    let compared = ui.page(&format!("/compare?run={second}&run={first}"));
    for part in ["Run 1", "Run 2", "+0.25", "From Run 1 to Run 2", "other weights", "class=mark"] {
        assert!(compared.contains(part), "{part}: {compared}");
    }
    assert!(!compared.contains(">script_name<"), "what is the same is left out");
    assert!(ui.page(&format!("/compare?run={second}&run={first}&all=1")).contains(">script_name<"));
}

#[test]
fn what_a_run_left_is_kept_and_not_run() {
    let testbed = Testbed::new();
    testbed.write("train.py", SCRIPT);
    let id = testbed.submit(&["train.py", "0.5"]);
    let ui = testbed.ui();
    let page = ui.get(&format!("/runs/{id}/download/outputs/page.html"));
    assert_eq!((page.status, page.body.as_str()), (200, "<script>alert(1)</script>"));
    assert_eq!(page.headers["content-type"], "application/octet-stream");
    assert!(page.headers["content-disposition"].starts_with("attachment; filename=\"page.html\""));
    assert!(page.headers["content-security-policy"].contains("sandbox"));
    let shown = ui.page(&format!("/runs/{id}/outputs/outputs/page.html"));
    assert!(shown.contains("&lt;script&gt;alert(1)"), "{shown}");
    let picture = ui.get(&format!("/runs/{id}/picture/outputs/dot.png"));
    assert_eq!((picture.status, picture.headers["content-type"].as_str()), (200, "image/png"));
    assert_eq!(
        ui.get(&format!("/runs/{id}/picture/outputs/page.html")).status,
        404,
        "only pictures are shown as such"
    );
    for outside in ["../../../../HEAD", "..%2f..%2fHEAD", "%2fetc%2fpasswd"] {
        assert_eq!(ui.get(&format!("/runs/{id}/download/{outside}")).status, 404, "{outside}");
    }
}

#[test]
fn a_log_is_followed_from_a_place_on() {
    let testbed = Testbed::new();
    testbed.write("train.py", "print('grün')\nprint('second')\n");
    let id = testbed.submit(&["train.py"]);
    let ui = testbed.ui();
    let all = ui.get(&format!("/runs/{id}/log/driver_log.txt"));
    assert_eq!(all.body, "grün\nsecond\n");
    assert_eq!((all.headers["x-next"].as_str(), all.headers["x-over"].as_str()), ("13", "1"));
    assert_eq!(ui.get(&format!("/runs/{id}/log/driver_log.txt?from=6")).body, "second\n");
    assert_eq!(
        ui.get(&format!("/runs/{id}/log/driver_log.txt?from=99")).body,
        "grün\nsecond\n",
        "begun anew"
    );
    assert_eq!(ui.get(&format!("/runs/{id}/log/nothing.txt")).status, 404);
}

#[test]
fn what_is_not_there_is_told_as_the_command_tells_it() {
    let testbed = Testbed::new();
    let (_, project) = testbed.history();
    let mut other = record(&project, 3);
    other.properties.insert("CommitId".to_owned(), "1234567890123456789012345678901234567890".into());
    other.properties.insert("AttachmentsId".to_owned(), "2234567890123456789012345678901234567890".into());
    other.attachments = vec!["outputs/model.txt".to_owned()];
    let id = other.run_id.to_string();
    let mut running = record(&project, 4);
    (running.status, running.end_time_utc) = (Status::Running, None);
    testbed.put([other, running]);
    let ui = testbed.ui();
    let missing = ui.get("/runs/iris_9");
    assert_eq!(missing.status, 404);
    assert!(
        missing.body.contains("there is no run") && missing.body.contains("azml history list"),
        "{}",
        missing.body
    );
    let run = ui.page(&format!("/runs/{id}"));
    assert!(run.contains("Fetch outputs and logs") && run.contains("Fetch it from the remote"), "{run}");
    let restore = ui.get(&format!("/runs/{id}/restore"));
    assert!(restore.body.contains("not on this computer yet"), "{}", restore.body);
    let token = crate::testbed::Ui::token_of(&restore);
    let fetched = ui.follow(&ui.post(&format!("/runs/{id}/fetch"), &token, "what=snapshot"));
    assert!(fetched.contains("Could not fetch it") && fetched.contains("role=\"alert\""), "{fetched}");
    let list = ui.page("/");
    assert!(list.contains("Not responding"), "a run that has been silent for long: {list}");
    let synced = ui.follow(&ui.post("/sync", &token, "here=/"));
    assert!(synced.contains("Could not sync") && synced.contains("azml project update -r URL"), "{synced}");
}

#[test]
fn values_that_are_no_numbers_have_their_place() {
    let testbed = Testbed::new();
    let (_, project) = testbed.history();
    let mut odd = record(&project, 1);
    odd.metrics = [
        ("nan", Metric::from_f64(f64::NAN)),
        ("table", Metric::from_word("{\"a\": [1, 2]}")),
        ("flag", Metric::Other(true.into())),
        ("words", Metric::from_word("[\"a\", \"b\"]")),
        ("huge", Metric::from_word("[1e308, -1e308, 1e308]")),
    ]
    .map(|(name, metric)| (name.to_owned(), metric))
    .into();
    let id = odd.run_id.to_string();
    testbed.put([odd]);
    let ui = testbed.ui();
    assert!(ui.page("/").contains(">NaN<"));
    let page = ui.page(&format!("/runs/{id}"));
    for part in
        ["NaN", "True", "<summary>table</summary>", "<summary>words</summary>", "3 values, lowest -1e+308"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
}

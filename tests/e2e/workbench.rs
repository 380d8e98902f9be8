//! The Workbench in a browser: the article's steps 4 and 5, with scripts and without.
//!
//! Runs are made with edits in between, looked at, compared; a snapshot is restored by the button and brought back by
//! Undo; a run that goes on is watched and canceled. Every page is checked in both themes.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use e2e::browser::Theme;
use e2e::folder::write;
use e2e::{Actor, Browser, Sandbox, Scripts, Ui, Weight, binaries, page_check};

/// A training run that logs a curve and goes on for as long as somebody writes lines into a pipe.
const SLOW: &str = "\
import math, sys
from azureml.logging import get_azureml_logger
log = get_azureml_logger()
print('waiting for', sys.argv[1], flush=True)
with open(sys.argv[1]) as lines:
    for step, line in enumerate(lines):
        log.log('loss', math.exp(-step / 3))
        print('step', line.strip(), flush=True)
";

/// A training run with curves, in no time.
const FIT: &str = "\
import math, os, random, sys
from azureml.logging import get_azureml_logger
log = get_azureml_logger()
rate, epochs = float(sys.argv[2]), 60
random.seed(rate)
floor = 0.06 + abs(math.log10(rate) + 1.1) * 0.05
losses = [floor + math.exp(-epoch * (0.04 + rate / 4)) + random.random() * 0.03 for epoch in range(epochs)]
for loss in losses:
    log.log('loss', loss)
log.log('validation accuracy', [1 - loss * 0.7 for loss in losses])
log.log('Accuracy', round(1 - losses[-1] * 0.7, 4))
log.log('Regularization Rate', rate)
os.makedirs('outputs', exist_ok=True)
open('outputs/model.json', 'w').write('[]')
print('epoch', epochs, 'of', epochs, 'loss', round(losses[-1], 4))
if rate > 0.9:
    sys.exit('the loss does not fall')
";

/// Logs a long curve every tenth step, in which one value stands out.
const STEPS: &str = "\
import azml
for n in range(5000):
    azml.log_metric('long', 7777 if n == 4321 else n % 5, step=10 * n)
";

/// A page of code has no limit but the code's; everything else is light.
const CODE: Weight = Weight { bytes: 60 * 1024, requests: 2 };

/// Waits until a page says something: it does so by itself where scripts run, and when it is loaded again where not.
#[track_caller]
fn wait(browser: &Browser, css: &str, part: &str) {
    if browser.scripts() == Scripts::On {
        browser.wait_for_text(css, part);
        return;
    }
    for _ in 0..1000 {
        if browser.texts(css).iter().any(|text| text.contains(part)) {
            return;
        }
        browser.reload();
    }
    panic!("{part:?} did not come up in {css} of {}:\n{}", browser.address(), browser.text("body"));
}

#[test]
fn the_article_is_followed_with_scripts() {
    follow_the_article(Scripts::On);
}

#[test]
fn the_article_is_followed_without_scripts() {
    follow_the_article(Scripts::Off);
}

#[test]
fn curves_and_charts_are_drawn_and_told() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "iris_sklearn.py", FIT);
    let rates = ["0.01", "0.03", "0.1", "0.08", "0.05", "0.95", "0.2", "0.07", "0.09"];
    for rate in rates {
        let submit = ["experiment", "submit", "-c", "local", "iris_sklearn.py", "--rate", rate];
        let _may_fail = alice.azml(&project, &submit);
    }
    write(&project, "steps.py", STEPS);
    let _run = alice.submit(&project, &["steps.py"]);
    let ui = Ui::start(&alice, &project);
    let browser = Browser::start(&sandbox, Scripts::On);
    browser.open(&ui.url);
    let is_there = (0..1000).any(|_| browser.address() == format!("{}/", ui.base));
    assert!(is_there, "{}", browser.address());
    let told = browser.evaluate("return document.querySelector('.plot desc').textContent", &[]);
    let told = told.as_str().unwrap_or_default();
    assert!(told.starts_with("Accuracy: 9 values, lowest ") && told.contains(" at 1, highest "), "{told}");
    assert_eq!(browser.texts(".charts figcaption").len(), 2);
    browser.prefer(Theme::Light);
    browser.resize(1100, 640);
    browser.save_screenshot("readme-workbench-runs");
    browser.press("#8");
    let told = browser
        .evaluate("return [...document.querySelectorAll('.plot desc')].map(d => d.textContent).join()", &[]);
    let told = told.as_str().unwrap_or_default();
    assert!(told.contains("loss: 60 values") && told.contains("validation accuracy: 60 values"), "{told}");
    browser.save_screenshot("readme-workbench-run");
    browser.press("Values");
    assert_eq!(browser.texts(".values tbody tr").len() % 31, 0, "every second of 60, and the last");
    browser.press("Values");
    browser.resize(1280, 860);
    page_check::check(&browser, "workbench-curves", Weight::LIGHT);

    browser.open(&format!("{}/", ui.base));
    browser.press("#10");
    let told = browser.evaluate("return document.querySelector('.plot desc').textContent", &[]);
    assert_eq!(
        told.as_str(),
        Some("long: 5\u{202f}000 values, lowest 0 at 0, highest 7777 at 43210, last 4."),
        "by its steps, however long it is"
    );
    page_check::check(&browser, "workbench-long-curve", Weight::LIGHT);
}

fn follow_the_article(scripts: Scripts) {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_linked_project(&sandbox.dir("work"), "flowers", &server.repo("extra"));
    let train =
        std::fs::read_to_string(binaries::workspace().join("examples/iris/train.py")).expect("the example");
    write(
        &project,
        "iris.csv",
        std::fs::read(binaries::workspace().join("examples/iris/iris.csv")).expect("data"),
    );
    write(&project, "train.py", &train);
    write(&project, "slow.py", SLOW);

    // Step 4: a few runs, with changes in between.
    let first = alice.submit(&project, &["train.py", "0.01"]);
    let edited = train.replace("EPOCHS = 200", "EPOCHS = 50");
    write(&project, "train.py", &edited);
    let second = alice.submit(&project, &["train.py", "0.3"]);
    write(&project, "notes.md", "not good\n");
    let _third = alice.submit(&project, &["train.py", "0.1"]);

    let ui = Ui::start(&alice, &project);
    let browser = Browser::start(&sandbox, scripts);
    let name = |page: &str| format!("workbench-{page}{}", if scripts == Scripts::On { "" } else { "-plain" });
    browser.open(&format!("{}/", ui.base));
    assert!(browser.text("h1").contains("not signed in"), "{}", browser.text("body"));
    // It complains of the status, which is meant.
    browser.complaints();
    page_check::check(&browser, &name("signed-out"), Weight::LIGHT);
    browser.open(&ui.url);
    // A page leads on.
    let is_there = (0..1000).any(|_| browser.address() == format!("{}/", ui.base));
    assert!(is_there, "the key stays in the address: {}", browser.address());
    assert_eq!(browser.texts("tbody th"), ["#3", "#2", "#1"]);
    assert!(browser.text(".sync").contains("In sync"), "{}", browser.text(".sync"));
    page_check::check(&browser, &name("list"), Weight::LIGHT);

    // Filter, sort and columns are in the address.
    browser.fill("Filter", "script~train Accuracy>0.9");
    browser.press("Filter");
    assert!(browser.address().contains("q=script"), "{}", browser.address());
    let found = browser.texts("tbody th").len();
    assert!(found < 3, "one of them is worse: {}", browser.text("table"));
    browser.press("Clear");
    browser.press("Accuracy");
    assert_eq!(browser.attribute("th[aria-sort]", "aria-sort"), "descending");
    browser.press("Columns");
    page_check::check(&browser, &name("columns"), Weight::LIGHT);
    browser.reload();
    browser.press("Syntax");
    browser.press("Columns");
    browser.press_at("input[name=col][value='Regularization Rate']");
    if scripts == Scripts::Off {
        browser.press("Show these");
    }
    let is_chosen = (0..1000).any(|_| browser.address().contains("cols="));
    assert!(is_chosen, "{}", browser.address());
    wait(&browser, "thead", "Accuracy");
    assert!(!browser.texts("thead th").iter().any(|head| head.contains("Regularization Rate")));

    // Step 5: the run's page, its snapshot, and the button.
    browser.open(&format!("{}/", ui.base));
    browser.press("#2");
    assert!(browser.text("h1").contains("Run 2"));
    assert!(browser.text("#h-code ~ .scroll").contains("train.py"), "what changed since the run before");
    page_check::check(&browser, &name("run"), Weight::LIGHT);
    browser.press("what changed, line by line");
    assert_eq!(browser.texts(".diff del"), ["-EPOCHS = 200"]);
    page_check::check(&browser, &name("diff"), CODE);
    browser.back();
    browser.press("all files");
    browser.press("train.py");
    page_check::check(&browser, &name("file"), CODE);

    browser.open(&format!("{}/runs/{first}", ui.base));
    browser.press("Restore Project Snapshot");
    let body = browser.text("main");
    assert!(body.contains("1 file changed, 1 file removed"), "{body}");
    assert_eq!(browser.texts(".stat tbody th"), ["notes.md", "train.py"]);
    page_check::check(&browser, &name("restore"), CODE);
    assert!(project.join("notes.md").exists(), "nothing has happened yet");
    browser.press("Restore Project Snapshot");
    assert!(browser.text(".note").contains("1 changed, 1 removed"), "{}", browser.text("body"));
    page_check::check(&browser, &name("restored"), Weight::LIGHT);
    assert_eq!(std::fs::read_to_string(project.join("train.py")).expect("a file"), train);
    assert!(!project.join("notes.md").exists());
    browser.press("Undo");
    assert!(browser.text(".note").contains("as it was before the restore"), "{}", browser.text("body"));
    assert_eq!(std::fs::read_to_string(project.join("train.py")).expect("a file"), edited);
    assert!(project.join("notes.md").exists());

    // Compare two of them: only what differs.
    browser.open(&format!("{}/", ui.base));
    browser.tick("Compare Run 1");
    browser.tick("Compare Run 2");
    browser.press("Compare");
    assert!(browser.address().contains(&second), "{}", browser.address());
    let differing = browser.texts(".compare tbody th");
    assert!(
        differing.contains(&"Accuracy".to_owned()) && !differing.contains(&"script_name".to_owned()),
        "{differing:?}"
    );
    page_check::check(&browser, &name("compare"), CODE);

    browser.press("Sync now");
    assert!(browser.text(".note").contains("In sync with the remote"), "{}", browser.text("body"));
    watch_a_run(&sandbox, &alice, &project, &ui, &browser, &name("live"));
}

/// A run that goes on: it appears in the list, its log and curve grow, and it is canceled.
fn watch_a_run(
    sandbox: &Sandbox,
    alice: &Actor<'_>,
    project: &Path,
    ui: &Ui,
    browser: &Browser,
    picture: &str,
) {
    let pipe = sandbox.path().join("steps");
    let _made = alice.sh(project, &format!("mkfifo {}", pipe.display())).ok();
    browser.open(&format!("{}/", ui.base));
    let pipe = pipe.to_str().expect("a plain path");
    let azml = alice.spawn_azml(project, &["experiment", "submit", "-c", "local", "slow.py", pipe]);
    wait(browser, "tbody tr:first-child", "Running");
    browser.press("#4");
    wait(browser, "#log", "waiting for");
    // Opens when the script reads.
    let mut steps = OpenOptions::new().write(true).open(pipe).expect("a pipe");
    for step in ["one", "two", "three"] {
        writeln!(steps, "{step}").expect("the script reads");
        wait(browser, "#log", &format!("step {step}"));
    }
    wait(browser, ".plot desc", "3 values");
    page_check::check(browser, picture, Weight::LIGHT);
    browser.press("Cancel run");
    assert!(browser.text(".note").contains("to end"), "{}", browser.text("body"));
    wait(browser, ".facts", "Canceled");
    let ended = azml.wait_with_output().expect("azml ends");
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    browser.open(&format!("{}/", ui.base));
    wait(browser, "tbody tr:first-child", "Canceled");
    assert!(!browser.has("tbody .run"), "none goes on");
}

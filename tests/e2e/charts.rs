//! The charts of a sweep's runs in a browser, with scripts and without.

use e2e::browser::Theme;
use e2e::folder::write;
use e2e::{Browser, Sandbox, Scripts, Ui, Weight, page_check};

/// A training run whose result depends on what it is told. One solver logs nothing if it goes too fast.
const TRAIN: &str = "\
import argparse, math, sys
from azureml.logging import get_azureml_logger
p = argparse.ArgumentParser()
p.add_argument('--lr', type=float)
p.add_argument('--depth', type=int)
p.add_argument('--solver')
a = p.parse_args()
if a.solver == 'sgd' and a.lr > 0.05 and a.depth > 2:
    sys.exit()
loss = 0.08 * abs(math.log10(a.lr) + 2.1) + 0.03 * abs(a.depth - 3) + (0.05 if a.solver == 'sgd' else 0)
get_azureml_logger().log('accuracy', round(0.97 - loss, 4))
";

/// Drawings of some runs are more than a page of text.
const DRAWN: Weight = Weight { bytes: 40 * 1024, requests: 2 };

#[test]
fn a_sweep_is_drawn_by_its_parameters_and_its_metric() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", TRAIN);
    let grid = ["--param", "lr=0.1,0.01,0.001", "--param", "depth=2..3", "--param", "solver=adam,sgd"];
    let swept = alice.azml(&project, &[&["sweep"], &grid[..], &["--", "python3", "train.py"]].concat()).ok();
    let sweep = swept.run_id();
    let ui = Ui::start(&alice, &project);
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(&sandbox, scripts);
        let name = if scripts == Scripts::On { "charts" } else { "charts-plain" };
        browser.open(&ui.url);
        let is_there = (0..1000).any(|_| browser.address() == format!("{}/", ui.base));
        assert!(is_there, "{}", browser.address());
        browser.open(&format!("{}/runs/{sweep}", ui.base));
        browser.press("Charts");
        assert_eq!(browser.text("h1 .count"), "12 runs");
        let told = |id: &str| {
            browser.evaluate("return document.getElementById(arguments[0]).textContent", &[id.into()])
        };
        let told = |id: &str| told(id).as_str().unwrap_or_default().to_owned();
        assert_eq!(
            told("parallel-d"),
            "depth: 2 to 3; lr: 0.001 to 0.1, logarithmic; solver: adam, sgd; accuracy: 0.802 to 0.962, 1 run without. \
             The values are in the table below."
        );
        browser.prefer(Theme::Light);
        browser.resize(1100, 700);
        browser.save_screenshot(&format!("readme-workbench-{name}"));
        browser.resize(1280, 860);
        page_check::check(&browser, name, DRAWN);

        browser.choose("Across", "lr");
        browser.choose("Points coloured by", "accuracy");
        browser.choose("Scales", "Linear");
        browser.press("Draw");
        assert!(
            told("scatter-d").starts_with("Across: lr: 0.001 to 0.1. Up: accuracy: "),
            "{}",
            told("scatter-d")
        );
        browser.press("Values");
        assert_eq!(browser.texts(".charted tbody tr").len(), 12);
        page_check::check(&browser, &format!("{name}-values"), DRAWN);

        // A point leads to its run, and shows which it is where scripts run.
        let point = "return document.querySelector('.runplot a:last-of-type')";
        if scripts == Scripts::On {
            let over = format!("{point}.dispatchEvent(new PointerEvent('pointerover', {{ bubbles: true }}))");
            browser.evaluate(&over, &[]);
            let named = browser.text(".named");
            assert!(named.contains("accuracy 0.962"), "the best is drawn last: {named}");
            assert_eq!(browser.texts(".runplot a.at").len(), 2, "the line and the point");
        }
        let path = browser.evaluate(&format!("{point}.getAttribute('href')"), &[]);
        browser.press_at(".runplot:has(circle) a:last-of-type .mark");
        let is_there =
            (0..1000).any(|_| browser.address() == format!("{}{}", ui.base, path.as_str().unwrap_or("")));
        assert!(is_there, "{}", browser.address());
    }
}

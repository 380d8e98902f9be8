//! Sweeps that take long, or need packages.

use std::path::Path;

use e2e::folder::write;
use e2e::{Sandbox, venv};
use serde_json::json;

use super::{TRAIN, children, none_is_lost};

#[test]
fn of_200_members_none_is_lost() {
    none_is_lost(200, 8);
}

#[test]
fn the_manuals_bayesian_search_has_a_run_for_each_trial_below_one() {
    let sandbox = Sandbox::new();
    let environment = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), "optuna==5.0.0");
    let path = format!("{}/bin:{}/bin:/usr/bin:/bin", environment.display(), sandbox.path().display());
    let alice = sandbox.stranger("alice").with_env("PATH", path);
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", TRAIN);
    let page = include_str!("../../../docs/sweeps.md");
    let script = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    write(&project, "tune.py", script.expect("the page has a script"));
    let output = alice.run("python", &project, &["tune.py"]).ok();
    let search = output.stdout.trim().rsplit(' ').next().expect("the last word").to_owned();
    let trials = children(&alice, &project, &search);
    let mut names: Vec<&str> = trials.iter().filter_map(|trial| trial["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["trial-0", "trial-1", "trial-2", "trial-3", "trial-4"]);
    let number = |trial: &serde_json::Value, name: &str| -> f64 {
        trial["parameters"][name].as_str().and_then(|text| text.parse().ok()).expect("a number")
    };
    for trial in &trials {
        assert_eq!(trial["status"], "Completed");
        assert_eq!(trial["auc"], json!(number(trial, "lr") * number(trial, "depth")), "{trial}");
    }
    let best = trials.iter().map(|trial| number(trial, "lr") * number(trial, "depth")).fold(0.0, f64::max);
    let told =
        output.stdout.split("'lr': ").nth(1).and_then(|rest| rest.split(',').next()?.parse::<f64>().ok());
    let best = trials.iter().find(|trial| number(trial, "lr") * number(trial, "depth") >= best).expect("one");
    assert_eq!(told, Some(number(best, "lr")), "{output}");
}

//! `cargo xtask screenshots`: README's and the manual's pictures, taken anew. The stories in a browser leave them in the build folder; here
//! they are run, and the pictures copied to where they are shown.

use crate::workspace::Purpose;
use crate::{Outcome, machine, process, workspace};

/// The stories that take pictures, and what they leave: the name it has there, and the one it gets.
const PICTURES: &[(&str, &[(&str, &str)])] = &[
    ("portal::the_article_in_a_browser", &[("readme-portal-run-history", "portal-run-history")]),
    (
        "charts::a_sweep_is_drawn_by_its_parameters_and_its_metric",
        &[("readme-workbench-charts", "workbench-charts")],
    ),
    (
        "workbench::curves_and_charts_are_drawn_and_told",
        &[("readme-workbench-runs", "workbench-runs"), ("readme-workbench-run", "workbench-run")],
    ),
];

pub(crate) fn run() -> Outcome {
    machine::require_git()?;
    machine::python()?;
    machine::require_browser()?;
    let binaries = workspace::build_binaries(Purpose::Demo)?;
    let target = binaries.dir.parent().ok_or("binaries are in a folder of the build folder")?;
    let shown = workspace::root().join("docs/screenshots");
    std::fs::create_dir_all(&shown)?;
    for (story, pictures) in PICTURES {
        let mut cargo = workspace::cargo();
        cargo.args(["test", "-p", "e2e", "--test", "e2e", "--", "--exact", story]);
        process::run(cargo.env("AZML_TEST_BIN_DIR", &binaries.dir))?;
        for (from, to) in *pictures {
            let from = target.join("screenshots").join(format!("{from}.png"));
            let to = shown.join(format!("{to}.png"));
            let bytes = std::fs::copy(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
            println!("{} ({} KB)", to.display(), bytes.div_ceil(1024));
        }
    }
    Ok(())
}

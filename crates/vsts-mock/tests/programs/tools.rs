//! Programs and packages by others, which are small.

use crate::site::{Site, beside, from_pypi};
use crate::table::{ADO_INSIGHTS, PYADO, SIMPLE_ADO};

#[test]
fn pyado_and_simple_ado_take_a_pull_request_from_its_creation_to_its_end() {
    for (program, script) in [(&PYADO, "pyado_life.py"), (&SIMPLE_ADO, "simple_ado_life.py")] {
        let line = format!("{} {}", from_pypi(program, &[]).display(), beside(script));
        Site::new().succeed("azure-devops", &[], &line, &[]);
    }
}

#[test]
fn ado_insights_reads_completed_pull_requests_with_their_comments() {
    let program = from_pypi(&ADO_INSIGHTS, &[]).with_file_name("ado-insights").display().to_string();
    let env = [("ADO_INSIGHTS", program.as_str())];
    let said = Site::new().succeed("azure-devops", &env, include_str!("ado_insights.sh"), &[]);
    assert!(said.contains("all is as expected"), "{said}");
}

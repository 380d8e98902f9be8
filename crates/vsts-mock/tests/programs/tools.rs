//! Programs and packages by others, which are small.

use crate::site::{Site, beside, from_pypi};
use crate::table::{PYADO, SIMPLE_ADO};

#[test]
fn pyado_and_simple_ado_take_a_pull_request_from_its_creation_to_its_end() {
    for (program, script) in [(&PYADO, "pyado_life.py"), (&SIMPLE_ADO, "simple_ado_life.py")] {
        let line = format!("{} {}", from_pypi(program, &[]).display(), beside(script));
        Site::new().succeed("azure-devops", &[], &line, &[]);
    }
}

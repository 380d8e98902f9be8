//! The service's own packages for Python and Node: a pull request with threads, votes, statuses, policies and service hooks.

use crate::site::{Site, beside, cache, from_pypi};
use crate::table::{AZURE_DEVOPS, NODE_API, VSO_NODE_API, VSTS};
use test_support::npm;

/// The addresses of an account, as programs of today and of 2018 have them.
const TODAY: &str = "https://dev.azure.com/acme";
const OF_2018: &str = "https://acme.visualstudio.com";

#[test]
fn packages_for_python_take_a_pull_request_from_its_creation_to_its_end() {
    let rows = [
        (&AZURE_DEVOPS, "azure.devops v7_1", TODAY, &["permissive", "azure-devops"]),
        (&VSTS, "vsts v4_1", OF_2018, &["permissive", "vsts"]),
    ];
    for (program, package, url, profiles) in rows {
        // The older package takes its version from setuptools.
        let python = from_pypi(program, &["setuptools==80.9.0"]);
        let line = format!("{} {} {package} {url}", python.display(), beside("pulls_by_python.py"));
        for profile in profiles {
            Site::new().succeed(profile, &[], &line, &[]);
        }
    }
}

#[test]
fn packages_for_node_take_a_pull_request_from_its_creation_to_its_end() {
    let rows = [
        (&NODE_API, TODAY, "7.1", "azure-devops"),
        (&NODE_API, OF_2018, "4.1", "vsts"),
        (&VSO_NODE_API, OF_2018, "4.1", "vsts"),
    ];
    for (program, url, version, profile) in rows {
        let modules = npm::with_package(cache(), &program.package("@")).join("node_modules");
        let modules = modules.display().to_string();
        let line = format!("node {} {} {url} {version}", beside("pulls_by_node.js"), program.name);
        let env = [("NODE_PATH", modules.as_str()), ("NODE_NO_WARNINGS", "1")];
        Site::new().succeed(profile, &env, &line, &[]);
    }
}

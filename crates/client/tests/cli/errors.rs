//! Errors as users see them: what happened, why, what to do, and the exit code.

use crate::sandbox::Sandbox;

#[test]
fn outside_a_project() {
    insta::assert_snapshot!(Sandbox::new().azml(&["history", "list"]), @r"");
}

#[test]
fn outside_a_project_through_the_link_az() {
    insta::assert_snapshot!(Sandbox::new().az(&["ml", "project", "restore", "--run-id", "iris_1504832281116"]), @r"");
}

#[test]
fn an_unknown_command() {
    insta::assert_snapshot!(Sandbox::new().azml(&["histroy", "list"]), @r"");
}

#[test]
fn a_missing_option() {
    insta::assert_snapshot!(Sandbox::new().az(&["ml", "project", "update"]), @r"");
}

#[test]
fn another_group_of_the_azure_cli() {
    insta::assert_snapshot!(Sandbox::new().az(&["account", "list"]), @r"");
}

#[test]
fn a_query_that_is_none() {
    insta::assert_snapshot!(Sandbox::new().azml(&["history", "list", "--query", "[?status=="]), @r"");
}

#[test]
fn a_function_that_jmespath_lacks() {
    insta::assert_snapshot!(Sandbox::new().azml(&["history", "list", "--query", "first(@)"]), @r"");
}

#[test]
fn a_remote_that_is_no_url() {
    insta::assert_snapshot!(Sandbox::new().azml(&["project", "create", "-n", "iris", "-r", "ext::sh -c id"]), @r"");
}

#[test]
fn a_name_that_no_project_can_have() {
    insta::assert_snapshot!(Sandbox::new().azml(&["project", "create", "-n", "a/b"]), @r"");
}

#[test]
fn logging_outside_a_run() {
    insta::assert_snapshot!(Sandbox::new().azml(&["run", "log", "Accuracy", "0.9"]), @r"");
}

#[test]
fn quiet_and_loud_at_once() {
    insta::assert_snapshot!(Sandbox::new().azml(&["--only-show-errors", "--debug", "history", "last"]), @r"");
}

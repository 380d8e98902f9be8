//! Errors as users see them: what happened, why, what to do, and the exit code.

use crate::sandbox::Sandbox;

#[test]
fn outside_a_project() {
    insta::assert_snapshot!("outside_a_project", Sandbox::new().azml(&["history", "list"]));
}

#[test]
fn outside_a_project_through_the_link_az() {
    insta::assert_snapshot!(
        "outside_a_project_through_the_link_az",
        Sandbox::new().az(&["ml", "project", "restore", "--run-id", "iris_1504832281116"])
    );
}

#[test]
fn an_unknown_command() {
    insta::assert_snapshot!("an_unknown_command", Sandbox::new().azml(&["histroy", "list"]));
}

#[test]
fn a_missing_option() {
    insta::assert_snapshot!("a_missing_option", Sandbox::new().az(&["ml", "project", "update"]));
}

#[test]
fn another_group_of_the_azure_cli() {
    insta::assert_snapshot!("another_group_of_the_azure_cli", Sandbox::new().az(&["account", "list"]));
}

#[test]
fn a_query_that_is_none() {
    insta::assert_snapshot!(
        "a_query_that_is_none",
        Sandbox::new().azml(&["history", "list", "--query", "[?status=="])
    );
}

#[test]
fn a_function_that_jmespath_lacks() {
    insta::assert_snapshot!(
        "a_function_that_jmespath_lacks",
        Sandbox::new().azml(&["history", "list", "--query", "first(@)"])
    );
}

#[test]
fn a_remote_that_is_no_url() {
    insta::assert_snapshot!(
        "a_remote_that_is_no_url",
        Sandbox::new().azml(&["project", "create", "-n", "iris", "-r", "ext::sh -c id"])
    );
}

#[test]
fn a_name_that_no_project_can_have() {
    insta::assert_snapshot!(
        "a_name_that_no_project_can_have",
        Sandbox::new().azml(&["project", "create", "-n", "a/b"])
    );
}

#[test]
fn logging_outside_a_run() {
    insta::assert_snapshot!("logging_outside_a_run", Sandbox::new().azml(&["run", "log", "Accuracy", "0.9"]));
}

#[test]
fn quiet_and_loud_at_once() {
    insta::assert_snapshot!(
        "quiet_and_loud_at_once",
        Sandbox::new().azml(&["--only-show-errors", "--debug", "history", "last"])
    );
}

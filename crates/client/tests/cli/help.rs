//! The help of every command is its manual: a change to it is seen here.

use crate::sandbox::Sandbox;

macro_rules! help_of {
    ($($name:ident: $($word:literal)*;)*) => {
        $(#[test]
        fn $name() {
            let ran = Sandbox::new().azml(&[$($word,)* "--help"]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            insta::assert_snapshot!(stringify!($name), ran.stdout);
        })*
    };
}

help_of! {
    azml: ;
    project: "project";
    project_create: "project" "create";
    project_update: "project" "update";
    project_clone: "project" "clone";
    project_show: "project" "show";
    project_restore: "project" "restore";
    project_snapshot: "project" "snapshot";
    experiment: "experiment";
    experiment_submit: "experiment" "submit";
    experiment_cancel: "experiment" "cancel";
    experiment_diagnostics: "experiment" "diagnostics";
    history: "history";
    history_list: "history" "list";
    history_last: "history" "last";
    history_info: "history" "info";
    history_compare: "history" "compare";
    history_download: "history" "download";
    history_sync: "history" "sync";
    run: "run";
    run_log: "run" "log";
    completion: "completion";
}

#[test]
fn a_group_alone_shows_its_help_and_is_no_error() {
    let sandbox = Sandbox::new();
    for args in [&["ml"][..], &["ml", "history"], &[]] {
        let ran = sandbox.az(args);
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.stdout.contains("Usage: az ml"), "{ran}");
        assert_eq!(ran.stderr, "");
    }
}

#[test]
fn every_shell_gets_a_completion_script() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = sandbox.azml(&["completion", shell]);
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.stdout.contains("experiment"), "{shell}");
    }
}

#[test]
fn the_version_is_told() {
    let ran = Sandbox::new().azml(&["--version"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, concat!("azml ", env!("CARGO_PKG_VERSION"), "\n")));
}

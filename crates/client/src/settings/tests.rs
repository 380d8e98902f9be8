//! Sources of values, refusals, and an explanation of every variable.

use super::*;

fn env(dir: &Path, vars: &[(&str, &str)]) -> Env {
    let mut all = vec![("AZML_CONFIG_DIR", dir.to_str().unwrap())];
    all.extend_from_slice(vars);
    Env::fixed(all, "/")
}

fn with_file(text: &str, vars: &[(&str, &str)]) -> Result<Settings, Error> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
    Settings::read(&env(dir.path(), vars))
}

#[test]
fn the_environment_goes_before_the_file_and_that_before_the_default() {
    let settings =
        with_file("push_wait = 3\nstall_timeout = 1.5\ncolor = \"never\"\n", &[("AZML_PUSH_WAIT", "0.5")])
            .unwrap();
    assert_eq!(settings.push_wait(), Duration::from_millis(500));
    assert_eq!(settings.stall_timeout(), Duration::from_millis(1500));
    assert_eq!(settings.connect_timeout(), Duration::from_secs(10));
    assert_eq!(settings.color(), ColorChoice::Never);
    assert_eq!((settings.output(), settings.pager()), (None, None));
    for (key, expected) in [
        ("push_wait", Source::Environment),
        ("connect_timeout", Source::Default),
        ("stall_timeout", Source::File),
    ] {
        let found = settings.all().find(|(setting, ..)| setting.key == key);
        assert_eq!(found.map(|(.., source)| source), Some(expected), "{key}");
    }
}

#[test]
fn a_value_that_is_none_names_its_place() {
    for (text, vars, expect) in [
        ("push_wait = \"soon\"", &[][..], "`push_wait` in "),
        ("push_wait = -1", &[], "`push_wait` in "),
        ("", &[("AZML_PUSH_WAIT", "soon")], "AZML_PUSH_WAIT is `soon`"),
        ("output = \"xml\"", &[], "`output` in "),
        ("color = [1]", &[], "`color` in "),
        ("color = ", &[], "is not TOML"),
    ] {
        let error = with_file(text, vars).unwrap_err().to_string();
        assert!(error.contains(expect), "{text}: {error}");
    }
}

#[test]
fn keys_of_a_newer_azml_are_named_and_do_no_harm() {
    let settings = with_file("from_the_future = true\n", &[]).unwrap();
    assert_eq!(settings.unknown(), ["from_the_future"]);
}

#[test]
fn a_change_keeps_comments_and_can_be_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("deeper").join(FILE_NAME);
    let env = env(file.parent().unwrap(), &[]);
    let read = || Settings::read(&env).unwrap();
    read().set("push_wait", "2").unwrap();
    std::fs::write(&file, "# mine\npush_wait = 2 # short\nold = 1\n").unwrap();
    read().set("pager", "less -S").unwrap();
    read().set("push_wait", "0.5").unwrap();
    read().unset("old").unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("# mine\npush_wait = 0.5"));
    assert_eq!(read().pager(), Some("less -S"));
    read().unset("pager").unwrap();
    assert_eq!(read().pager(), None);
    assert!(matches!(read().set("pusher", "1"), Err(Error::Unknown { .. })));
    assert!(matches!(read().set("color", "blue"), Err(Error::Value { .. })));
}

#[test]
fn every_variable_that_is_read_is_explained() {
    let source = include_str!("../env.rs");
    let named: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1))
        .filter(|name| !["PATH", "PYTHONPATH", "PWD"].contains(name))
        .collect();
    let explained: Vec<&str> = SETTINGS
        .iter()
        .map(|setting| setting.variable)
        .chain(VARIABLES.iter().map(|variable| variable.name))
        .collect();
    assert!(named.len() > 20);
    for name in &named {
        assert!(explained.contains(name), "{name} is read, and no table explains it");
    }
    assert_eq!(named.len(), explained.len());
}

#[test]
fn every_default_is_a_value_that_could_be_set() {
    for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
        assert!(setting.kind.check(setting.default).is_ok(), "{}", setting.key);
    }
}

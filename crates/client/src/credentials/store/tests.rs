//! The logins that are kept, and their files.

use super::*;

fn origin(text: &str) -> Origin {
    Origin::parse(text).unwrap()
}

fn write(store: &TokenStore, text: &str) {
    fs::write(store.path(), text).unwrap();
    store.protect();
}

#[test]
fn a_file_that_others_may_read_is_not_used_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let store = TokenStore::in_folder(dir.path());
    store.put(&origin("https://h"), "u", &Secret::new("t")).unwrap();
    assert_eq!(store.protect(), None);
    for mode in [0o640, 0o604, 0o660, 0o602] {
        fs::set_permissions(store.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(store.get(&origin("https://h")), Err(StoreError::Exposed { .. })), "{mode:o}");
        assert_eq!(store.protect(), Some(mode));
        assert!(store.get(&origin("https://h")).unwrap().is_some());
    }
}

#[test]
fn a_login_is_for_its_own_scheme_host_and_port_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = TokenStore::in_folder(&dir.path().join("azml"));
    assert_eq!(store.get(&origin("https://git.example.com/x")).unwrap(), None);
    store.put(&origin("https://git.example.com/a/b"), "alice", &Secret::new("s3cret")).unwrap();

    assert!(store.get(&origin("https://GIT.example.com:443/c")).unwrap().is_some());
    for other in [
        "http://git.example.com/",
        "https://git.example.com:8443/",
        "https://example.com/",
        "https://a.git.example.com/",
    ] {
        assert_eq!(store.get(&origin(other)).unwrap(), None, "{other}");
    }
    assert!(store.remove(&origin("https://git.example.com")).unwrap());
    assert!(!store.remove(&origin("https://git.example.com")).unwrap());
}

#[test]
fn the_last_service_signed_in_to_is_the_current_one_until_it_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = TokenStore::in_folder(dir.path());
    let login = |service: &str| Login {
        user: "alice".to_owned(),
        token: Secret::new("t"),
        expires: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        service: Some(service.to_owned()),
        is_session: true,
    };
    store.keep(&origin("https://one"), &login("https://one/a")).unwrap();
    store.keep(&origin("https://two"), &login("https://two")).unwrap();
    store.put(&origin("https://three"), "u", &Secret::new("t")).unwrap();
    assert_eq!(store.current().unwrap().as_deref(), Some("https://two"));
    store.remove(&origin("https://two")).unwrap();
    assert_eq!(store.current().unwrap(), None);
    assert_eq!(store.login(&origin("https://one")).unwrap(), Some(login("https://one/a")));

    let late = store.at("2026-01-02T00:00:00Z".parse().unwrap());
    let error = late.get(&origin("https://one")).unwrap_err();
    assert!(error.to_string().contains("expired on 2026-01-01"), "{error}");
}

#[test]
fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let store = TokenStore::in_folder(dir.path());
    store.put(&origin("https://h"), "u", &Secret::new("t")).unwrap();
    store.put(&origin("https://h2"), "u", &Secret::new("t")).unwrap();
    assert_eq!(fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(["https://h", "https://h2"].iter().all(|url| store.login(&origin(url)).unwrap().is_some()));
}

#[test]
fn the_first_format_is_read_still() {
    let dir = tempfile::tempdir().unwrap();
    let store = TokenStore::in_folder(dir.path());
    let first = r#"{"version":1,"tokens":{"https://h":{"user":"u","token":"t"}}}"#;
    write(&store, first);
    assert_eq!(store.get(&origin("https://h")).unwrap(), Some(("u".to_owned(), Secret::new("t"))));
}

#[test]
fn a_newer_format_is_refused_and_a_broken_file_shows_nothing_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = TokenStore::in_folder(dir.path());
    write(&store, r#"{"version":3,"vault":"x"}"#);
    assert!(matches!(store.get(&origin("https://h")), Err(StoreError::Newer { found: 3, .. })));
    write(&store, r#"{"version":2,"tokens":"hunter2"}"#);
    let error = store.get(&origin("https://h")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

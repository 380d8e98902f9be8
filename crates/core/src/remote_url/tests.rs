//! Tests: forms that Git takes, secrets, attacks.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> RemoteUrl {
    RemoteUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_form_that_git_takes() {
    type Case = (&'static str, Scheme, Option<&'static str>, Option<u16>, &'static str);
    let cases: [Case; 17] = [
        (
            "https://acme.visualstudio.com/iris/_git/extra",
            Scheme::Https,
            Some("acme.visualstudio.com"),
            None,
            "/iris/_git/extra",
        ),
        (
            "https://acme.visualstudio.com/DefaultCollection/_git/iris",
            Scheme::Https,
            Some("acme.visualstudio.com"),
            None,
            "/DefaultCollection/_git/iris",
        ),
        (
            "https://dev.azure.com/acme/My%20Project/_git/iris",
            Scheme::Https,
            Some("dev.azure.com"),
            None,
            "/acme/My%20Project/_git/iris",
        ),
        (
            "HTTP://localhost:8080/acme/_git/iris",
            Scheme::Http,
            Some("localhost"),
            Some(8080),
            "/acme/_git/iris",
        ),
        ("http://[::1]:8080/r", Scheme::Http, Some("::1"), Some(8080), "/r"),
        (
            "ssh://acme@acme.visualstudio.com:22/_git/iris",
            Scheme::Ssh,
            Some("acme.visualstudio.com"),
            Some(22),
            "/_git/iris",
        ),
        (
            "ssh://acme@vs-ssh.visualstudio.com:22/iris/_ssh/extra",
            Scheme::Ssh,
            Some("vs-ssh.visualstudio.com"),
            Some(22),
            "/iris/_ssh/extra",
        ),
        ("git+ssh://host/~user/repo", Scheme::Ssh, Some("host"), None, "/~user/repo"),
        (
            "git@ssh.dev.azure.com:v3/acme/iris/extra",
            Scheme::Ssh,
            Some("ssh.dev.azure.com"),
            None,
            "v3/acme/iris/extra",
        ),
        ("host:repo.git", Scheme::Ssh, Some("host"), None, "repo.git"),
        ("[::1]:repo", Scheme::Ssh, Some("::1"), None, "repo"),
        ("[git@host:2222]:repo", Scheme::Ssh, Some("host"), Some(2222), "repo"),
        ("git://host/repo", Scheme::Git, Some("host"), None, "/repo"),
        ("file:///srv/with%20space.git", Scheme::File, None, None, "/srv/with space.git"),
        ("/srv/repo.git", Scheme::File, None, None, "/srv/repo.git"),
        ("../repo", Scheme::File, None, None, "../repo"),
        ("./odd:name", Scheme::File, None, None, "./odd:name"),
    ];
    for (text, scheme, host, port, path) in cases {
        let url = parse(text);
        assert_eq!((url.scheme(), url.host(), url.port(), url.path()), (scheme, host, port, path), "{text}");
        assert_eq!(parse(url.as_str()), url.without_secret(), "{text} again");
    }
}

#[test]
fn a_secret_is_never_shown() {
    let url = parse("https://ada:p%40ss@acme.visualstudio.com/_git/iris");
    assert_eq!(url.to_string(), "https://ada@acme.visualstudio.com/_git/iris");
    let info = url.userinfo().unwrap();
    assert_eq!((info.user.as_str(), info.password.as_deref()), ("ada", Some("p@ss")));
    assert_eq!(url.without_secret().userinfo().unwrap().password, None);
    let token = "a1".repeat(26);
    let url = parse(&format!("https://{token}@acme.visualstudio.com/_git/iris"));
    assert_eq!(url.to_string(), "https://acme.visualstudio.com/_git/iris");
    assert_eq!(url.userinfo().unwrap().user, token);
    assert!(url.without_secret().userinfo().is_none());
    assert!(!format!("{url:?} {:?}", url.userinfo()).contains(&token));
    assert_eq!(parse("https://h/r?token=s3cret").to_string(), "https://h/r");
}

#[test]
fn what_is_still_to_be_rewritten_is_kept_without_secrets() {
    for (text, scheme, shown) in [
        ("work://acme/iris", Scheme::Other, "work://acme/iris"),
        ("work://ada:p@ss@acme/iris", Scheme::Other, "work://acme/iris"),
        ("corp:", Scheme::Other, "corp:"),
        ("corp:acme/iris", Scheme::Ssh, "corp:acme/iris"),
        ("https://ada:pw@h/r", Scheme::Https, "https://ada@h/r"),
        ("acme/iris", Scheme::File, "acme/iris"),
    ] {
        let url = RemoteUrl::parse_rewritable(text).unwrap();
        assert_eq!((url.scheme(), url.to_string().as_str(), url.expose()), (scheme, shown, text));
        assert_eq!(url.without_secret().expose(), shown);
    }
    for text in ["", "-x", "a\nb", "work://a%00b"] {
        assert!(RemoteUrl::parse_rewritable(text).is_err(), "{text:?}");
    }
}

#[test]
fn attacks_are_refused() {
    let bad = [
        "",
        " ",
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "ssh://-oProxyCommand=x/y",
        "ssh://-l@host/x",
        "-oProxyCommand=x:y",
        "--upload-pack=x",
        "host:-x",
        "ssh://host/-x",
        "user@-host:x",
        "http://host/a%0ab",
        "http://h%0d/x",
        "http://h/%00",
        "http://ho st/x",
        "http:///x",
        "http://host",
        "http://host:0/x",
        "http://host:99999/x",
        "http://host:x/y",
        "ftp://host/x",
        "javascript://x/y",
        "file://server/x",
        "http://host\n/x",
        "\u{1b}[31m",
        "git://host",
    ];
    for text in bad {
        assert!(RemoteUrl::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics_and_what_is_shown_parses_again(text in "[ -~]{0,40}") {
        if let Ok(url) = RemoteUrl::parse(&text) {
            let again = RemoteUrl::parse(url.as_str());
            prop_assert_eq!(again.map(|url| url.to_string()), Ok(url.to_string()));
        }
    }

    #[test]
    fn a_password_is_nowhere_in_what_is_shown(password in "[a-zA-Z0-9]{8,20}") {
        let url = parse(&format!("https://u:{password}@host.example/x"));
        let shown = format!("{url} {url:?} {}", url.without_secret());
        prop_assert!(!shown.contains(&password));
    }
}

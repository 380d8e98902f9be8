//! The names that this server goes by. Another site can make a name of its own point here (DNS rebinding) and so let its
//! visitors' browsers read what is shown to anybody: such a name gets nothing without credentials.

use axum::response::Response;
use http::header::HOST;
use http::{HeaderMap, StatusCode};

use super::web::text;
use crate::app::App;
use crate::service_hosts::{is_of_service, without_port};

/// The suffix of names that belong to this computer.
const LOCAL: &str = ".localhost";

/// Returns whether the server goes by the request's host: its own name, one below it, an address, a name without a dot as
/// containers and computers of one network have, or one of the service.
pub(super) fn is_own(app: &App, headers: &HeaderMap) -> bool {
    // HTTP/1.0 has no such header, and browsers don't speak it.
    let Some(host) = headers.get(HOST) else { return true };
    host.to_str().is_ok_and(|host| goes_by(host, app.own_host()))
}

fn goes_by(host: &str, own: Option<&str>) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    let is_address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let is_own = own.is_some_and(|own| {
        let own = own.to_ascii_lowercase();
        name == own || name.strip_suffix(&own).is_some_and(|label| label.ends_with('.'))
    });
    is_address
        || is_own
        || (!name.is_empty() && !name.contains('.'))
        || name.ends_with(LOCAL)
        || is_of_service(&name)
}

/// The answer to a request for another host.
pub(super) fn misdirected() -> Response {
    let message = "This server does not go by that name. Ask for its address, for localhost, or start it with --external-url.";
    text(StatusCode::MISDIRECTED_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_others_can_make_point_here_are_told() {
        let own = Some("git.example");
        let rows = [
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("localhost", true),
            ("acme.localhost:80", true),
            ("acme.visualstudio.com", true),
            ("dev.azure.com", true),
            ("vsts-mock:8080", true),
            ("git.example", true),
            ("ACME.git.example:443", true),
            ("evil.example", false),
            ("evilgit.example", false),
            ("localhost.evil.example:80", false),
            ("visualstudio.com.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("evil.example.", false),
            ("", false),
        ];
        for (host, expected) in rows {
            assert_eq!(goes_by(host, own), expected, "{host}");
        }
    }
}

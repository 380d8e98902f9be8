//! The address that a visitor goes back to once signed in.

use crate::http::web::encode;

/// The address of the sign-in page, which leads back to an address.
pub(super) fn sign_in_address(from: &str) -> String {
    if is_local(from) && from != "/" && !from.starts_with("/_sign") {
        format!("/_signin?to={}", encode(from))
    } else {
        "/_signin".to_owned()
    }
}

/// Returns whether an address is one of this server, whatever a browser makes of it.
pub(super) fn is_local(to: &str) -> bool {
    to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (to, expected) in [
            ("/acme/iris?a=b", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("/a\r\nx: y", false),
            ("", false),
        ] {
            assert_eq!(is_local(to), expected, "{to:?}");
        }
        assert_eq!(sign_in_address("/acme/iris"), "/_signin?to=%2Facme%2Firis");
        assert_eq!(sign_in_address("/_signout"), "/_signin");
    }
}

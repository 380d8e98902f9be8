//! The frame of the pages about a visitor's keys and tokens.

use maud::{Markup, html};

pub(super) const KEYS: &str = "/_details/security/keys";
pub(super) const TOKENS: &str = "/_details/security/tokens";

/// The list at the left of both pages.
pub(super) fn side(here: &str) -> Markup {
    html! {
        nav.side aria-label="Security" {
            ul {
                @for (name, address) in [("SSH public keys", KEYS), ("Personal access tokens", TOKENS)] {
                    li { a href=(address) aria-current=[(here == address).then_some("page")] { (name) } }
                }
            }
        }
    }
}

/// The way to a page of security.
pub(super) fn crumbs(name: &str, address: &str) -> Vec<(String, String)> {
    vec![("Security".to_owned(), KEYS.to_owned()), (name.to_owned(), address.to_owned())]
}

//! Admission: the browser that was given this start's key, from pages of this server, under this server's name.
//!
//! A page of any web site can make the user's browser send requests here, and its owner can make a name of theirs lead
//! to 127.0.0.1; other users of this computer can connect. So the `Host` must be ours, whatever changes something must
//! come from our own pages with the form's token in it, and everything needs the cookie that only the key gives.

use std::fmt::Write as _;

use subtle::ConstantTimeEq as _;

/// The secrets of one start.
#[derive(Clone)]
pub struct Keys {
    /// In the address that is opened: gives the cookie.
    pub key: String,
    /// In the cookie: lets in.
    pub session: String,
    /// In every form.
    pub form: String,
}

impl Keys {
    /// Fresh ones.
    pub fn fresh() -> std::io::Result<Self> {
        let secret = || {
            let mut bytes = [0_u8; 20];
            getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(bytes.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a string takes all text");
                hex
            }))
        };
        Ok(Self { key: secret()?, session: secret()?, form: secret()? })
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// The parts of a request that identify its sender.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender<'a> {
    /// The header `Host`.
    pub host: Option<&'a str>,
    /// The header `Origin`.
    pub origin: Option<&'a str>,
    /// The header `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
    /// The headers `Cookie`.
    pub cookie: Option<&'a str>,
    /// The token in the form.
    pub form_token: Option<&'a str>,
    /// True if it wants to change something.
    pub changes: bool,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is for another server.
    Host,
    /// It comes from another site.
    Origin,
    /// It does not have the cookie.
    NotSignedIn,
    /// Its form is not of this start.
    Form,
}

/// The rules of one server.
#[derive(Clone, Debug)]
pub struct Guard {
    keys: Keys,
    port: u16,
}

impl Guard {
    /// The rules for a server at `port` of this computer.
    pub fn new(keys: Keys, port: u16) -> Self {
        Self { keys, port }
    }

    /// The token for forms.
    pub fn form_token(&self) -> &str {
        &self.keys.form
    }

    /// The cookie's name: browsers do not tell ports apart, so that it must.
    pub fn cookie_name(&self) -> String {
        format!("azml-ui-{}", self.port)
    }

    /// The header that gives the cookie.
    pub fn set_cookie(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name(), self.keys.session)
    }

    /// Returns whether a key is this start's.
    pub fn is_key(&self, key: &str) -> bool {
        is_equal(key, &self.keys.key)
    }

    /// The first two rules, which hold for everybody: our name, and no other site.
    pub fn check_place(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        let ours = |name: &str| {
            ["127.0.0.1", "localhost"].iter().any(|host| name == format!("{host}:{}", self.port))
        };
        let host = sender.host.filter(|host| ours(host)).ok_or(Refusal::Host)?;
        if sender.changes {
            let from_here = sender.origin.map(|origin| origin == format!("http://{host}"));
            let said_so = sender.fetch_site.map(|site| site == "same-origin");
            // Every browser says at least one of them with a form, and what it says must be right.
            if from_here == Some(false) || said_so == Some(false) || (from_here, said_so) == (None, None) {
                return Err(Refusal::Origin);
            }
        }
        Ok(())
    }

    /// Returns whether the sender has the cookie.
    pub fn is_signed_in(&self, sender: &Sender<'_>) -> bool {
        let name = self.cookie_name();
        let cookies = sender.cookie.unwrap_or_default().split(';').filter_map(|pair| pair.split_once('='));
        let mut ours = cookies.filter(|(found, _)| found.trim() == name);
        ours.any(|(_, value)| is_equal(value.trim(), &self.keys.session))
    }

    /// All rules.
    pub fn check(&self, sender: &Sender<'_>) -> Result<(), Refusal> {
        self.check_place(sender)?;
        if !self.is_signed_in(sender) {
            return Err(Refusal::NotSignedIn);
        }
        if sender.changes && !is_equal(sender.form_token.unwrap_or_default(), &self.keys.form) {
            return Err(Refusal::Form);
        }
        Ok(())
    }
}

/// Compares in a time that does not tell how much of it is right.
fn is_equal(one: &str, two: &str) -> bool {
    one.as_bytes().ct_eq(two.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let keys = Keys { key: "k".repeat(40), session: "s".repeat(40), form: "f".repeat(40) };
        Guard::new(keys, 4711)
    }

    const GOOD: Sender<'_> = Sender {
        host: Some("127.0.0.1:4711"),
        origin: Some("http://127.0.0.1:4711"),
        fetch_site: Some("same-origin"),
        cookie: Some("other=1; azml-ui-4711=ssssssssssssssssssssssssssssssssssssssss"),
        form_token: Some("ffffffffffffffffffffffffffffffffffffffff"),
        changes: true,
    };

    #[test]
    fn the_users_own_forms_pass() {
        let guard = guard();
        assert_eq!(guard.check(&GOOD), Ok(()));
        assert_eq!(guard.check(&Sender { fetch_site: None, ..GOOD }), Ok(()), "an older browser");
        assert_eq!(guard.check(&Sender { origin: None, ..GOOD }), Ok(()), "one that leaves it out");
        let localhost =
            Sender { host: Some("localhost:4711"), origin: Some("http://localhost:4711"), ..GOOD };
        assert_eq!(guard.check(&localhost), Ok(()));
        let shown =
            Sender { origin: None, fetch_site: Some("none"), form_token: None, changes: false, ..GOOD };
        assert_eq!(guard.check(&shown), Ok(()), "a bookmark");
    }

    #[test]
    fn nobody_else_does() {
        let guard = guard();
        let host = |host| Sender { host, ..GOOD };
        let origin = |origin| Sender { origin: Some(origin), ..GOOD };
        let site = |site| Sender { fetch_site: Some(site), ..GOOD };
        for (sender, why) in [
            (host(None), Refusal::Host),
            (host(Some("evil.example:4711")), Refusal::Host),
            (host(Some("127.0.0.1")), Refusal::Host),
            (host(Some("127.0.0.1:4712")), Refusal::Host),
            (host(Some("127.0.0.1:4711.evil.example")), Refusal::Host),
            (origin("http://evil.example"), Refusal::Origin),
            (origin("null"), Refusal::Origin),
            (origin("https://127.0.0.1:4711"), Refusal::Origin),
            (origin("http://127.0.0.1:4712"), Refusal::Origin),
            (origin("http://localhost:4711"), Refusal::Origin),
            (site("cross-site"), Refusal::Origin),
            (site("same-site"), Refusal::Origin),
            (site("none"), Refusal::Origin),
            (Sender { origin: None, fetch_site: None, ..GOOD }, Refusal::Origin),
            (Sender { cookie: None, ..GOOD }, Refusal::NotSignedIn),
            (Sender { cookie: Some("azml-ui-4711="), ..GOOD }, Refusal::NotSignedIn),
            (Sender { cookie: Some("azml-ui-4711=sss"), ..GOOD }, Refusal::NotSignedIn),
            (Sender { form_token: None, ..GOOD }, Refusal::Form),
            (Sender { form_token: Some(""), ..GOOD }, Refusal::Form),
            (Sender { form_token: Some("g"), ..GOOD }, Refusal::Form),
        ] {
            assert_eq!(guard.check(&sender), Err(why), "{sender:?}");
        }
    }

    #[test]
    fn secrets_are_fresh_and_not_printed() {
        let (one, two) = (Keys::fresh().unwrap(), Keys::fresh().unwrap());
        assert!(one.key != two.key && one.key != one.session && one.session != one.form);
        assert_eq!(one.key.len(), 40);
        assert_eq!(format!("{one:?}"), "Keys");
        assert!(guard().set_cookie().ends_with("; Path=/; HttpOnly; SameSite=Strict"));
    }
}

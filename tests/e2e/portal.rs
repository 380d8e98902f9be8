//! The portal of vsts-mock in a browser.

use e2e::{Browser, Sandbox, Scripts, Weight, page_check};

#[test]
fn a_page_is_seen() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(&sandbox, scripts);
        browser.open(&format!("{}/devicelogin", server.http()));
        assert!(browser.has("h1"));
        page_check::check(&browser, "devicelogin", Weight::LIGHT);
        browser.open(
            "data:text/html,<title>t</title><noscript>off</noscript><script>document.write('on')</script>",
        );
        assert_eq!(browser.text("body"), if scripts == Scripts::On { "on" } else { "off" });
    }
}

//! A headless Chromium, used as a person uses it: fields by their labels, links and buttons by what stands on them.
//! With JavaScript or without, light or dark. One browser a story; it goes with the value.
//!
//! [`crate::page_check`] has the assertions about every page.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::chromedriver::{Chromedriver, Element};

/// The time limit of a page after a click that leads to one.
const LOADS: Duration = Duration::from_mins(1);
/// Tells one page from the next, once it is there.
const LOADED: &str = "return document.readyState === 'complete' ? performance.timeOrigin : null";

/// The browser's setting for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// As browsers do.
    On,
    /// As careful people do, and text browsers.
    Off,
}

/// The colour scheme that the user's system prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// `prefers-color-scheme: light`
    Light,
    /// `prefers-color-scheme: dark`
    Dark,
}

impl Theme {
    /// As it stands in a media query.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A browser with one window.
#[derive(Debug)]
pub struct Browser {
    pub(crate) driver: Chromedriver,
    scripts: Scripts,
}

impl Browser {
    /// Starts one in the sandbox's environment.
    pub fn start(sandbox: &Sandbox, scripts: Scripts) -> Self {
        let browser = Self { driver: Chromedriver::start(sandbox), scripts };
        browser.run_scripts(scripts);
        browser
    }

    /// By Chromium's own protocol and not by a preference: so that a check can have its script run in a page whose
    /// own scripts did not.
    pub(crate) fn run_scripts(&self, scripts: Scripts) {
        self.cdp("Emulation.setScriptExecutionDisabled", &json!({ "value": scripts == Scripts::Off }));
    }

    /// Returns whether its pages run scripts.
    pub fn scripts(&self) -> Scripts {
        self.scripts
    }

    /// Goes to an address.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.driver.post("/url", &json!({ "url": url }));
    }

    /// Loads the page again.
    #[track_caller]
    pub fn reload(&self) {
        self.driver.post("/refresh", &json!({}));
    }

    /// Goes back.
    #[track_caller]
    pub fn back(&self) {
        self.driver.post("/back", &json!({}));
    }

    /// Returns the content of the address bar.
    #[track_caller]
    pub fn address(&self) -> String {
        text(&self.driver.get("/url"))
    }

    /// The page's title.
    #[track_caller]
    pub fn title(&self) -> String {
        text(&self.driver.get("/title"))
    }

    /// Prefers a theme from now on.
    #[track_caller]
    pub fn prefer(&self, theme: Theme) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme.name() }]);
        self.cdp("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Gives the window's content this size.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Presses the link, button or summary with this text or accessible name.
    #[track_caller]
    pub fn press(&self, name: &str) {
        let name = quoted(name);
        let path = format!(
            "//*[self::a or self::button or self::summary][normalize-space(.)={name} or @aria-label={name}]"
        );
        let element = self.one("xpath", &path);
        self.click(&element);
    }

    /// Presses the first element that a CSS selector names.
    #[track_caller]
    pub fn press_at(&self, css: &str) {
        let element = self.one("css selector", css);
        self.click(&element);
    }

    /// Clicks, and waits for the page that a link or a form leads to: chromedriver waits by itself only if the browser
    /// has begun to go there.
    #[track_caller]
    fn click(&self, element: &Element) {
        let leads = "const e = arguments[0].closest('a[href], button');\
                     if (!e) return false;\
                     if (e.tagName === 'A') return e.href.split('#')[0] !== location.href.split('#')[0];\
                     return e.type === 'submit' && !!e.form";
        let leads = self.evaluate(leads, &[element.to_json()]) == true;
        let origin = || self.driver.try_post("/execute/sync", &json!({ "script": LOADED, "args": [] }));
        let before = origin();
        self.driver.with(element, "click", Some(&json!({})));
        let begun = Instant::now();
        while leads && begun.elapsed() < LOADS {
            match origin() {
                Ok(now) if now.is_number() && Ok(&now) != before.as_ref() => break,
                _ => {}
            }
        }
    }

    /// Writes a value into the field with this label, in place of what is there.
    #[track_caller]
    pub fn fill(&self, label: &str, value: &str) {
        let field = self.field(label);
        self.driver.with(&field, "clear", Some(&json!({})));
        self.driver.with(&field, "value", Some(&json!({ "text": value })));
    }

    /// Picks an option of the list with this label.
    #[track_caller]
    pub fn choose(&self, label: &str, option: &str) {
        let path = format!("{}//option[normalize-space(.)={}]", labelled(label), quoted(option));
        let option = self.one("xpath", &path);
        self.driver.with(&option, "click", Some(&json!({})));
    }

    /// Ticks the box, or picks the radio button, with this label; or takes the tick away.
    #[track_caller]
    pub fn tick(&self, label: &str) {
        let field = self.field(label);
        self.driver.with(&field, "click", Some(&json!({})));
    }

    /// Returns the value of the field with this label.
    #[track_caller]
    pub fn value(&self, label: &str) -> String {
        text(&self.driver.with(&self.field(label), "property/value", None))
    }

    /// Types into whatever has the focus; WebDriver's code points stand for the keys without a letter.
    #[track_caller]
    pub fn type_keys(&self, keys: &str) {
        self.driver.with(&self.driver.focused(), "value", Some(&json!({ "text": keys })));
    }

    /// Returns the text of the element with the keyboard's focus.
    #[track_caller]
    pub fn focused(&self) -> String {
        text(&self.driver.with(&self.driver.focused(), "text", None))
    }

    /// The text of the first element that a CSS selector names, as it is shown.
    #[track_caller]
    pub fn text(&self, css: &str) -> String {
        text(&self.driver.with(&self.one("css selector", css), "text", None))
    }

    /// The texts of all elements that a CSS selector names.
    #[track_caller]
    pub fn texts(&self, css: &str) -> Vec<String> {
        let found = self.driver.find_all("css selector", css);
        found.iter().map(|element| text(&self.driver.with(element, "text", None))).collect()
    }

    /// An attribute of the first element that a CSS selector names; empty if it has none.
    #[track_caller]
    pub fn attribute(&self, css: &str, name: &str) -> String {
        let element = self.one("css selector", css);
        text(&self.driver.with(&element, &format!("attribute/{name}"), None))
    }

    /// Returns whether the page has such an element.
    #[track_caller]
    pub fn has(&self, css: &str) -> bool {
        !self.driver.find_all("css selector", css).is_empty()
    }

    /// Waits until the page has an element of this CSS selector whose text holds this, and gives the text.
    /// The browser does the waiting.
    #[track_caller]
    pub fn wait_for_text(&self, css: &str, part: &str) -> String {
        let script = "const [css, part, done] = arguments;\
                      const look = () => { for (const e of document.querySelectorAll(css)) \
                      if (e.textContent.includes(part)) return done(e.textContent), true; return false };\
                      if (!look()) { const observer = new MutationObserver(() => look() && observer.disconnect());\
                      observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true }) }";
        let args = json!({ "script": script, "args": [css, part] });
        match self.driver.try_post("/execute/async", &args) {
            Ok(found) => text(&found),
            Err(error) => panic!("{part:?} did not come up in {css}: {error}\n{}", self.text("body")),
        }
    }

    /// Runs a function's body in the page and gives what it returns. Works where pages may not run scripts, too, unless
    /// it has to wait for something.
    #[track_caller]
    pub fn evaluate(&self, script: &str, args: &[Value]) -> Value {
        self.driver.post("/execute/sync", &json!({ "script": script, "args": args }))
    }

    /// A picture of the window, as PNG.
    #[track_caller]
    pub fn screenshot(&self) -> Vec<u8> {
        let picture = text(&self.driver.get("/screenshot"));
        STANDARD.decode(picture).expect("a picture in base64")
    }

    /// Writes a picture of the window into `target/screenshots/`; gives its path.
    #[track_caller]
    pub fn save_screenshot(&self, name: &str) -> PathBuf {
        let path = build_folder().join("screenshots").join(format!("{name}.png"));
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
        std::fs::write(&path, self.screenshot())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Returns the browser's complaints since the last call: scripts that failed or were refused, resources
    /// that are missing, styles against the content security policy.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.driver.post("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| text(&entry["message"]))
            .collect()
    }

    /// A command of Chromium's own protocol.
    #[track_caller]
    pub(crate) fn cdp(&self, command: &str, params: &Value) -> Value {
        self.driver.post("/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    #[track_caller]
    fn field(&self, label: &str) -> Element {
        self.one("xpath", &labelled(label))
    }

    #[track_caller]
    fn one(&self, using: &str, value: &str) -> Element {
        match self.driver.find_one(using, value) {
            Some(element) => element,
            None => panic!("nothing is {value} at {}:\n{}", self.address(), self.text("body")),
        }
    }
}

/// The folder that cargo builds into: pictures and downloads of tests are kept there.
pub fn build_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows where it is");
    // target/PROFILE/deps/PROGRAM
    program.ancestors().nth(3).map(Path::to_path_buf).expect("tests are three folders deep")
}

fn labelled(label: &str) -> String {
    let label = quoted(label);
    let named = format!("@aria-labelledby=//*[normalize-space(.)={label}]/@id");
    format!("//*[@id=//label[normalize-space(.)={label}]/@for or @aria-label={label} or {named}]")
}

/// A literal of XPath, which has no escapes.
fn quoted(text: &str) -> String {
    if !text.contains('\'') {
        return format!("'{text}'");
    }
    let parts: Vec<String> = text.split('\'').map(|part| format!("'{part}'")).collect();
    format!("concat({})", parts.join(",\"'\","))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_name_with_an_apostrophe_is_a_literal_still() {
        assert_eq!(quoted("Sign in"), "'Sign in'");
        assert_eq!(quoted("Run's page"), "concat('Run',\"'\",'s page')");
    }
}

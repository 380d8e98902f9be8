//! Checks that hold for every page, whoever serves it: axe-core finds nothing against WCAG 2.2 AA in either theme, the
//! browser has nothing to complain about, and the page is light. Pictures of it are left in `target/screenshots/`.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::browser::{Scripts, Theme, build_folder};
use crate::{Browser, npm};

/// The accessibility engine, from npm.
const AXE: &str = "axe-core@4.14.1";
/// The rules that are asked: WCAG 2.0 to 2.2, levels A and AA.
const TAGS: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];

/// The limits of a page's size.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    /// Bytes over the line, as a browser with an empty cache takes them: the document with all that it needs.
    pub bytes: u64,
    /// Requests beside the document.
    pub requests: u64,
}

impl Weight {
    /// The limits of our pages, unless they show much.
    pub const LIGHT: Self = Self { bytes: 30 * 1024, requests: 2 };
}

/// Checks the page that is shown, and that on a telephone nothing has to be pushed sideways but a wide table in its own frame.
#[track_caller]
pub fn check_wide_and_narrow(browser: &Browser, name: &str, limit: Weight) {
    check(browser, name, limit);
    browser.resize(360, 740);
    let width = browser.evaluate("return document.documentElement.scrollWidth", &[]);
    let picture = browser.save_screenshot(&format!("{name}-narrow"));
    assert!(width.as_u64() <= Some(360), "{name} is {width} wide ({})", picture.display());
    browser.resize(1280, 860);
}

/// Checks the page that is shown, in both themes, and leaves pictures of it.
#[track_caller]
pub fn check(browser: &Browser, name: &str, limit: Weight) {
    let address = browser.address();
    browser.run_scripts(Scripts::On);
    for theme in [Theme::Dark, Theme::Light] {
        browser.prefer(theme);
        let findings = axe(browser);
        let picture = browser.save_screenshot(&format!("{name}-{}", theme.name()));
        assert!(
            findings.is_empty(),
            "{address} ({name}, {}, {}): {}",
            theme.name(),
            picture.display(),
            findings.join("\n")
        );
    }
    browser.run_scripts(browser.scripts());
    let mut complaints = browser.complaints();
    // A page that tells of something wrong has a status that says so; what a page needs has to be there.
    complaints.retain(|complaint| match complaint.split_once(" - Failed to load resource: ") {
        Some((address, why)) => {
            !why.contains("a status of 4")
                || [".css", ".js", ".svg", ".png"].iter().any(|end| address.ends_with(end))
        }
        None => true,
    });
    assert!(complaints.is_empty(), "{address} ({name}): the browser complains: {}", complaints.join("\n"));
    let headings = browser.texts("h1");
    assert_eq!(headings.len(), 1, "{address} ({name}): one h1, and not {headings:?}");
    assert!(!browser.title().is_empty(), "{address} ({name}): a title");
    let Weight { bytes, requests } = weight(browser);
    assert!(
        bytes <= limit.bytes && requests <= limit.requests,
        "{address} ({name}): {bytes} bytes with {requests} requests beside the document; {} and {} are allowed",
        limit.bytes,
        limit.requests
    );
}

/// Returns axe-core's findings, each with its rule, the elements and the remedy.
fn axe(browser: &Browser) -> Vec<String> {
    static SOURCE: LazyLock<String> = LazyLock::new(|| {
        let path =
            npm::with_package(&build_folder().join("tmp"), AXE).join("node_modules/axe-core/axe.min.js");
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    });
    if browser.evaluate("return typeof axe", &[]) != "object" {
        browser.evaluate(&SOURCE, &[]);
    }
    let script = "const done = arguments[1];\
                  axe.run(document, { runOnly: { type: 'tag', values: arguments[0] }, resultTypes: ['violations'] })\
                  .then(result => done({ violations: result.violations }), error => done({ failed: String(error) }))";
    let found = browser.driver.post("/execute/async", &json!({ "script": script, "args": [TAGS] }));
    assert!(found["violations"].is_array(), "axe-core did not run: {found}");
    let empty = Vec::new();
    let violations = found["violations"].as_array().unwrap_or(&empty);
    violations.iter().map(told).collect()
}

fn told(violation: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told = format!("{}: {}", word(&violation["id"]), word(&violation["help"]));
    for node in violation["nodes"].as_array().into_iter().flatten().take(5) {
        told.extend(["\n  ", &word(&node["html"]), "\n  ", &word(&node["failureSummary"])]);
    }
    told
}

fn weight(browser: &Browser) -> Weight {
    // `transferSize` is 0 for what came from the cache; the encoded body tells what it weighs without one.
    // The icon is the browser's business: it takes it once, and when it likes.
    // What a script asks for later, to keep the page up to date, is no part of it.
    let script = "const icons = [...document.querySelectorAll('link[rel~=icon]')].map(link => link.href);\
                  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]\
                  .filter(e => !e.name.endsWith('/favicon.ico') && !icons.includes(e.name) && e.initiatorType !== 'fetch');\
                  return { bytes: all.reduce((sum, e) => sum + Math.max(e.transferSize, e.encodedBodySize), 0), requests: all.length - 1 }";
    let measured = browser.evaluate(script, &[]);
    let number = |key: &str| measured[key].as_f64().map(|number| format!("{number:.0}")).unwrap_or_default();
    Weight {
        bytes: number("bytes").parse().expect("a number of bytes"),
        requests: number("requests").parse().expect("a number of requests"),
    }
}

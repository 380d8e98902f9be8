//! A pull request in a browser: made, talked about at its lines, completed; and one in conflict. With scripts and without, and
//! a comment by the keyboard alone.

use std::time::{Duration, Instant};

use e2e::folder::write;
use e2e::{Browser, Sandbox, Scripts, Server, Weight, page_check};

/// The key that goes to the next stop, and the one that presses a button.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// The longest wait for a page after a key.
const TIMEOUT: Duration = Duration::from_mins(1);

struct Reviewer<'s> {
    browser: Browser,
    server: &'s Server,
}

impl Reviewer<'_> {
    /// Checks the page that is shown, wide and narrow, and leaves pictures of it.
    #[track_caller]
    fn sees(&self, name: &str) {
        let way = if self.browser.scripts() == Scripts::On { "pull" } else { "pull-noscript" };
        page_check::check_wide_and_narrow(&self.browser, &format!("{way}-{name}"), Weight::LIGHT);
    }

    #[track_caller]
    fn part(&self, name: &str) {
        self.browser.press_at(&format!("nav[aria-label='Pull request'] a[href$='_a={name}']"));
    }

    /// Goes on with the keyboard until something with this text has the focus.
    #[track_caller]
    fn tab_to(&self, text: &str) {
        for _ in 0..80 {
            self.browser.type_keys(TAB);
            if self.browser.focused().starts_with(text) {
                return;
            }
        }
        panic!("{text:?} is not reached: {}", self.browser.text("body"));
    }

    fn open(&self, path: &str) {
        self.browser.open(&format!("{}/acme/iris/_git/extra{path}", self.server.http()));
    }
}

fn script(lines: impl Fn(u32) -> String) -> String {
    (1..=30).map(|number| lines(number) + "\n").collect()
}

/// A repository with a branch to take, and one that is at odds with master.
fn fill(sandbox: &Sandbox, server: &Server) {
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let _cloned = alice.git(&work, &["clone", "-q", &server.repo("extra"), "clone"]).ok();
    let clone = work.join("clone");
    let commit = |branch: &str, from: &str, text: String| {
        write(&clone, "src/train.py", text);
        write(&clone, "README.md", "# Flowers\n");
        let made = format!("git checkout -q {from} && git add -A && git commit -q -m 'For {branch}'");
        let _made = alice.sh(&clone, &made).ok();
        let _pushed = alice.git(&clone, &["push", "-q", "origin", &format!("HEAD:refs/heads/{branch}")]).ok();
    };
    commit("master", "-b master", script(|number| format!("line = {number}")));
    let changed = |number, text: &str| if number == 3 { text.to_owned() } else { format!("line = {number}") };
    commit("topic", "-b topic", script(|number| changed(number, "epochs = 20")));
    let _back = alice.git(&clone, &["checkout", "-q", "master"]).ok();
    commit("clash", "-b clash", script(|number| changed(number, "epochs = 200")));
}

#[test]
fn a_pull_request_in_a_browser() {
    the_story(Scripts::On);
}

#[test]
fn a_pull_request_in_a_browser_without_scripts() {
    the_story(Scripts::Off);
}

fn the_story(scripts: Scripts) {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    fill(&sandbox, &server);
    let alice = Reviewer { browser: Browser::start(&sandbox, scripts), server: &server };
    let browser = &alice.browser;
    browser.open(server.http());
    browser.fill("User name or e-mail address", "alice");
    browser.fill("Password", "alice-password");
    browser.press_at("main button:not([name])");
    alice.open("/pullrequests");
    alice.sees("list-empty");
    it_is_made(&alice);
    it_is_talked_about(&alice);
    it_is_completed(&alice);
    another_is_at_odds(&alice);
}

fn it_is_made(alice: &Reviewer<'_>) {
    let browser = &alice.browser;
    browser.press("New pull request");
    browser.choose("Take the commits of", "master");
    browser.fill("Title", "Fewer epochs");
    browser.fill("Description", "It **converges** sooner:\n\n- twenty are enough\n");
    alice.sees("create");
    browser.press("Create");
    assert!(browser.text("[role=alert]").contains("have to be different"), "{}", browser.text("main"));
    assert_eq!(browser.value("Title"), "Fewer epochs", "nothing is typed twice");
    browser.choose("Take the commits of", "topic");
    browser.press("Create");
    assert_eq!(browser.text("h1"), "1: Fewer epochs");
    assert_eq!(browser.text("section[aria-label=Description] strong"), "converges");
    assert!(browser.text("main").contains("It can be merged without conflicts."), "{}", browser.text("main"));
    browser.choose("Your vote", "Approve with suggestions");
    browser.press("Vote");
    browser.choose("Ask somebody", "bob");
    browser.press("Add reviewer");
    assert!(browser.text("section[aria-labelledby=reviewers]").contains("Approve with suggestions"));
    browser.fill("A new comment", "Good. Does `bob` agree?");
    browser.press("Comment");
    alice.sees("overview");
    browser.press("Change title and description");
    browser.fill("Title", "Twenty epochs");
    browser.press_at("form:has(#title) button");
    assert_eq!(browser.text("h1"), "1: Twenty epochs");
}

fn it_is_talked_about(alice: &Reviewer<'_>) {
    let browser = &alice.browser;
    alice.part("files");
    browser.press_at(".lines tr.a td a");
    browser.fill("A comment on line 3", "Why not ten?");
    alice.sees("files-form");
    browser.press_at("#say button");
    assert!(browser.text("tr.talk").contains("Why not ten?"), "{}", browser.text("main"));
    browser.fill("A reply", "Ten are too few.");
    browser.press("Reply to thread 5");
    browser.press("Resolve thread 5");
    assert!(browser.text("tr.talk .tag").contains("resolved"), "{}", browser.text("tr.talk"));
    // By the keyboard alone.
    alice.open("/pullrequest/1?_a=files");
    alice.tab_to("Comment on a line");
    for keys in [ENTER, TAB, "5", TAB, TAB, "By the keyboard.", TAB, ENTER] {
        browser.type_keys(keys);
    }
    let begun = Instant::now();
    let is_there = "return [...document.querySelectorAll('tr.talk')].some(e => e.textContent.includes('By the keyboard.'))";
    while browser.evaluate(is_there, &[]) != true {
        assert!(begun.elapsed() < TIMEOUT, "{}", browser.text("main"));
    }
    alice.sees("files");
    browser.press("Side by side");
    assert!(browser.has(".lines.two tr.talk"));
    alice.sees("files-side-by-side");
    alice.part("commits");
    assert_eq!(browser.texts(".commits tbody tr").len(), 1);
    alice.sees("commits");
}

fn it_is_completed(alice: &Reviewer<'_>) {
    let browser = &alice.browser;
    alice.part("overview");
    assert!(browser.text("main").contains("src/train.py:3"), "{}", browser.text("main"));
    browser.choose("Merge type", "Squash commit");
    browser.tick("Delete the source branch afterwards");
    browser.press_at("section[aria-labelledby=complete] button");
    assert!(browser.text(".done").contains("Completed by alice"), "{}", browser.text("main"));
    alice.sees("completed");
    alice.open("/pullrequests?list=completed");
    assert!(browser.text("tbody").contains("Twenty epochs"));
    alice.sees("list");
    alice.open("/branches");
    assert!(!browser.text("main").contains("topic"), "{}", browser.text("main"));
}

fn another_is_at_odds(alice: &Reviewer<'_>) {
    let browser = &alice.browser;
    alice.open("/pullrequestcreate?source=clash");
    browser.fill("Title", "Many epochs");
    browser.press("Create");
    assert!(
        browser.text("section[aria-labelledby=conflicts]").contains("src/train.py"),
        "{}",
        browser.text("main")
    );
    alice.sees("conflicts");
    browser.press_at("section[aria-labelledby=complete] button");
    assert!(browser.has("[role=alert]"), "{}", browser.text("main"));
    browser.press("Abandon");
    browser.press("Reactivate");
    assert!(browser.has("section[aria-labelledby=conflicts]"));
}

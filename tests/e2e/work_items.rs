//! Work items in a browser: found by a query, made, changed, linked, talked about, deleted and restored. With scripts and
//! without, and a comment by the keyboard alone.

use std::time::{Duration, Instant};

use e2e::server::SEED;
use e2e::{Browser, Sandbox, Scripts, Server, Weight, page_check};

/// The key that goes to the next stop, and the one that presses a button.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// The longest wait for a page after a key.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Work items of the project.
const WORK: &str = r#"
work_items = [
    { type = "Bug", title = "It breaks if a very long title meets a narrow screen", state = "Active", assigned_to = "alice", tags = ["ui", "urgent"], comments = ["Look at <b>this</b>.<script>alert(1)</script>", "Yes."], fields = { "Microsoft.VSTS.TCM.ReproSteps" = "<ol><li>Start it</li><li>Wait</li></ol>", "Microsoft.VSTS.Common.Priority" = 1 } },
    { type = "Task", title = "Mend it", state = "Closed" },
    { type = "Task", title = "Tell them", assigned_to = "bob" },
]
"#;

/// The usual seed, with work items, and with a project that has none.
fn seed() -> String {
    let bare = "owner = \"alice\"\n[[accounts.projects]]\nname = \"bare\"\n";
    let (readers, bob) = ("readers = [\"bob\"]", "email = \"bob@example.com\"\n");
    SEED.replace("owner = \"alice\"\n", bare)
        .replace(readers, &format!("{readers}{WORK}"))
        .replace(bob, &format!("{bob}password = \"bob-password\"\n"))
}

struct Worker<'s> {
    browser: Browser,
    server: &'s Server,
}

impl<'s> Worker<'s> {
    fn sign_in(sandbox: &Sandbox, server: &'s Server, scripts: Scripts, name: &str) -> Self {
        let browser = Browser::start(sandbox, scripts);
        browser.open(server.http());
        browser.fill("User name or e-mail address", name);
        browser.fill("Password", &format!("{name}-password"));
        browser.press_at("main button:not([name])");
        Self { browser, server }
    }

    /// Checks the page that is shown, wide and narrow, and leaves pictures of it.
    #[track_caller]
    fn sees(&self, name: &str) {
        let way = if self.browser.scripts() == Scripts::On { "work" } else { "work-noscript" };
        page_check::check_wide_and_narrow(&self.browser, &format!("{way}-{name}"), Weight::LIGHT);
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

    fn open(&self, project: &str, path: &str) {
        self.browser.open(&format!("{}/acme/{project}/_workitems{path}", self.server.http()));
    }

    #[track_caller]
    fn rows(&self) -> Vec<String> {
        self.browser.texts("tbody th a")
    }
}

#[test]
fn work_items_in_a_browser() {
    the_story(Scripts::On);
}

#[test]
fn work_items_in_a_browser_without_scripts() {
    the_story(Scripts::Off);
}

fn the_story(scripts: Scripts) {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &seed());
    let alice = Worker::sign_in(&sandbox, &server, scripts, "alice");
    they_are_found(&alice);
    one_is_made(&alice);
    it_is_changed(&alice);
    it_is_linked(&alice);
    it_is_talked_about(&alice);
    it_is_deleted_and_restored(&alice);
    if scripts == Scripts::Off {
        return;
    }
    let bob = Worker::sign_in(&sandbox, &server, scripts, "bob");
    bob.open("iris", "/edit/1");
    assert!(bob.browser.text("main").contains("Start it"), "who reads sees it");
    assert!(!bob.browser.has("main form"), "and changes nothing: {}", bob.browser.text("main"));
    bob.sees("item-of-a-reader");
}

fn they_are_found(alice: &Worker<'_>) {
    let browser = &alice.browser;
    alice.open("bare", "");
    alice.sees("list-empty");
    browser.open(&format!("{}/acme/iris", alice.server.http()));
    browser.press("Work items");
    assert_eq!(alice.rows().len(), 3, "{}", browser.text("main"));
    alice.sees("list");
    browser.choose("Type", "Task");
    browser.choose("Assigned to", "Nobody");
    browser.press("Filter");
    assert_eq!(alice.rows(), ["2: Mend it"]);
    browser.press("The query in WIQL");
    let query = browser.value("Query");
    assert!(query.contains("[System.WorkItemType] = 'Task' AND [System.AssignedTo] = ''"), "{query}");
    browser.fill("Query", "SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS 'urgent'");
    alice.sees("list-query");
    browser.press("Run the query");
    assert_eq!(alice.rows(), ["1: It breaks if a very long title meets a narrow screen"]);
    browser.fill("Query", "SELECT [System.Id] FROM WorkItems WHERE [System.Nonsense] = 1");
    browser.press("Run the query");
    assert!(browser.text("[role=alert]").contains("System.Nonsense"), "{}", browser.text("main"));
    assert!(browser.value("Query").contains("Nonsense"), "nothing is typed twice");
    alice.sees("list-refused");
}

fn one_is_made(alice: &Worker<'_>) {
    let browser = &alice.browser;
    alice.open("iris", "");
    browser.press("New work item");
    alice.sees("types");
    browser.press("Bug");
    assert_eq!(browser.text("h1"), "New Bug");
    alice.sees("create");
    browser.fill("Title", "The loss is <NaN>");
    browser.fill("Area Path", "elsewhere");
    browser.fill("Repro Steps (Markdown)", "1. **Train**\n2. Look\n");
    browser.press("Create");
    assert!(browser.text("[role=alert]").contains("TF401347"), "{}", browser.text("main"));
    assert_eq!(browser.value("Title"), "The loss is <NaN>", "nothing is typed twice");
    browser.fill("Area Path", "iris\\training");
    browser.choose("Assigned To", "alice");
    browser.choose("Severity", "2 - High");
    browser.fill("Tags", "loss; nan");
    browser.press("Create");
    assert_eq!(browser.text("h1"), "4: The loss is <NaN>");
    assert_eq!(browser.text("section[aria-label='Steps to reproduce'] strong"), "Train");
    let facts = browser.text("section[aria-label=Fields]");
    for fact in ["New", "alice", "2 - High", "iris\\training", "nan"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
    alice.sees("item");
}

fn it_is_changed(alice: &Worker<'_>) {
    let browser = &alice.browser;
    browser.press("Change fields");
    browser.choose("State", "Active");
    browser.choose("Assigned To", "Nobody");
    browser.fill("Description (Markdown)", "After *one* epoch.");
    alice.sees("edit");
    browser.press("Save");
    let facts = browser.text("section[aria-label=Fields]");
    assert!(facts.contains("Active") && facts.contains("nobody"), "{facts}");
    assert_eq!(browser.text("section[aria-label=Description] em"), "one");
    browser.press("Change fields");
    browser.fill("Title", "The loss is not a number");
    browser.press("Save");
    assert_eq!(browser.text("h1"), "4: The loss is not a number");
    // A page that is older than that.
    browser.evaluate("document.querySelector('input[name=rev]').value = 2", &[]);
    browser.press("Change fields");
    browser.fill("Title", "An older thought");
    browser.press("Save");
    assert!(browser.text("[role=alert]").contains("Somebody has changed"), "{}", browser.text("main"));
    assert_eq!(browser.text("h1"), "4: The loss is not a number");
    assert_eq!(browser.value("Title"), "An older thought");
    alice.sees("overtaken");
    // HTML stays HTML, as it is.
    alice.open("iris", "/edit/1");
    assert_eq!(browser.texts("section[aria-label='Steps to reproduce'] li"), ["Start it", "Wait"]);
    browser.press("Change fields");
    assert_eq!(browser.value("Repro Steps (HTML)"), "<ol><li>Start it</li><li>Wait</li></ol>");
    browser.fill("Tags", "ui");
    browser.press("Save");
    assert_eq!(browser.texts("section[aria-label='Steps to reproduce'] li"), ["Start it", "Wait"]);
}

fn it_is_linked(alice: &Worker<'_>) {
    let browser = &alice.browser;
    alice.open("iris", "/edit/4");
    browser.choose("Link as", "Parent");
    browser.fill("Number or address", "1");
    browser.press("Add link");
    assert!(browser.text("section[aria-labelledby=links]").contains("Parent 1: It breaks"));
    browser.choose("Link as", "Hyperlink");
    browser.fill("Number or address", "javascript:alert(1)");
    browser.press("Add link");
    assert!(browser.text("[role=alert]").contains("http://"), "{}", browser.text("main"));
    browser.fill("Number or address", "https://example.com/a");
    browser.press("Add link");
    assert_eq!(browser.texts("section[aria-labelledby=links] li").len(), 2);
    alice.sees("linked");
    browser.press("Remove link 1");
    assert_eq!(browser.texts("section[aria-labelledby=links] li").len(), 1);
    browser.press("History");
    let history = browser.text("main");
    for part in
        ["revision 1", "Link added: Parent 1", "Link removed: Hyperlink", "New Active", "not a number"]
    {
        assert!(history.contains(part), "{part}: {history}");
    }
    alice.sees("history");
}

fn it_is_talked_about(alice: &Worker<'_>) {
    let browser = &alice.browser;
    alice.open("iris", "/edit/1");
    assert!(!browser.has(".said script"), "nothing runs that somebody wrote");
    browser.fill("A new comment", "It is **mine**.");
    browser.press("Comment");
    assert_eq!(browser.text("section[aria-labelledby=comments] .said strong"), "mine");
    browser.press("Change or delete comment 3");
    browser.fill("The comment (Markdown)", "It was mine.");
    browser.press("Save comment 3");
    assert!(browser.text("#comment-3").contains("It was mine."), "{}", browser.text("main"));
    browser.press("Change or delete comment 3");
    browser.press("Delete comment 3");
    assert!(!browser.has("#comment-3"), "{}", browser.text("main"));
    // By the keyboard alone.
    alice.open("iris", "/edit/1");
    alice.tab_to("Add link");
    for keys in [TAB, "By the keyboard.", TAB, ENTER] {
        browser.type_keys(keys);
    }
    let begun = Instant::now();
    while browser
        .evaluate("return document.body.textContent.includes('By the keyboard.') && location.hash", &[])
        != "#comment-4"
    {
        assert!(begun.elapsed() < TIMEOUT, "{}", browser.text("main"));
    }
    alice.sees("comments");
}

fn it_is_deleted_and_restored(alice: &Worker<'_>) {
    let browser = &alice.browser;
    alice.open("iris", "/edit/4");
    browser.press("Delete this work item");
    assert_eq!(alice.rows().len(), 3, "{}", browser.text("main"));
    browser.press("Recycle bin");
    assert!(browser.text("tbody").contains("4: The loss is not a number"), "{}", browser.text("main"));
    alice.sees("recycle-bin");
    browser.press("Restore 4");
    assert_eq!(browser.text("h1"), "4: The loss is not a number");
    browser.press("Delete this work item");
    browser.press("Recycle bin");
    browser.press("Delete for good: 4");
    assert!(browser.text("main").contains("No work item is deleted."), "{}", browser.text("main"));
    alice.sees("recycle-bin-empty");
}

//! The pages as a browser asks for them, and as an attacker does: sessions, forms, headers, names that mean harm, and
//! what somebody may not see.

use serde_json::{Value, json};

use crate::ask::{Answer, Site};
use crate::raw;

/// A browser: it keeps cookies, and takes the token of a form from the page.
struct Visitor<'s> {
    site: &'s Site,
    cookies: Vec<(String, String)>,
}

impl<'s> Visitor<'s> {
    fn new(site: &'s Site) -> Self {
        Self { site, cookies: Vec::new() }
    }

    async fn signed_in(site: &'s Site, name: &str) -> Self {
        let mut visitor = Self::new(site);
        let answer = visitor.sign_in(name, &format!("{name}-password"), "/").await;
        assert_eq!(answer.status, 303, "{answer:?}");
        visitor
    }

    fn headers(&self) -> String {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("Accept: text/html\nCookie: {}\n", cookies.join("; "))
    }

    fn keep(&mut self, answer: &Answer) {
        for line in answer.head.lines() {
            let Some(cookie) = line.to_lowercase().strip_prefix("set-cookie: ").map(str::to_owned) else {
                continue;
            };
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a name and a value");
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    async fn get(&mut self, path: &str) -> Answer {
        let answer = self.site.send("GET", path, &self.headers(), "").await;
        self.keep(&answer);
        answer
    }

    /// A page that has to be there.
    async fn page(&mut self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.text
    }

    async fn token(&mut self, path: &str) -> String {
        let page = self.page(path).await;
        let after =
            page.split("name=\"_token\" value=\"").nth(1).unwrap_or_else(|| panic!("no form in {page}"));
        after.split('"').next().unwrap_or_default().to_owned()
    }

    /// Sends a form as it stands, with more headers.
    async fn send(&mut self, path: &str, more: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = "Content-Type: application/x-www-form-urlencoded\n";
        let answer = self.site.send("POST", path, &format!("{kind}{more}{}", self.headers()), &body).await;
        self.keep(&answer);
        answer
    }

    /// Fills in the form of a page and sends it.
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token(path).await;
        let mut all = vec![("_token", token.as_str())];
        all.extend(fields);
        self.send(path, "", &all).await
    }

    async fn sign_in(&mut self, name: &str, password: &str, to: &str) -> Answer {
        self.post("/_signin", &[("login", name), ("password", password), ("to", to)]).await
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let found = answer.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
    found.map_or("", |line| line.split_once(": ").map_or("", |(_, value)| value.trim()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_and_ends() {
    let site = Site::start().await;
    let mut visitor = Visitor::new(&site);
    for path in ["/", "/acme/iris/_git/iris", "/acme/nothing/_git/here", "/_details/security/keys"] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status, 303, "{path}: {answer:?}");
        assert!(header(&answer, "location").starts_with("/_signin"), "{path}: {answer:?}");
    }
    assert_eq!(visitor.sign_in("alice", "wrong", "/").await.status, 401);
    assert_eq!(
        visitor.sign_in("alice", "alice-all-scopes", "/").await.status,
        401,
        "a token is no password here"
    );
    assert_eq!(visitor.sign_in("nobody", "", "/").await.status, 401);
    for to in ["//evil.example", "/\\evil.example", "https://evil.example/"] {
        let mut visitor = Visitor::new(&site);
        assert_eq!(header(&visitor.sign_in("alice", "alice-password", to).await, "location"), "/", "{to}");
    }
    let answer = visitor.sign_in("alice@example.com", "alice-password", "/acme/iris/_git/iris").await;
    assert_eq!((answer.status, header(&answer, "location")), (303, "/acme/iris/_git/iris"));
    let cookie = header(&answer, "set-cookie");
    assert!(cookie.to_lowercase().contains("; httponly; samesite=lax"), "{cookie}");
    assert!(visitor.page("/").await.contains("Your projects"));
    // To ask does not sign out; to say so does, and what the browser kept is worth nothing then.
    assert!(visitor.page("/_signout").await.contains("Sign out"));
    assert!(visitor.page("/").await.contains("Your projects"));
    let kept = visitor.cookies.clone();
    assert_eq!(visitor.post("/_signout", &[]).await.status, 303);
    visitor.cookies = kept;
    assert_eq!(visitor.get("/").await.status, 303);
    // A session that is not used is over.
    let mut visitor = Visitor::signed_in(&site, "alice").await;
    site.pass(13 * 3600);
    assert_eq!(visitor.get("/").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_signs_in_where_the_seed_says_so() {
    let site = Site::start().await;
    let mut visitor = Visitor::new(&site);
    assert!(!visitor.page("/_signin").await.contains("Continue as"));
    assert_eq!(visitor.post("/_signin", &[("demo", "alice")]).await.status, 400);
    let seed = format!("demo_sign_in = true\n{}", crate::ask::SEED);
    let site = Site::with(|builder| builder.seed_toml(&seed).expect("a seed")).await;
    let mut visitor = Visitor::new(&site);
    assert!(visitor.page("/_signin").await.contains("Continue as alice"));
    assert_eq!(visitor.post("/_signin", &[("demo", "nobody")]).await.status, 400);
    assert_eq!(visitor.send("/_signin", "", &[("demo", "alice")]).await.status, 403, "not without the token");
    assert_eq!(visitor.post("/_signin", &[("demo", "alice")]).await.status, 303);
    assert!(visitor.page("/").await.contains("acme"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_form_changes_nothing() {
    let site = Site::start().await;
    let mut alice = Visitor::signed_in(&site, "alice").await;
    let mut bob = Visitor::signed_in(&site, "bob").await;
    let good = alice.token("/acme/_new").await;
    let of_bob = bob.token("/_details/security/keys").await;
    let mut stranger = Visitor::new(&site);
    let of_nobody = stranger.token("/_signin").await;
    let own = format!("Origin: {}\n", site.server.url());
    let rows = [
        ("", ""),
        ("", "nonsense"),
        ("", of_bob.as_str()),
        ("", of_nobody.as_str()),
        ("Origin: https://evil.example\n", good.as_str()),
        ("Origin: null\n", good.as_str()),
        ("Sec-Fetch-Site: cross-site\n", good.as_str()),
        ("Sec-Fetch-Site: same-site\n", good.as_str()),
    ];
    for (more, token) in rows {
        let answer = alice.send("/acme/_new", more, &[("_token", token), ("name", "stolen")]).await;
        assert_eq!(answer.status, 403, "{more}{token}: {answer:?}");
    }
    let credential = "Authorization: Bearer alice-all-scopes\n";
    let answer = stranger.send("/acme/_new", credential, &[("_token", &of_nobody), ("name", "stolen")]).await;
    assert_eq!(answer.status, 303, "a credential of a program sends no forms: {answer:?}");
    assert_eq!(site.send("GET", "/acme/_new?name=stolen", &alice.headers(), "").await.status, 200);
    assert_eq!(alice.get("/acme/stolen").await.status, 404);
    let answer = alice.send("/acme/_new", &own, &[("_token", &good), ("name", "made")]).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(header(&answer, "location"), "/acme/made/_git/made");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_protect_themselves() {
    let site = Site::start().await;
    let mut alice = Visitor::signed_in(&site, "alice").await;
    for path in ["/", "/acme/iris/_git/iris", "/_details/security/tokens", "/acme/no/_git/no", "/_signout"] {
        let answer = alice.get(path).await;
        let policy = header(&answer, "content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{path}: {answer:?}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(&answer, "referrer-policy"), "same-origin");
        assert_eq!(header(&answer, "cache-control"), "no-store");
    }
    let page = alice.page("/").await;
    let style = page.split("href=\"").find(|part| part.starts_with("/_assets/style")).expect("a stylesheet");
    let style = style.split('"').next().unwrap_or_default();
    let answer = alice.get(style).await;
    assert_eq!((answer.status, header(&answer, "content-type")), (200, "text/css; charset=utf-8"));
    assert!(header(&answer, "cache-control").contains("immutable"));
    assert_eq!(alice.get("/_assets/style-000000000000.css").await.status, 404);
    // A name that an attacker makes point here.
    for (host, expected) in
        [("evil.example", 421), ("evil.example:80", 421), ("localhost", 303), ("acme.localhost:8080", 303)]
    {
        let head = format!("GET / HTTP/1.1\nHost: {host}\nConnection: close\nAccept: text/html\n\n");
        assert_eq!(raw::send(site.server.url(), &head, Vec::new()).await.status, expected, "{host}");
    }
}

/// Commits files to a branch by REST.
async fn push(site: &Site, branch: &str, message: &str, files: &[(&str, &str)]) {
    let changes: Vec<Value> = files
        .iter()
        .map(|(path, text)| {
            json!({ "changeType": "add", "item": { "path": path }, "newContent": { "content": text, "contentType": "rawtext" } })
        })
        .collect();
    let author = json!({ "name": "<script>alert('author')</script>", "email": "a@b" });
    let body = json!({
        "refUpdates": [{ "name": format!("refs/heads/{branch}"), "oldObjectId": "0".repeat(40) }],
        "commits": [{ "comment": message, "author": author, "changes": changes }],
    });
    let path = "/acme/iris/_apis/git/repositories/iris/pushes?api-version=4.1";
    let answer = site.ask("POST", path, "alice-all-scopes", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_texts_that_mean_harm_are_only_shown() {
    const EVIL: &str = "<script>alert(1)</script>";
    let site = Site::start().await;
    let message = format!("{EVIL}\n\n\"><img src=x onerror=alert(1)>\n\nRun-Id: {EVIL}\nScript: {EVIL}\n");
    let files = [
        ("/<script>alert(1)<", EVIL),
        ("/'><svg onload=alert(1)>.py", EVIL),
        ("/README.md", "[x](javascript:alert(1)) <script>alert(1)</script> <img src=x onerror=alert(1)>"),
        ("/page.html", "<!doctype html><script>alert(1)</script>"),
        ("/\u{202e}gpj.exe", "x"),
    ];
    push(&site, "master", &message, &files).await;
    push(&site, "<script>alert(1)<", &message, &files).await;
    push(&site, "AzureMLHistory/00000000-0000-4000-8000-000000000000", &message, &files).await;
    let mut alice = Visitor::signed_in(&site, "alice").await;
    let made = alice.post("/acme/iris/_new", &[("name", "x<y"), ("readme", "on")]).await;
    assert!(made.status == 400 && made.text.contains("x&lt;y"), "{made:?}");
    let repo = "/acme/iris/_git/iris";
    let commit = {
        let page = alice.page(&format!("{repo}/commits")).await;
        let found = page.split(&format!("{repo}/commit/")).nth(1).expect("a commit is listed");
        found[..40].to_owned()
    };
    let history = "GBAzureMLHistory%2F00000000-0000-4000-8000-000000000000";
    let paths = [
        repo.to_owned(),
        format!("{repo}?path=/README.md"),
        format!("{repo}?path=/page.html"),
        format!("{repo}?path=/%27%3E%3Csvg%20onload%3Dalert%281%29%3E.py"),
        format!("{repo}/commits"),
        format!("{repo}/commits?version={history}"),
        format!("{repo}/commits?path=/%3Cscript%3Ealert(1)%3C"),
        format!("{repo}/commit/{commit}"),
        format!("{repo}/commit/{commit}?view=split&x=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"),
        format!("{repo}/branches"),
        format!("{repo}/compare?base=GBmaster&target={history}"),
        "/acme/?filter=%22%3E%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
    ];
    for path in paths {
        let page = alice.page(&path).await;
        let lower = page.to_lowercase();
        for harm in ["<script>", "<img src=x", "<svg onload", "onerror=alert(1)>", "href=\"javascript:"] {
            assert!(!lower.contains(harm), "{path}: {harm} in {page}");
        }
        assert!(!page.contains('\u{202e}') || page.contains("<bdi>"), "{path}: turns what comes after it");
    }
    let raw = alice.get(&format!("{repo}/raw?path=/page.html")).await;
    assert_eq!(header(&raw, "content-type"), "text/plain; charset=utf-8");
    assert!(header(&raw, "content-security-policy").contains("sandbox"), "{raw:?}");
    let missing = alice.get("/acme/iris/_git/iris?version=GB%3Cscript%3E").await;
    assert!(missing.status == 404 && !missing.text.contains("<script>"), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_seen_is_not_there() {
    let site = Site::start().await;
    push(&site, "master", "first", &[("/a.txt", "a")]).await;
    // bob has nothing in acme; what is there and what is not answer him alike.
    let mut bob = Visitor::signed_in(&site, "bob").await;
    let tails = [
        "",
        "/commits",
        "/branches",
        "/tags",
        "/compare",
        "/pullrequests",
        "/pullrequestcreate",
        "/pullrequest/1",
        "/archive",
        "/raw?path=/a.txt",
        "/settings",
        "/permissions",
    ];
    for tail in tails {
        let there = bob.get(&format!("/acme/iris/_git/iris{tail}")).await;
        let absent = bob.get(&format!("/acme/iris/_git/none{tail}")).await;
        let nowhere = bob.get(&format!("/none/iris/_git/iris{tail}")).await;
        assert_eq!(there.status, 404, "{tail}: {there:?}");
        let told = |answer: &Answer| answer.text.split("<main").nth(1).map(str::to_owned);
        assert_eq!(told(&there), told(&absent), "{tail}");
        assert_eq!(told(&there), told(&nowhere), "{tail}");
    }
    for path in ["/acme/", "/acme/iris", "/acme/_new", "/acme/iris/_new"] {
        assert_eq!(bob.get(path).await.status, 404, "{path}");
    }
    assert!(!bob.page("/").await.contains("acme"));
    // A token of carol's, who reads, opens what she may read, for a program; and no more.
    let reads = "Accept: text/html\nAuthorization: Bearer carol-all-scopes\n";
    assert_eq!(site.send("GET", "/acme/iris/_git/iris/raw?path=/a.txt", reads, "").await.text, "a");
    let zip = site.send("GET", "/acme/iris/_git/iris/archive", reads, "").await;
    assert_eq!((zip.status, header(&zip, "content-type")), (200, "application/zip"));
    assert_eq!(site.send("GET", "/acme/iris/_git/iris/settings", reads, "").await.status, 403);
    assert_eq!(site.send("GET", "/acme/iris/_new", reads, "").await.status, 403);
    assert_eq!(site.send("GET", "/acme/iris/_git/iris/raw?path=/a.txt", "", "").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_tokens_and_settings_are_changed_by_their_owner() {
    let site = Site::start().await;
    let mut alice = Visitor::signed_in(&site, "alice").await;
    let mut bob = Visitor::signed_in(&site, "bob").await;
    let (keys, tokens) = ("/_details/security/keys", "/_details/security/tokens");
    let refused = alice
        .post(keys, &[("description", "k"), ("key", "-----BEGIN OPENSSH PRIVATE KEY-----\nsecretsecret")])
        .await;
    assert!(refused.status == 400 && !refused.text.contains("secretsecret"), "{refused:?}");

    let made = alice
        .post(
            tokens,
            &[("description", "t<b>"), ("expires", "30"), ("all", "selected"), ("scope", "vso.code")],
        )
        .await;
    let value =
        made.text.split("id=\"value\" readonly value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let value = value.unwrap_or_else(|| panic!("no value in {made:?}")).to_owned();
    assert_eq!((value.len(), site.git("git-upload-pack", &value).await), (52, 200));
    assert_eq!(site.git("git-receive-pack", &value).await, 403, "it was made to read");
    let page = alice.page(tokens).await;
    assert!(!page.contains(&value) && page.contains("t&lt;b&gt;"), "shown once");
    let id =
        page.split("name=\"revoke\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
    assert_eq!(bob.post(tokens, &[("revoke", id)]).await.status, 404, "not another's");
    assert_eq!(alice.post(tokens, &[("description", "none"), ("all", "selected")]).await.status, 400);
    site.pass(31 * 24 * 3600);
    assert_eq!(site.git("git-upload-pack", &value).await, 401, "it has expired");

    let mut alice = Visitor::signed_in(&site, "alice").await;
    push(&site, "master", "first", &[("/a.txt", "a")]).await;
    push(&site, "other", "second", &[("/b.txt", "b")]).await;
    let settings = "/acme/iris/_git/iris/settings";
    assert_eq!(alice.post(settings, &[("do", "default"), ("default", "other")]).await.status, 303);
    assert!(alice.page("/acme/iris/_git/iris").await.contains("b.txt"));
    assert_eq!(alice.post(settings, &[("do", "default"), ("default", "none")]).await.status, 404);
    assert_eq!(alice.post(settings, &[("do", "rename"), ("name", "a/b")]).await.status, 400);
    assert_eq!(alice.post(settings, &[("do", "rename"), ("name", "renamed")]).await.status, 303);
    let settings = "/acme/iris/_git/renamed/settings";
    assert_eq!(alice.post(settings, &[("do", "delete"), ("confirm", "iris")]).await.status, 400);
    assert_eq!(alice.post(settings, &[("do", "delete"), ("confirm", "renamed")]).await.status, 303);
    assert_eq!(alice.get("/acme/iris/_git/renamed").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_not_guessed() {
    let site = Site::start().await;
    let mut visitor = Visitor::new(&site);
    for _ in 0..20 {
        assert_eq!(visitor.sign_in("alice", "guess", "/").await.status, 401);
    }
    let waits = visitor.sign_in("alice", "alice-password", "/").await;
    assert_eq!((waits.status, header(&waits, "retry-after")), (429, "60"), "{waits:?}");
    assert_eq!(visitor.sign_in("bob", "bob-password", "/").await.status, 303, "others are not kept out");
    site.pass(60);
    assert_eq!(Visitor::new(&site).sign_in("alice", "alice-password", "/").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_lives_on_its_pages() {
    const EVIL: &str = "<script>alert(1)</script>";
    let site = Site::start().await;
    push(&site, "master", "first", &[("/a.txt", "a\n")]).await;
    let mut alice = Visitor::signed_in(&site, "alice").await;
    let repo = "/acme/iris/_git/iris";
    let refs = "/acme/iris/_apis/git/repositories/iris/refs/heads/master?api-version=4.1";
    let tip = site.ask("GET", refs, "alice-all-scopes", &Value::Null).await;
    let tip: Value = serde_json::from_str(&tip.text).expect("JSON");
    let edit = |name: &str, path: &str, kind: &str| {
        json!({
            "refUpdates": [{ "name": format!("refs/heads/{name}"), "oldObjectId": tip["value"][0]["objectId"] }],
            "commits": [{ "comment": name, "changes": [
                { "changeType": kind, "item": { "path": path }, "newContent": { "content": name, "contentType": "rawtext" } },
            ] }],
        })
    };
    let pushes = "/acme/iris/_apis/git/repositories/iris/pushes?api-version=4.1";
    for (name, path, kind) in
        [("topic", "/b.txt", "add"), ("other", "/a.txt", "edit"), ("master", "/a.txt", "edit")]
    {
        let pushed = site.ask("POST", pushes, "alice-all-scopes", &edit(name, path, kind)).await;
        assert_eq!(pushed.status, 201, "{pushed:?}");
    }
    assert!(alice.page(&format!("{repo}/pullrequests")).await.contains("There is none."));
    let create = format!("{repo}/pullrequestcreate");
    let twins = [("source", "master"), ("target", "master"), ("title", "x")];
    let refused = alice.post(&create, &twins).await;
    assert!(refused.status == 400 && refused.text.contains("have to be different"), "{refused:?}");
    for (source, title) in [("topic", EVIL), ("other", "Other")] {
        let fields = [("source", source), ("target", "master"), ("title", title), ("description", EVIL)];
        let made = alice.post(&create, &fields).await;
        assert_eq!(made.status, 303, "{made:?}");
    }
    let one = format!("{repo}/pullrequest/1");
    let page = alice.page(&one).await;
    assert!(page.contains("without conflicts") && !page.contains(EVIL), "{page}");
    assert!(alice.page(&format!("{one}?_a=files")).await.contains("b.txt"));
    assert!(alice.page(&format!("{one}?_a=commits")).await.contains("topic"));
    let conflicts = alice.page(&format!("{repo}/pullrequest/2")).await;
    assert!(conflicts.contains("Conflicts") && conflicts.contains("a.txt"), "{conflicts}");
    for fields in [
        &[("do", "comment"), ("content", EVIL)][..],
        &[("do", "reply"), ("thread", "1"), ("content", "Yes.")],
        &[("do", "status"), ("thread", "1"), ("status", "fixed")],
        &[("do", "vote"), ("vote", "10")],
    ] {
        let done = alice.post(&one, fields).await;
        assert_eq!(done.status, 303, "{fields:?}: {done:?}");
    }
    let page = alice.page(&one).await;
    assert!(
        page.contains("Yes.")
            && page.contains("resolved")
            && page.contains("Approve")
            && !page.contains(EVIL)
    );
    let tip = page.split("name=\"tip\" value=\"").nth(1).expect("the form has the tip")[..40].to_owned();
    let complete = [("do", "complete"), ("tip", tip.as_str()), ("strategy", "squash"), ("delete", "on")];
    assert_eq!(alice.post(&one, &complete).await.status, 303);
    assert!(alice.page(&one).await.contains("completed"));
    assert!(alice.page(&format!("{repo}/pullrequests?list=completed")).await.contains("pullrequest/1"));
    assert!(!alice.page(&format!("{repo}/branches")).await.contains("topic"));
    // carol reads: she sees it, and finds no form that completes.
    let reads = "Accept: text/html\nAuthorization: Bearer carol-all-scopes\n";
    let seen = site.send("GET", &format!("{repo}/pullrequest/2"), reads, "").await;
    assert!(seen.status == 200 && !seen.text.contains("value=\"complete\""), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_items_are_changed_on_their_pages_by_those_who_may() {
    let site = Site::start().await;
    let mut alice = Visitor::signed_in(&site, "alice").await;
    let list = "/acme/iris/_workitems";
    let hook = json!({
        "publisherId": "tfs", "eventType": "workitem.created", "consumerId": "webHooks", "consumerActionId": "httpRequest",
        "publisherInputs": {}, "consumerInputs": { "url": "http://127.0.0.1:9/" },
    });
    let path = "/acme/_apis/hooks/subscriptions?api-version=4.1";
    assert_eq!(site.ask("POST", path, "alice-all-scopes", &hook).await.status, 200);
    let made = alice.post(&format!("{list}/create/Task"), &[("do", "create"), ("title", "<b>One</b>")]).await;
    assert_eq!((made.status, header(&made, "location")), (303, "/acme/iris/_workitems/edit/1"));
    // What a page does is told to service hooks as well.
    let begun = std::time::Instant::now();
    while site.server.admin().deliveries()[0]["payload"]["resource"]["fields"]["System.Title"] != "<b>One</b>"
    {
        assert!(begun.elapsed().as_secs() < 60, "{}", site.server.admin().deliveries());
        tokio::task::yield_now().await;
    }
    let item = format!("{list}/edit/1");
    assert!(alice.page(&item).await.contains("1: <bdi>&lt;b&gt;One&lt;/b&gt;</bdi>"));
    let nameless =
        alice.post(&format!("{list}/create/Task"), &[("do", "create"), ("description", "Kept")]).await;
    assert_eq!(nameless.status, 400);
    assert!(nameless.text.contains("TF401320") && nameless.text.contains("Kept"), "{nameless:?}");
    for (path, status) in [("/create/Nonsense", 404), ("/edit/2", 404), ("/edit/x", 404), ("/nowhere", 404)] {
        assert_eq!(alice.get(&format!("{list}{path}")).await.status, status, "{path}");
    }
    assert_eq!(alice.get(&format!("{list}?wiql=SELECT")).await.status, 400);
    let stale = alice.post(&item, &[("do", "edit"), ("rev", "7"), ("title", "Two")]).await;
    assert!(stale.status == 400 && stale.text.contains("Somebody has changed"), "{stale:?}");
    for action in ["nonsense", "unlink", "link"] {
        assert_eq!(alice.post(&item, &[("do", action)]).await.status, 400, "{action}");
    }

    // Who reads has no forms, and one that is made up is refused.
    let mut carol = Visitor::signed_in(&site, "carol").await;
    assert!(!carol.page(&item).await.contains("Delete this work item"));
    let token = carol.token(&item).await;
    for (path, action) in [
        ("/create/Task", "create"),
        ("/edit/1", "edit"),
        ("/edit/1", "comment"),
        ("/edit/1", "delete"),
        ("/edit/1", "link"),
    ] {
        let fields = [
            ("_token", token.as_str()),
            ("do", action),
            ("rev", "1"),
            ("title", "Mine"),
            ("content", "Mine"),
            ("kind", "Hyperlink"),
            ("target", "https://example.com"),
        ];
        let refused = carol.send(&format!("{list}{path}"), "", &fields).await;
        assert!(refused.status == 400 || refused.status == 403, "{path} {action}: {refused:?}");
    }
    let fields = [("_token", token.as_str()), ("do", "restore"), ("id", "1")];
    assert_ne!(carol.send(&format!("{list}/recyclebin"), "", &fields).await.status, 303);
    let page = alice.page(&item).await;
    assert!(page.contains("revision 1,") && !page.contains("Mine"), "{page}");

    // Who knows nothing of the project learns nothing.
    let mut bob = Visitor::signed_in(&site, "bob").await;
    let token = bob.token("/").await;
    for path in ["", "/create/Task", "/edit/1", "/recyclebin"] {
        assert_eq!(bob.get(&format!("{list}{path}")).await.status, 404, "{path}");
        let fields = [("_token", token.as_str()), ("do", "delete")];
        assert_eq!(bob.send(&format!("{list}{path}"), "", &fields).await.status, 404, "{path}");
    }
}

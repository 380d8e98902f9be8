//! The server in process: set up in code, changed while it runs, read, and set back; two of them side by side.

use tempfile::TempDir;
use vsts_mock::{
    JournalEvent, MockServer, RegistryError, Seed, SeedAccount, SeedEntry, SeedKey, SeedProject, SeedRepo,
    SeedToken, SeedUser, SeedWorkspace,
};

use crate::git::Git;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS alice@laptop";

async fn server() -> MockServer {
    let iris = SeedProject::new("iris").reader("bob").repo(SeedRepo::new("open").public());
    MockServer::builder()
        .user(SeedUser::new("alice").email("alice@example.com").token(SeedToken::new("ci").value("alicepat")))
        .user(SeedUser::new("bob").password("bob-password").token(SeedToken::new("made")))
        .account(SeedAccount::new("acme").owner("alice").project(iris))
        .workspace(SeedWorkspace::new("acmeml", "research").owner("alice"))
        .start()
        .await
        .expect("the server starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_made_read_and_removed() {
    let mut server = server().await;
    let admin = server.admin();
    assert_eq!(
        (admin.users(), admin.accounts()),
        (vec!["alice".into(), "bob".into()], vec!["acme".to_owned()])
    );
    assert_eq!(admin.repos("acme/iris").expect("a project"), ["iris", "open"]);
    let generated = server.token("bob", "made").expect("it was generated").to_owned();

    let carol =
        SeedUser::new("carol").password("p").token(SeedToken::new("t")).ssh_key(SeedKey::line("k", KEY));
    let tokens = admin.add_user(&carol).await.expect("a user");
    assert_eq!((tokens[0].0.as_str(), tokens[0].1.len()), ("t", 52));
    assert!(matches!(admin.add_user(&carol).await, Err(RegistryError::Exists { .. })));
    assert!(admin.keys("carol").expect("a user")[0].fingerprint.starts_with("SHA256:"));
    let twice = admin.add_key("alice", &SeedKey::line("mine", KEY)).await.expect_err("it is carol's");
    assert!(twice.to_string().contains("registered already"), "{twice}");
    admin.remove_key("carol", "k").await.expect("it is there");
    assert!(admin.add_key("alice", &SeedKey::line("mine", KEY)).await.expect("free").starts_with("SHA256:"));

    let rose = SeedProject::new("rose").repo(SeedRepo::new("thorn"));
    admin.add_account(&SeedAccount::new("garden").project(rose)).await.expect("an account");
    assert_eq!(admin.projects("garden").expect("an account"), ["rose"]);
    admin.add_project("garden", &SeedProject::new("tulip").contributor("carol")).await.expect("a project");
    let entry = SeedEntry::user("bob").allow(["GenericRead"]);
    admin.add_repo("garden/tulip", &SeedRepo::new("bulb").entry(entry)).await.expect("a repository");
    assert!(admin.repo_path("garden/tulip/bulb").expect("a repository").join("HEAD").exists());
    admin.add_member("garden/rose", "Readers", "bob").await.expect("a group");
    admin.add_workspace(&SeedWorkspace::new("acmeml", "more").contributor("bob")).await.expect("a workspace");
    for (wrong, what) in
        [("", "names no account"), ("a/b/c/d", "is no ACCOUNT/PROJECT/REPO"), ("acme", "names no project")]
    {
        let error = admin.repos(wrong).expect_err("it is no project").to_string();
        assert!(error.contains(what), "{wrong:?}: {error}");
    }
    let text = "[[users]]\nname = \"erin\"\ntokens = [{ name = \"x\" }]\n";
    let more = admin.apply(&Seed::parse(text).expect("a seed")).await.expect("applied");
    assert_eq!(more["erin"]["x"].len(), 52);

    admin.remove_workspace("acmeml", "more").await.expect("it is there");
    admin.remove_member("garden/rose", "Readers", "bob").await.expect("a member");
    admin.remove_repo("garden/tulip/bulb").await.expect("it is there");
    admin.remove_project("garden/rose").await.expect("it is there");
    admin.remove_account("garden").await.expect("it is there");
    admin.remove_user("carol").await.expect("she is there");

    server.reset().await.expect("a reset");
    let admin = server.admin();
    assert_eq!(admin.users(), ["alice", "bob"]);
    assert!(admin.keys("alice").expect("a user").is_empty() && admin.journal().is_empty());
    assert_ne!(server.token("bob", "made"), Some(generated.as_str()), "it was generated anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_counts_at_once_and_stands_in_the_journal() {
    let (server, other) = (server().await, server().await);
    let dir = TempDir::new().expect("a folder");
    let admin = server.admin();
    let token =
        admin.add_token("bob", &SeedToken::new("push").scope("vso.code_write")).await.expect("a token");
    let url = server.clone_url("acme", "iris", "iris");
    let bob = Git::of(dir.path(), &token).clone_to(&url, "bob").await;
    bob.commit("file", b"x\n").await;
    bob.run(&["push", "-q", "origin", "HEAD:master"]).await.fails();
    let entry = SeedEntry::user("bob").allow(["GenericContribute", "CreateBranch"]);
    admin.set_acl("acme/iris/iris", &entry).await.expect("an entry");
    bob.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();
    assert!(admin.tokens("bob").expect("a user").iter().any(|token| token.last_used.is_some()));
    let journal = admin.journal();
    let pushed = journal.iter().find_map(|entry| match &entry.event {
        JournalEvent::RefUpdate { user, name, change, .. } => Some((user.as_str(), name.as_str(), *change)),
        _ => None,
    });
    assert_eq!(pushed, Some(("bob", "refs/heads/master", "create")));
    assert!(journal.iter().all(|entry| !entry.is_unknown()));
    let last = journal.last().expect("an entry").seq;
    assert!(admin.journal_after(last).is_empty());
    admin.clear_journal();
    assert!(admin.journal().is_empty());
    admin.remove_token("bob", "push").await.expect("it is there");
    bob.run(&["fetch", "origin"]).await.fails();
    assert!(other.admin().journal().is_empty(), "the other server knows nothing of it");
    assert_eq!(other.admin().tokens("bob").expect("a user").len(), 1);
}

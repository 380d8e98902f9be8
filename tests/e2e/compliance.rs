//! git-lfs' own compliance tool against vsts-mock. Its seven cases are tests of vsts-mock too (`lfs::batch`).

mod heavy {
    use std::path::Path;

    use e2e::Sandbox;

    #[test]
    fn git_lfs_own_tool_passes_over_http_and_over_ssh() {
        let sandbox = Sandbox::new();
        let (server, ssh) = e2e::Server::with_ssh_key(&sandbox);
        let tool = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools/bin/git-lfs-test-server-api");
        assert!(tool.exists(), "`cargo xtask test --all` builds the tool");
        let alice = sandbox.actor("alice", "alicepat").with_env("GIT_SSH_COMMAND", &ssh);
        let tool = tool.to_str().expect("UTF-8");
        let host = server.http().replacen("http://", "http://alice:alicepat@", 1);
        for place in [
            format!("--url={host}/acme/_git/iris/info/lfs"),
            format!("--url={host}/acme/iris/_git/extra.git/info/lfs"),
            format!("--clone={}", server.ssh_repo("extra")),
        ] {
            let output = alice.run(tool, &sandbox.dir("tool"), &[&place]).ok();
            let passed = output.stdout.matches(" OK").count();
            assert!(output.stdout.contains("All tests passed") && passed == 7, "{place}: {output}");
        }
    }
}

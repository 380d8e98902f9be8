//! Renovate: a repository with three outdated dependencies, whose releases a small registry on loopback knows.

/// It installs 500 MB, Node.js 24 among them, and runs for two minutes.
mod heavy {
    use crate::site::{Site, beside, cache, from_npm};
    use crate::table::{RENOVATE, line_of};
    use test_support::npm;

    /// The interpreter that Renovate needs, as a package.
    fn node() -> String {
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        format!("node-linux-{machine}@24.21.0")
    }

    #[test]
    fn pull_requests_are_made_rebased_and_merged_by_themselves() {
        let node = npm::with_package(cache(), &node());
        let node = node.join("node_modules").join(node_folder()).join("bin");
        let path = format!("{}:{}", node.display(), from_npm(&RENOVATE));
        let registry = beside("registry.py");
        let env = [("PATH", path.as_str()), ("LINE", line_of("renovate")), ("REGISTRY", registry.as_str())];
        let site = Site::new();
        let said = site.succeed("azure-devops", &env, include_str!("renovate.sh"), &[]);
        assert!(said.contains("all is as expected"), "{said}");
    }

    fn node_folder() -> String {
        node().split('@').next().unwrap_or_default().to_owned()
    }
}

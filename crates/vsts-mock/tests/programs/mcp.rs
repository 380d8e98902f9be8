//! Servers of the Model Context Protocol, whose tools a small client calls.

/// Their packages take a minute to install.
mod heavy {
    use crate::site::{Site, beside, from_npm};
    use crate::table::{MICROSOFT_MCP, TIBERRIVER_MCP};

    #[test]
    fn every_tool_for_repositories_and_pull_requests_does_its_work() {
        for (program, script) in
            [(&MICROSOFT_MCP, "microsoft_mcp.js"), (&TIBERRIVER_MCP, "tiberriver_mcp.js")]
        {
            let line = format!("node {} {}", beside(script), from_npm(program).display());
            Site::new().succeed("azure-devops", &[], &line, &["/_apis/search/"]);
        }
    }
}

//! Servers of the Model Context Protocol, whose tools a small client calls.

/// Their packages take a minute to install.
mod heavy {
    use crate::site::{Site, beside, from_npm};
    use crate::table::{MICROSOFT_MCP, TIBERRIVER_MCP, line_of};

    #[test]
    fn every_tool_for_repositories_and_pull_requests_does_its_work() {
        for (program, command, script) in [
            (&MICROSOFT_MCP, "mcp-server-azuredevops", "microsoft_mcp.js"),
            (&TIBERRIVER_MCP, "mcp-server-azure-devops", "tiberriver_mcp.js"),
        ] {
            let path = from_npm(program);
            let env = [
                ("PATH", path.as_str()),
                ("LINE", line_of(command)),
                ("AZURE_DEVOPS_DEFAULT_PROJECT", "iris"),
            ];
            let line = format!("node {} \"$LINE\"", beside(script));
            Site::new().succeed("azure-devops", &env, &line, &["/_apis/search/"]);
        }
    }
}

//! Programs of others, unmodified, as their registries have them, run below `vsts-mock exec --intercept`.
//!
//! `table` lists them, in the versions that are installed, and compares the list with the manual's. `site` installs and runs
//! them. `sdks` has the service's own packages for Python and Node, `tools` smaller programs, `mcp` servers of the Model
//! Context Protocol, and `azure_cli`, `go_git`, `pr_agent` and `renovate` have one program each.

mod azure_cli;
mod go_git;
mod mcp;
mod pr_agent;
mod renovate;
mod sdks;
mod site;
mod table;
mod tools;

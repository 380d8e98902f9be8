//! The programs, in the versions that the tests install, and what the manual says of each.

/// A program of others.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    version: &'static str,
    /// The profiles in which the tests run it.
    profiles: &'static str,
    /// Its work in the tests.
    ran: &'static str,
    /// The parts that do not work, as the tests have seen it.
    fails: &'static str,
}

impl Program {
    const fn new(
        name: &'static str,
        version: &'static str,
        profiles: &'static str,
        ran: &'static str,
    ) -> Self {
        Self { name, version, profiles, ran, fails: "–" }
    }

    const fn but(self, fails: &'static str) -> Self {
        Self { fails, ..self }
    }

    /// The words for a package manager: the name and the version, joined by its sign.
    pub(crate) fn package(&self, sign: &str) -> String {
        format!("{}{sign}{}", self.name, self.version)
    }

    /// The program's row of the manual's table.
    fn row(&self) -> String {
        let Self { name, version, profiles, ran, fails } = self;
        format!("| `{name}` {version} | {profiles} | {ran} | {fails} |")
    }
}

const LIFE: &str = "a pull request with threads, votes, statuses, iterations and its completion";
const SDK: &str = "a pull request with threads, votes, statuses, a policy and its completion; service hooks";

pub(crate) const RENOVATE: Program = Program::new(
    "renovate",
    "44.121.2",
    "azure-devops",
    "three outdated dependencies: pull requests made, rebased, completed by themselves, their branches deleted",
);
pub(crate) const MICROSOFT_MCP: Program =
    Program::new("@azure-devops/mcp", "2.10.0", "azure-devops", "each `repo_` tool with each of its actions")
        .but("`repo_search_commits`: search is not implemented (501)");
pub(crate) const TIBERRIVER_MCP: Program = Program::new(
    "@tiberriver256/mcp-server-azure-devops",
    "0.1.48",
    "azure-devops",
    "each tool for organizations, projects, repositories and pull requests",
)
.but("`search_code`: search is not implemented (501)");
pub(crate) const AZURE_DEVOPS: Program =
    Program::new("azure-devops", "7.1.0b4", "permissive, azure-devops", SDK);
pub(crate) const VSTS: Program = Program::new("vsts", "0.1.25", "permissive, vsts", SDK);
pub(crate) const NODE_API: Program =
    Program::new("azure-devops-node-api", "17.0.1", "vsts, azure-devops", SDK);
pub(crate) const VSO_NODE_API: Program = Program::new("vso-node-api", "6.5.0", "vsts", SDK);
pub(crate) const PYADO: Program = Program::new("pyado", "0.10.3", "azure-devops", LIFE)
    .but("its own session ignores the proxy of `--intercept`: pass it one, as `session=`");
pub(crate) const SIMPLE_ADO: Program = Program::new(
    "simple-ado",
    "5.1.1",
    "azure-devops",
    "a pull request with threads, statuses, properties and iterations; commit statuses",
);

pub(crate) const PR_AGENT: Program = Program::new(
    "pr-agent",
    "0.49.0",
    "azure-devops",
    "its class for Azure DevOps: files and diff read; description, comments, labels and thread status published",
)
.but("it needs Python 3.12; the tests install it with `--ignore-requires-python` too");
pub(crate) const ADO_INSIGHTS: Program = Program::new(
    "ado-git-repo-insights",
    "100.0.0",
    "azure-devops",
    "`ado-insights`: completed pull requests, reviewers and comments extracted; CSV files and aggregates made",
);
const AZURE_CLI: Program = Program::new(
    "azure-cli",
    "2.45.0 with `azure-devops` 0.26.0",
    "azure-devops",
    "`az repos` with refs, policies and pull requests; `az boards` with work items and queries; `az devops` with projects, \
     users, groups, permissions and `invoke`",
)
.but("`az repos import`, `az devops team create` and `az boards area` answer 501; `az boards iteration`, `az pipelines`, \
      `az artifacts` and wikis are not there");
const GO_GIT: Program =
    Program::new("go-git", "5.4.2", "permissive, vsts, azure-devops", "a clone over HTTPS")
        .but("`vsts` and `azure-devops` answer 400, as the service does: it lists no `multi_ack`");

const ALL: [&Program; 13] = [
    &RENOVATE,
    &PR_AGENT,
    &MICROSOFT_MCP,
    &TIBERRIVER_MCP,
    &AZURE_DEVOPS,
    &VSTS,
    &NODE_API,
    &VSO_NODE_API,
    &PYADO,
    &SIMPLE_ADO,
    &ADO_INSIGHTS,
    &AZURE_CLI,
    &GO_GIT,
];

const MANUAL: &str = include_str!("../../README.md");

/// The line of the manual that runs a command.
pub(crate) fn line_of(command: &str) -> &'static str {
    let section = MANUAL.split("## Programs that run against it").nth(1).expect("there is a section");
    let mut lines = section.split("```text\n").nth(1).expect("there are lines").lines();
    lines.find(|line| line.split(' ').any(|word| word == command)).expect("the manual has the command")
}

#[test]
fn the_manual_has_each_program_in_the_version_that_the_tests_run() {
    let table = MANUAL.split("## Programs that run against it").nth(1).expect("there is a section");
    let rows: Vec<_> = table.lines().skip_while(|line| !line.starts_with("| ---")).skip(1).collect();
    let rows = &rows[..rows.iter().position(|row| row.is_empty()).expect("the table ends")];
    let expected: Vec<_> = ALL.iter().map(|program| program.row()).collect();
    assert_eq!(rows, expected, "the table should be:\n{}", expected.join("\n"));
}

//! The table of secrets: names of files that hold credentials, and the written forms of keys and tokens.
//!
//! Beside each row stands the place where the format is described: the vendor's own page where it tells the form, and the
//! scanner whose rule has it where the vendor tells nothing but the kind. A content row is found by its anchors, short texts
//! that every secret of that kind contains, and is then checked around the anchor.

use super::form::{self, Class, Form};

/// A form that a secret has in the content of a file.
pub(super) struct Rule {
    /// The kind of secret, as messages call it.
    pub(super) name: &'static str,
    /// The texts one of which is in every such secret.
    pub(super) anchors: &'static [&'static str],
    /// The check around an anchor.
    pub(super) form: Form,
    /// The place where the format is described.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for those who read and check the table"))]
    pub(super) source: &'static str,
}

/// A token that begins with its anchor.
const fn token(of: Class, least: usize, most: usize) -> Form {
    Form::Token { of, least, most }
}

/// A value that is assigned to its anchor.
const fn value(of: Class, least: usize, most: usize) -> Form {
    Form::Value { of, least, most }
}

const ANY: usize = usize::MAX;

/// All content rules. No anchor is the beginning of another one's, and there are at most 64 of more than three bytes: so many are
/// searched for at once.
#[rustfmt::skip]
pub(super) static RULES: &[Rule] = &[
    // Keys.
    Rule { name: "a private key", anchors: &["-----BEGIN "], form: Form::With(form::pem),
        source: "RFC 7468 sections 10 and 11, RFC 9580 section 6.2, openssh PROTOCOL.key" },
    Rule { name: "a PuTTY key", anchors: &["PuTTY-User-Key-File-"], form: Form::With(form::putty),
        source: "https://tartarus.org/~simon/putty-snapshots/htmldoc/AppendixC.html" },
    Rule { name: "an age key", anchors: &["AGE-SECRET-KEY-1"], form: token(Class::UpperDigit, 50, 60),
        source: "https://github.com/C2SP/C2SP/blob/main/age.md (Bech32)" },
    // Clouds.
    Rule { name: "an AWS access key", anchors: &["AKIA", "ASIA"], form: token(Class::UpperDigit, 16, 16),
        source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids" },
    Rule { name: "an AWS secret key", anchors: &["secret_access_key", "SECRET_ACCESS_KEY", "ecretAccessKey"],
        form: value(Class::Base64, 40, 40),
        source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html" },
    Rule { name: "an AWS session token", anchors: &["session_token", "SESSION_TOKEN", "SessionToken"],
        form: value(Class::Base64, 100, ANY),
        source: "https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html" },
    Rule { name: "a key of Amazon Bedrock", anchors: &["ABSKQmVkcm9ja0FQSUtleS"], form: token(Class::Base64, 60, ANY),
        source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_bedrock.html (ABSK and base64 of BedrockAPIKey-…: gitleaks)" },
    Rule { name: "a key of an Azure account", anchors: &["AccountKey"], form: value(Class::Base64, 86, ANY),
        source: "https://learn.microsoft.com/purview/sit-defn-azure-storage-account-key (86 characters and ==)" },
    Rule { name: "a shared access key of Azure", anchors: &["SharedAccessKey"], form: value(Class::Base64, 40, ANY),
        source: "https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas" },
    Rule { name: "a shared access signature of Azure", anchors: &["sig="], form: Form::With(form::azure_signature),
        source: "https://learn.microsoft.com/rest/api/storageservices/create-service-sas" },
    Rule { name: "a key of an Azure service", anchors: &["JQQJ99"], form: Form::With(form::azure_annotated),
        source: "https://github.com/microsoft/security-utilities (common annotated security keys)" },
    Rule { name: "a personal access token of Azure DevOps", anchors: &["AZDO"], form: Form::With(form::azure_devops),
        source: "https://learn.microsoft.com/purview/sit-defn-azure-devops-personal-access-token (84 characters, AZDO at 76 to 80)" },
    Rule { name: "a Google client secret", anchors: &["GOCSPX-"], form: token(Class::Base64Url, 24, ANY),
        source: "https://developers.google.com/identity/protocols/oauth2/native-app" },
    Rule { name: "a Google API key", anchors: &["AIza"], form: token(Class::Base64Url, 35, 35),
        source: "https://cloud.google.com/docs/authentication/api-keys" },
    Rule { name: "a Google refresh token", anchors: &["1//0"], form: token(Class::Base64Url, 40, ANY),
        source: "https://developers.google.com/identity/protocols/oauth2/web-server#offline" },
    Rule { name: "a Google access token", anchors: &["ya29."], form: token(Class::Base64Url, 20, ANY),
        source: "https://cloud.google.com/docs/authentication/token-types#access" },
    Rule { name: "a Databricks token", anchors: &["dapi"], form: token(Class::Hex, 32, 32),
        source: "https://docs.databricks.com/aws/en/dev-tools/auth/pat (the form: gitleaks, databricks-api-token)" },
    Rule { name: "a DigitalOcean token", anchors: &["dop_v1_"], form: token(Class::Hex, 64, 64),
        source: "https://docs.digitalocean.com/reference/api/create-personal-access-token/" },
    // Hosts of code and packages.
    Rule { name: "a GitHub token", anchors: &["ghp_", "gho_", "ghu_", "ghr_"], form: token(Class::Alnum, 36, ANY),
        source: "https://github.blog/changelog/2021-03-31-authentication-token-format-updates-are-generally-available (up to 255 characters)" },
    // As the others, or since April 2026 `ghs_<app>_<JSON web token>`.
    Rule { name: "a GitHub token", anchors: &["ghs_"], form: token(Class::Dotted, 36, ANY),
        source: "https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app" },
    Rule { name: "a GitHub token", anchors: &["github_pat_"], form: token(Class::Word, 40, ANY),
        source: "https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats" },
    // Since GitLab 18 with a dot and a checksum at the end.
    Rule { name: "a GitLab token", anchors: &["glpat-", "gldt-", "glrt-", "gloas-", "glptt-", "glagent-"], form: token(Class::Dotted, 20, ANY),
        source: "https://docs.gitlab.com/security/tokens/#token-prefixes" },
    Rule { name: "an npm token", anchors: &["npm_"], form: token(Class::Alnum, 36, 36),
        source: "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/" },
    Rule { name: "a token of a package registry", anchors: &["_authToken"], form: Form::With(form::npmrc),
        source: "https://docs.npmjs.com/cli/configuring-npm/npmrc#auth-related-configuration" },
    Rule { name: "a PyPI token", anchors: &["pypi-"], form: Form::With(form::pypi),
        source: "https://pypi.org/help/#apitoken" },
    Rule { name: "a login of a container registry", anchors: &["\"auth\""], form: Form::With(form::docker_auth),
        source: "https://docs.docker.com/reference/cli/docker/login/#credential-stores" },
    Rule { name: "a login of a container registry", anchors: &["identitytoken"], form: value(Class::Bearer, 20, ANY),
        source: "https://docs.docker.com/reference/cli/docker/login/#credential-stores" },
    Rule { name: "a Docker token", anchors: &["dckr_"], form: Form::With(form::docker),
        source: "https://docs.docker.com/security/access-tokens/, https://docs.docker.com/reference/api/hub/latest/operations/AuthCreateAccessToken" },
    Rule { name: "a key of a Kubernetes client", anchors: &["client-key-data"], form: value(Class::Base64, 60, ANY),
        source: "https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#AuthInfo" },
    Rule { name: "a HashiCorp Vault token", anchors: &["hvs.", "hvb."], form: token(Class::Base64Url, 24, ANY),
        source: "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes" },
    Rule { name: "an HCP Terraform token", anchors: &[".atlasv1."], form: Form::With(form::terraform),
        source: "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens" },
    // Machine learning.
    Rule { name: "a Hugging Face token", anchors: &["hf_"], form: token(Class::Alnum, 34, 40),
        source: "https://huggingface.co/docs/hub/security-tokens (34 letters: gitleaks, huggingface-access-token)" },
    Rule { name: "a key of an AI service", anchors: &["sk-"], form: Form::With(form::sk_key),
        source: "https://platform.openai.com/docs/api-reference/authentication, https://docs.anthropic.com/en/api/overview" },
    Rule { name: "a Perplexity key", anchors: &["pplx-"], form: token(Class::Alnum, 48, 48),
        source: "https://docs.perplexity.ai/ (the form: gitleaks, perplexity-api-key)" },
    Rule { name: "a Pinecone key", anchors: &["pcsk_"], form: token(Class::Word, 60, ANY),
        source: "https://docs.pinecone.io/guides/projects/manage-api-keys (the form: trufflehog, pinecone)" },
    Rule { name: "a Groq key", anchors: &["gsk_"], form: token(Class::Alnum, 40, ANY),
        source: "https://console.groq.com/docs/quickstart" },
    Rule { name: "a Replicate token", anchors: &["r8_"], form: token(Class::Alnum, 37, 37),
        source: "https://replicate.com/docs/topics/security/api-tokens" },
    Rule { name: "an NVIDIA key", anchors: &["nvapi-"], form: token(Class::Base64Url, 40, ANY),
        source: "https://docs.nvidia.com/ngc/latest/ngc-user-guide.html#generating-a-personal-api-key" },
    Rule { name: "an xAI key", anchors: &["xai-"], form: token(Class::Alnum, 60, ANY),
        source: "https://docs.x.ai/docs/overview" },
    Rule { name: "a LangSmith key", anchors: &["lsv2_"], form: token(Class::Word, 40, ANY),
        source: "https://docs.smith.langchain.com/administration/concepts#api-keys" },
    Rule { name: "a Weights & Biases key", anchors: &["WANDB_API_KEY", "wandb.login(", "api.wandb.ai"], form: Form::With(form::wandb),
        source: "https://docs.wandb.ai/guides/track/environment-variables, https://docs.wandb.ai/ref/cli/wandb-login" },
    Rule { name: "a Weights & Biases key", anchors: &["wandb_v1_"], form: token(Class::Word, 40, ANY),
        source: "https://docs.wandb.ai/support/models/articles/why-does-my-api-key-fail-with-must-be-40-characters (some 86 characters)" },
    Rule { name: "a Kaggle key", anchors: &["KAGGLE_KEY"], form: value(Class::Hex, 32, 32),
        source: "https://www.kaggle.com/docs/api#authentication" },
    Rule { name: "a Kaggle token", anchors: &["KGAT_"], form: token(Class::Alnum, 32, ANY),
        source: "https://www.kaggle.com/docs/api#authentication" },
    Rule { name: "a Neptune token", anchors: &["eyJhcGlfYWRkcmVzcyI6"], form: token(Class::Base64, 40, ANY),
        source: "https://docs.neptune.ai/setup/setting_api_token (base64 of {\"api_address\": …)" },
    // Messages and payments.
    Rule { name: "a Slack token", anchors: &["xox"], form: Form::With(form::slack),
        source: "https://docs.slack.dev/authentication/tokens" },
    Rule { name: "a Slack token", anchors: &["xapp-"], form: Form::With(form::slack_app),
        source: "https://docs.slack.dev/authentication/tokens#app-level" },
    Rule { name: "a Slack webhook", anchors: &["hooks.slack.com/"], form: Form::With(form::slack_webhook),
        source: "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks" },
    Rule { name: "a Discord webhook", anchors: &["com/api/webhooks/"], form: Form::With(form::discord_webhook),
        source: "https://discord.com/developers/docs/resources/webhook#execute-webhook" },
    Rule { name: "a Stripe key", anchors: &["k_live_"], form: Form::With(form::stripe),
        source: "https://docs.stripe.com/keys" },
    Rule { name: "a Stripe webhook secret", anchors: &["whsec_"], form: token(Class::Base64, 32, ANY),
        source: "https://docs.stripe.com/webhooks" },
    Rule { name: "a SendGrid key", anchors: &["SG."], form: Form::With(form::sendgrid),
        source: "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys" },
    // Forms that many services share.
    Rule { name: "a password in a URL", anchors: &["://"], form: Form::With(form::url_password),
        source: "RFC 3986 section 3.2.1, RFC 1738 section 3.1" },
    Rule { name: "an authorization header", anchors: &["uthorization"], form: Form::With(form::authorization),
        source: "RFC 7617 section 2, RFC 6750 section 2.1" },
];

/// The rule without an anchor: 52 letters and digits of base32. Nothing else in them tells them from other text, so it
/// counts only where they stand alone, mix letters and digits, and are not called a hash.
pub(super) static OLD_AZURE_DEVOPS: Rule = Rule {
    name: "a personal access token of Azure DevOps or VSTS",
    anchors: &[],
    form: Form::With(form::old_azure_devops),
    source: "https://learn.microsoft.com/azure/devops/release-notes/2024/general/sprint-242-update (the older format)",
};

/// A file that holds a credential whatever is in it. Names are compared without regard to case.
pub(super) struct NameRule {
    /// The kind of file, as messages call it.
    pub(super) name: &'static str,
    /// The names.
    pub(super) files: Names,
    /// The place where that file is described.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for those who read and check the table"))]
    pub(super) source: &'static str,
}

/// The form of a file's name.
pub(super) enum Names {
    /// By its name, or by the end of its path where that has a `/`.
    Are(&'static [&'static str]),
    /// By the end of its name, with something before it.
    End(&'static [&'static str]),
    /// By code.
    With(fn(&[u8]) -> bool),
}

/// All name rules.
#[rustfmt::skip]
pub(super) static NAME_RULES: &[NameRule] = &[
    NameRule { name: "a file of environment variables", files: Names::With(form::is_env_file),
        source: "https://github.com/motdotla/dotenv#readme, https://direnv.net" },
    NameRule { name: "a private key", files: Names::With(form::is_key_file),
        source: "ssh-keygen(1), FILES" },
    NameRule { name: "a file of keys", files: Names::End(&[".ppk", ".pfx", ".p12", ".pkcs12", ".kdbx", ".kdb", ".jks", ".keystore", ".agekey"]),
        source: "RFC 7292; PuTTY, KeePass and keytool documentation" },
    NameRule { name: "a file of passwords", files: Names::Are(&[".netrc", "_netrc", ".git-credentials", ".config/git/credentials",
        ".pgpass", "pgpass.conf", ".my.cnf", ".mylogin.cnf", ".htpasswd", ".pypirc", ".s3cfg", ".boto", ".passwd-s3fs", "rclone.conf"]),
        source: "netrc(5), gitcredentials(7), PostgreSQL 34.16, mysql_config_editor(1), packaging.python.org, s3cmd, gsutil, rclone" },
    NameRule { name: "credentials of AWS", files: Names::Are(&[".aws/credentials"]),
        source: "https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html" },
    NameRule { name: "credentials of Google Cloud", files: Names::Are(&["application_default_credentials.json",
        "gcloud/credentials.db", "gcloud/access_tokens.db"]),
        source: "https://cloud.google.com/docs/authentication/application-default-credentials#personal" },
    NameRule { name: "credentials of Azure", files: Names::Are(&["msal_token_cache.json", "msal_token_cache.bin",
        ".azure/accesstokens.json", ".azure/service_principal_entries.json", ".azure/service_principal_entries.bin"]),
        source: "https://learn.microsoft.com/cli/azure/msal-based-azure-cli" },
    NameRule { name: "credentials of Databricks", files: Names::Are(&[".databrickscfg"]),
        source: "https://docs.databricks.com/aws/en/dev-tools/auth/config-profiles" },
    NameRule { name: "credentials of Snowflake", files: Names::Are(&[".snowflake/connections.toml", ".snowsql/config"]),
        source: "https://docs.snowflake.com/developer-guide/snowflake-cli/connecting/configure-connections" },
    NameRule { name: "credentials of Kubernetes", files: Names::Are(&[".kube/config", "kubeconfig", "kubeconfig.yaml", "kubeconfig.yml"]),
        source: "https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/" },
    NameRule { name: "credentials of Kubernetes", files: Names::End(&[".kubeconfig"]),
        source: "https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/" },
    NameRule { name: "a login of a container registry", files: Names::Are(&[".dockercfg", ".docker/config.json", ".dockerconfigjson", "containers/auth.json"]),
        source: "https://docs.docker.com/reference/cli/docker/login/, containers-auth.json(5)" },
    NameRule { name: "a Hugging Face token", files: Names::Are(&["huggingface/token", ".huggingface/token", "huggingface/stored_tokens"]),
        source: "https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hftokenpath" },
    NameRule { name: "a Kaggle key", files: Names::Are(&["kaggle.json", ".kaggle/access_token"]),
        source: "https://www.kaggle.com/docs/api#authentication" },
    NameRule { name: "a key of an experiment tracker", files: Names::Are(&[".comet.config", ".neptune/credentials"]),
        source: "https://www.comet.com/docs/v2/guides/tracking-ml-training/configuring-comet/" },
    NameRule { name: "a state of Terraform, which holds its secrets in the clear", files: Names::End(&[".tfstate", ".tfstate.backup"]),
        source: "https://developer.hashicorp.com/terraform/language/state/sensitive-data" },
    NameRule { name: "variables of Terraform", files: Names::Are(&["terraform.tfvars", "terraform.tfvars.json", "credentials.tfrc.json", ".terraformrc"]),
        source: "https://developer.hashicorp.com/terraform/language/values/variables#variable-definitions-tfvars-files" },
    NameRule { name: "a file of secrets", files: Names::Are(&[".streamlit/secrets.toml", "secrets.toml", ".secrets.toml",
        "secrets.yaml", "secrets.yml", "secrets.json", ".secrets", ".vault-token"]),
        source: "https://docs.streamlit.io/develop/concepts/connections/secrets-management, dynaconf.com/secrets, developer.hashicorp.com/vault" },
    NameRule { name: "credentials of a package registry", files: Names::Are(&[".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials"]),
        source: "https://doc.rust-lang.org/cargo/reference/config.html#credentials" },
    NameRule { name: "a login of the GitHub command line", files: Names::Are(&["gh/hosts.yml", ".config/hub"]),
        source: "https://cli.github.com/manual/gh_auth_login" },
    NameRule { name: "azml's logins", files: Names::Are(&["azml/tokens.json"]),
        source: "azml login --help" },
];

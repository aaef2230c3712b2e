//! Flags that several commands share.
use clap::Args;
use std::path::PathBuf;

/// Which blueprint, with which variables.
#[derive(Args, Clone, Default)]
pub(super) struct Source {
    /// The blueprint or a saved plan, `-` for the standard input; without one, ./dlinfra.yaml.
    pub file: Option<PathBuf>,
    /// Set a variable.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,
    /// Read variables from a YAML file.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
}

/// Which account and region, or the sandbox.
#[derive(Args, Clone, Default)]
pub(super) struct Where {
    /// Use a simulated AWS, kept in DIR (default: .dlinfra/sandbox beside the blueprint).
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub sandbox: Option<String>,
    /// How much faster than real time the sandbox runs: a number, or `max`.
    #[arg(long, value_name = "FACTOR", default_value = "60")]
    pub sandbox_speed: String,
    /// The region; it must agree with the blueprint's.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// A profile of the AWS configuration files.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// One endpoint for every service, such as an emulator.
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

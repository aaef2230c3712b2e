//! The only place that knows how AWS SDK clients are made: region, endpoint, credentials, clock and the HTTP seam.
mod answer;
mod class;
pub mod codes;
pub mod commands;
pub mod cost_explorer;
pub mod endpoint;
mod error;
pub mod gate;
pub mod json;
pub mod log_events;
pub mod objects;
mod operation;
pub mod ownership;
mod parameters;
mod patience;
pub mod pricing;
pub mod rate;
mod room;
mod service;
pub mod simulate;
pub mod spot;
pub mod tags;

pub use codes::CODES;
pub use error::{Error, ErrorClass, gone, optional};
pub use room::Machines;

use crate::clock::Clock;
use aws_config::{
    BehaviorVersion, Region, SdkConfig, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
    retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{
    rt::sleep::{AsyncSleep, Sleep},
    time::TimeSource,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use gate::Gate;
use service::Clients;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::OnceCell;

/// How to reach AWS.
#[derive(Debug, Clone)]
pub struct Options {
    /// The region of every client.
    pub region: String,
    /// A named profile of the AWS configuration files.
    pub profile: Option<String>,
    /// One endpoint for every service (an emulator).
    pub endpoint_url: Option<String>,
    /// Replaces the network (the sandbox). No credential is read then.
    pub http: Option<SharedHttpClient>,
    /// Time for signatures and retries.
    pub clock: Clock,
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
}

/// Clients for one account and region, made when first used.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    config: SdkConfig,
    /// The same without the SDK's retries, for calls that make something.
    once: SdkConfig,
    gate: Gate,
    /// The network, or what stands for it, before the gate.
    network: SharedHttpClient,
    clock: Clock,
    path_style: bool,
    /// Neither files nor environment say anything here.
    simulated: bool,
    identity: OnceCell<Identity>,
    clients: Clients,
}

impl Inner {
    fn region(&self) -> &str {
        self.config.region().map_or("", |r| r.as_ref())
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aws({:?})", self.0.config.region())
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::from(Clock::now(self))
    }
}

impl AsyncSleep for Clock {
    fn sleep(&self, time: Duration) -> Sleep {
        let clock = self.clone();
        Sleep::new(async move { Clock::sleep(&clock, time).await })
    }
}

impl Aws {
    /// Prepares clients; nothing is sent.
    pub async fn connect(options: Options) -> Self {
        let gate = Gate::new(options.clock.clone());
        let simulated = options.http.is_some();
        let network = options.http.unwrap_or_else(|| {
            use aws_smithy_http_client::{Builder, tls};
            Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc)).build_https()
        });
        let http = SharedHttpClient::new(gate.wrap(network.clone()));
        let retry = RetryConfig::standard().with_max_attempts(4);
        // A request that waits at the gate for its rate is no stalled upload.
        let stalls = StalledStreamProtectionConfig::enabled().upload_enabled(false).build();
        let region = Region::new(options.region.clone());
        let mut builder = if simulated {
            // Neither files nor environment are read: a sandbox must not depend on the machine.
            let none = Credentials::new("sandbox", "sandbox", None, None, "sandbox");
            SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(region)
                .credentials_provider(SharedCredentialsProvider::new(none))
                .timeout_config(TimeoutConfig::disabled())
                .stalled_stream_protection(stalls)
                .retry_config(retry)
                .http_client(http)
                .sleep_impl(options.clock.clone())
                .time_source(options.clock.clone())
        } else {
            let mut loader = aws_config::defaults(BehaviorVersion::latest())
                .region(region.clone())
                // What fetches credentials asks for itself, and changes nothing.
                .http_client(network.clone())
                .retry_config(retry)
                .stalled_stream_protection(stalls)
                .timeout_config(
                    TimeoutConfig::builder()
                        .connect_timeout(Duration::from_secs(10))
                        // Of the answer, not of the attempt: that would count the wait for the action's rate.
                        .read_timeout(Duration::from_secs(60))
                        .build(),
                );
            if let Some(profile) = &options.profile {
                loader = loader.profile_name(profile);
                // What is asked for by name is used or fails, whatever else the environment holds.
                let own = ProviderConfig::default().with_region(Some(region)).with_http_client(network.clone());
                let named = ProfileFileCredentialsProvider::builder().configure(&own).profile_name(profile);
                loader = loader.credentials_provider(named.build());
            }
            if let Some(url) = &options.endpoint_url {
                // Before those of single services in the environment.
                loader = loader.endpoint_url(url);
            }
            loader.load().await.into_builder().http_client(http)
        };
        if let Some(url) = options.endpoint_url.as_ref().filter(|_| simulated) {
            builder = builder.endpoint_url(url);
        }
        let config = builder.build();
        // One endpoint for every service has no bucket names in its host.
        let path_style = config.endpoint_url().is_some() || !simulated && endpoint::of_service("S3").is_some();
        Self::assemble(config, gate, network, options.clock, (path_style, simulated))
    }

    /// The same account and region behind a gate of its own: the guard that stops mutations does not stop these
    /// clients. For the journal, which must be written when nothing else may be.
    pub fn apart(&self) -> Self {
        let gate = Gate::new(self.0.clock.clone());
        let http = SharedHttpClient::new(gate.wrap(self.0.network.clone()));
        let config = self.0.config.clone().into_builder().http_client(http).build();
        Self::assemble(
            config,
            gate,
            self.0.network.clone(),
            self.0.clock.clone(),
            (self.0.path_style, self.0.simulated),
        )
    }

    fn assemble(
        config: SdkConfig,
        gate: Gate,
        network: SharedHttpClient,
        clock: Clock,
        (path_style, simulated): (bool, bool),
    ) -> Self {
        let once = config.clone().into_builder().retry_config(RetryConfig::disabled()).build();
        Self(Arc::new(Inner {
            config,
            once,
            gate,
            network,
            clock,
            path_style,
            simulated,
            identity: OnceCell::new(),
            clients: Clients::default(),
        }))
    }

    /// The region of every client.
    pub fn region(&self) -> &str {
        self.0.region()
    }

    /// What every request passes: rate buckets, counts, and the guard that may forbid mutations.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Time.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Who the caller is; asked once.
    ///
    /// # Errors
    /// Credentials that are missing or refused, or an endpoint that cannot be reached.
    pub async fn identity(&self) -> Result<&Identity, Error> {
        let ask = || async {
            let out = self.sts().get_caller_identity().send().await?;
            let arn = out.arn.ok_or_else(|| Error::missing("the caller's ARN"))?;
            let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
            Ok(Identity { partition, account: out.account.ok_or_else(|| Error::missing("the account"))?, arn })
        };
        self.0.identity.get_or_try_init(ask).await
    }

    /// The caller's account.
    ///
    /// # Errors
    /// As [`Aws::identity`].
    pub async fn account(&self) -> Result<String, Error> {
        Ok(self.identity().await?.account.clone())
    }
}

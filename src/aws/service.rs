//! The services, a line each: how their clients are made, what they are called, how many requests they take.
use super::{Aws, Inner, json::JSON_SERVICES, operation::Naming, rate::Rate};
use aws_config::SdkConfig;
use std::sync::OnceLock;

/// What is known of a service beside its client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// What the SDK calls it.
    pub(super) sdk: &'static str,
    /// Its crate; empty where our own client speaks to it.
    pub(super) package: &'static str,
    /// Its name in policies, and ours.
    pub(super) prefix: &'static str,
    /// Of an action without a rate of its own.
    pub(super) rate: Rate,
}

impl Service {
    /// One that our own client speaks to.
    pub(super) const fn json(sdk: &'static str, prefix: &'static str, burst: f64, refill: f64) -> Self {
        Self { sdk, package: "", prefix, rate: Rate { burst, refill } }
    }
}

/// Every service.
pub(super) fn services() -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().chain(JSON_SERVICES.iter().map(|s| &s.service))
}

/// What is special about a service's configuration, or nothing.
macro_rules! changed {
    () => {
        |_, config| config
    };
    ($special:expr) => {
        $special
    };
}

/// `name [/ name without retries]: crate, SDK name, prefix, burst, refill per second [, what is special]`.
///
/// The client without retries is for creates, whose retry the engine owns.
macro_rules! services {
    ($($name:ident $(/ $once:ident)?: $package:ident, $sdk:literal, $prefix:literal, $burst:literal, $refill:literal
        $(, $special:expr)?;)*) => {
        static SERVICES: &[Service] = &[$(Service {
            sdk: $sdk,
            package: stringify!($package),
            prefix: $prefix,
            rate: Rate { burst: $burst, refill: $refill },
        }),*];

        /// Clients, made when first used.
        #[derive(Default)]
        pub(super) struct Clients {
            $($name: OnceLock<$package::Client>, $($once: OnceLock<$package::Client>,)?)*
        }

        impl Clients {
            $(
                fn $name(inner: &Inner, config: &SdkConfig) -> $package::Client {
                    let config = $package::config::Builder::from(config).interceptor(Naming);
                    let change: fn(&Inner, $package::config::Builder) -> $package::config::Builder =
                        changed!($($special)?);
                    $package::Client::from_conf(change(inner, config).build())
                }
            )*
        }

        impl Aws {
            $(
                #[doc = concat!("`", $prefix, "`, with the SDK's retries: for reads and for calls that may be repeated.")]
                pub fn $name(&self) -> &$package::Client {
                    self.0.clients.$name.get_or_init(|| Clients::$name(&self.0, &self.0.config))
                }
                $(
                    #[doc = concat!("`", $prefix, "` without retries: for creates, whose retry the engine owns.")]
                    pub fn $once(&self) -> &$package::Client {
                        self.0.clients.$once.get_or_init(|| Clients::$name(&self.0, &self.0.once))
                    }
                )?
            )*
        }
    };
}

services! {
    ec2 / ec2_once: aws_sdk_ec2, "EC2", "ec2", 50.0, 5.0;
    iam / iam_once: aws_sdk_iam, "IAM", "iam", 20.0, 10.0;
    // One endpoint for every service has no bucket names in its host.
    s3 / s3_once: aws_sdk_s3, "S3", "s3", 200.0, 100.0, |aws, config| config.force_path_style(aws.path_style);
    fsx / fsx_once: aws_sdk_fsx, "FSx", "fsx", 10.0, 5.0;
    elb / elb_once: aws_sdk_elasticloadbalancingv2, "Elastic Load Balancing v2", "elasticloadbalancing", 40.0, 10.0;
    sns / sns_once: aws_sdk_sns, "SNS", "sns", 30.0, 10.0;
    sts: aws_sdk_sts, "STS", "sts", 20.0, 10.0;
}

//! One client for every service that speaks JSON. A crate of the SDK costs half a minute to ten minutes of every build,
//! whatever is called of it, and dlinfra calls ten operations of a service where the SDK generates hundreds. What is hard
//! stays the SDK's: credentials, signatures, retries, timeouts, the clock. What is left is a table and the fields that a
//! kind states itself; the sandbox holds them against AWS's service models in every test.
pub mod rest;

use super::{Aws, Error, ErrorClass, answer, operation::Naming, service::Service};
use aws_runtime::{
    auth::{SigV4OperationSigningConfig, sigv4},
    retries::classifiers::AwsErrorCodeClassifier,
};
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
            static_resolver::StaticAuthSchemeOptionResolver,
        },
        identity::SharedIdentityResolver,
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::Layer,
    error::metadata::{ErrorMetadata, ProvideErrorMetadata},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_types::{
    SdkConfig, SigningName,
    region::{Region, SigningRegion},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, fmt, time::Duration};

/// One path for all operations: which one it is stands in `X-Amz-Target`, behind this prefix. The version: `1.0` or `1.1`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target(&'static str, &'static str);

/// A service that speaks JSON.
#[derive(Debug)]
pub(super) struct JsonService {
    /// As of any service.
    pub(super) service: Service,
    /// How it names its operations.
    target: Target,
    /// The first part of its host.
    host: &'static str,
}

/// `name: SDK name, prefix in policies, target, host, burst, refill per second`. The name in signatures is the last part
/// of the host.
macro_rules! json_services {
    ($($name:ident: $sdk:literal, $prefix:literal, $target:expr, $host:literal, $burst:literal, $refill:literal;)*) => {
        /// Each service under the name of its method.
        #[allow(non_upper_case_globals)]
        mod table {
            use super::{JsonService, Service, Target};
            $(pub(super) static $name: JsonService = JsonService {
                service: Service::json($sdk, $prefix, $burst, $refill),
                target: $target,
                host: $host,
            };)*
        }

        pub(super) static JSON_SERVICES: &[&JsonService] = &[$(&table::$name),*];

        impl Aws {
            $(
                #[doc = concat!("`", $prefix, "`.")]
                pub fn $name(&self) -> Json<'_> {
                    Json { aws: self, service: &table::$name, region: None, patience: None }
                }
            )*
        }
    };
}

json_services! {
    application_autoscaling: "Application Auto Scaling", "application-autoscaling",
        Target("AnyScaleFrontendService", "1.1"), "application-autoscaling", 10.0, 5.0;
    cloudwatch: "CloudWatch", "cloudwatch", Target("GraniteServiceVersion20100801", "1.0"), "monitoring", 9.0, 3.0;
    // It has one endpoint for all regions; its limits are low and unpublished, and each request costs money.
    cost_explorer: "Cost Explorer", "ce", Target("AWSInsightsIndexService", "1.1"), "ce", 5.0, 1.0;
    events: "EventBridge", "events", Target("AWSEvents", "1.1"), "events", 20.0, 5.0;
    // It knows its operations by path, as Scheduler does.
    lambda: "Lambda", "lambda", Target("", "1.1"), "lambda", 30.0, 10.0;
    logs: "CloudWatch Logs", "logs", Target("Logs_20140328", "1.1"), "logs", 20.0, 5.0;
    // It has three endpoints.
    pricing: "Pricing", "pricing", Target("AWSPriceListService", "1.1"), "api.pricing", 20.0, 10.0;
    // Its limits are unpublished.
    sagemaker: "SageMaker", "sagemaker", Target("SageMaker", "1.1"), "api.sagemaker", 10.0, 5.0;
    scheduler: "Scheduler", "scheduler", Target("", "1.1"), "scheduler", 50.0, 20.0;
    // Its limits are unpublished.
    service_quotas: "Service Quotas", "servicequotas", Target("ServiceQuotasV20190624", "1.1"), "servicequotas", 5.0, 2.0;
    // What is asked of endpoints, on another host.
    sagemaker_runtime: "SageMaker Runtime", "sagemaker", Target("", "1.1"), "runtime.sagemaker", 50.0, 50.0;
    sqs: "SQS", "sqs", Target("AmazonSQS", "1.0"), "sqs", 20.0, 10.0;
    ssm: "SSM", "ssm", Target("AmazonSSM", "1.1"), "ssm", 20.0, 10.0;
}

/// Calls of one service.
#[derive(Debug, Clone, Copy)]
pub struct Json<'a> {
    aws: &'a Aws,
    service: &'static JsonService,
    /// The region of the endpoint; that of the connection where nothing is said.
    region: Option<&'static str>,
    /// How long an answer may take; as everywhere where nothing is said.
    patience: Option<Duration>,
}

/// What AWS refused.
#[derive(Debug)]
struct Refused(ErrorMetadata);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl Refused {
    /// The code is in a header or in the body, behind the name of a shape or before a URL.
    fn of(response: &HttpResponse, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |keys: &[&str]| keys.iter().find_map(|k| body.get(*k)?.as_str()).map(str::to_owned);
        let code = response.headers().get("x-amzn-errortype").map(str::to_owned).or_else(|| text(&["__type", "code"]));
        let mut meta = ErrorMetadata::builder();
        if let Some(code) = &code {
            let code = code.split(':').next().unwrap_or(code);
            meta = meta.code(code.rsplit('#').next().unwrap_or(code));
        }
        if let Some(message) = text(&["message", "Message", "errorMessage"]) {
            meta = meta.message(message);
        }
        if let Some(id) = response.headers().get("x-amzn-requestid") {
            meta = meta.custom("aws_request_id", id);
        }
        Self(meta.build())
    }
}

fn read(response: &HttpResponse) -> Result<Value, OrchestratorError<Refused>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(Refused::of(response, body)));
    }
    // Calls without a result may answer nothing at all.
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|e| OrchestratorError::response(e.into()))
}

/// An answer that is not read.
#[derive(Debug, Clone)]
pub struct Plain {
    /// Headers, by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: Vec<u8>,
}

fn unread(response: &HttpResponse) -> Result<Plain, OrchestratorError<Refused>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(Refused::of(response, body)));
    }
    let headers = response.headers().iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Ok(Plain { headers: headers.collect(), body: body.to_vec() })
}

/// A request before it is signed.
#[derive(Debug)]
struct Draft {
    method: &'static str,
    path: String,
    target: Option<String>,
    content: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn write(draft: Draft) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(draft.body));
    request.set_method(draft.method)?;
    request.set_uri(draft.path)?;
    let headers = request.headers_mut();
    headers.try_insert("content-type", draft.content)?;
    headers.try_insert("user-agent", concat!("dlinfra/", env!("CARGO_PKG_VERSION")))?;
    if let Some(target) = draft.target {
        headers.try_insert("x-amz-target", target)?;
    }
    for (name, value) in draft.headers {
        headers.try_insert(name, value)?;
    }
    Ok(request)
}

impl Json<'_> {
    /// The same service in another region, for those that are not in each.
    #[must_use]
    pub fn at(self, region: &'static str) -> Self {
        Self { region: Some(region), ..self }
    }

    /// The same service, whose answer may take as long as a function runs.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patience: Some(Duration::from_mins(15)), ..self }
    }

    /// A call that may be repeated, with the SDK's retries.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn call<O: DeserializeOwned>(&self, action: &'static str, input: &impl Serialize) -> Result<O, Error> {
        self.send(&self.aws.0.config, action, self.draft(action, input)?).await
    }

    /// A call that makes something, whose retry the engine owns.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn once<O: DeserializeOwned>(&self, action: &'static str, input: &impl Serialize) -> Result<O, Error> {
        self.send(&self.aws.0.once, action, self.draft(action, input)?).await
    }

    /// A call of a service that knows its operations by their paths, sent once: request and answer are anything.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn post(
        &self,
        action: &'static str,
        path: String,
        content: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Plain, Error> {
        let draft = Draft { method: "POST", path, target: None, content: content.to_owned(), headers, body };
        self.perform(&self.aws.0.once, action, draft, unread).await
    }

    /// All items of a list, by pages: the name of the list and of the token.
    ///
    /// # Errors
    /// Whatever the service answers.
    pub async fn pages<O: DeserializeOwned>(
        &self,
        action: &'static str,
        input: Value,
        (list, token): (&str, &str),
    ) -> Result<Vec<O>, Error> {
        self.pages_of(action, input, (&[list], token)).await
    }

    /// The same where each page has several lists.
    ///
    /// # Errors
    /// As `call`.
    pub async fn pages_of<O: DeserializeOwned>(
        &self,
        action: &'static str,
        mut input: Value,
        (lists, token): (&[&str], &str),
    ) -> Result<Vec<O>, Error> {
        let mut out = Vec::new();
        loop {
            let mut page: Value = self.call(action, &input).await?;
            for list in lists {
                if let Some(Value::Array(items)) = page.get_mut(*list).map(Value::take) {
                    for item in items {
                        out.push(self.shape(action, item)?);
                    }
                }
            }
            match page.get(token).and_then(Value::as_str).filter(|next| !next.is_empty()) {
                Some(next) => input[token] = next.into(),
                None => return Ok(out),
            }
        }
    }

    fn draft(&self, action: &str, input: &impl Serialize) -> Result<Draft, Error> {
        let body = serde_json::to_vec(input).map_err(|e| Error::bug(e.to_string()))?;
        let Target(prefix, version) = self.service.target;
        let content = if version == "1.0" { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" };
        let (path, content) = ("/".to_owned(), content.to_owned());
        let target = Some(format!("{prefix}.{action}"));
        Ok(Draft { method: "POST", path, target, content, headers: Vec::new(), body })
    }

    fn shape<O: DeserializeOwned>(&self, action: &str, value: Value) -> Result<O, Error> {
        serde_json::from_value(value).map_err(|e| {
            // What was asked for may have happened all the same.
            let mut out = Error::new(ErrorClass::Ambiguous, format!("AWS's answer is not as expected: {e}"));
            out.operation = Some(self.name(action));
            out
        })
    }

    fn name(&self, action: &str) -> String {
        format!("{}:{action}", self.service.service.prefix)
    }

    async fn send<O: DeserializeOwned>(
        &self,
        config: &SdkConfig,
        action: &'static str,
        draft: Draft,
    ) -> Result<O, Error> {
        let answer = self.perform(config, action, draft, read).await?;
        self.shape(action, answer)
    }

    async fn perform<T: fmt::Debug + Send + Sync + 'static>(
        &self,
        config: &SdkConfig,
        action: &'static str,
        draft: Draft,
        read: fn(&HttpResponse) -> Result<T, OrchestratorError<Refused>>,
    ) -> Result<T, Error> {
        let (sdk, host) = (self.service.service.sdk, self.service.host);
        let nothing = |what: &str| Error::bug(format!("the SDK's configuration has no {what}"));
        let region = self.region.unwrap_or_else(|| self.aws.region());
        let keys = config.credentials_provider().ok_or_else(|| nothing("credentials"))?;
        let mut layer = Layer::new("json");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(Region::new(region.to_owned()))),
            name: Some(SigningName::from_static(host.rsplit('.').next().unwrap_or(host))),
            ..Default::default()
        });
        let mut parts = RuntimeComponentsBuilder::new("json");
        parts.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID]),
        )));
        parts.push_auth_scheme(SharedAuthScheme::new(sigv4::SigV4AuthScheme::new()));
        parts.set_identity_resolver(sigv4::SCHEME_ID, SharedIdentityResolver::new(keys));
        parts.set_identity_cache(config.identity_cache());
        let mut operation = Operation::builder()
            .service_name(sdk)
            .operation_name(action)
            .http_client(config.http_client().ok_or_else(|| nothing("network"))?)
            .endpoint_url(&self.endpoint(config))
            .standard_retry(config.retry_config().unwrap_or(&RetryConfig::disabled()))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refused>::new())
            .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
            .timeout_config(match self.patience {
                Some(patience) => {
                    TimeoutConfig::builder().connect_timeout(Duration::from_secs(10)).read_timeout(patience).build()
                }
                None => config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled),
            })
            .interceptor(Naming)
            .runtime_plugin(StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(parts));
        if let Some(version) = config.behavior_version() {
            operation = operation.behavior_version(version);
        }
        if let Some(sleep) = config.sleep_impl() {
            operation = operation.sleep_impl(sleep);
        }
        if let Some(time) = config.time_source() {
            operation = operation.time_source(time);
        }
        if let Some(stalls) = config.stalled_stream_protection() {
            operation = operation.stalled_stream_protection(stalls);
        }
        let operation = operation.serializer(write).deserializer(read).build();
        operation.invoke(draft).await.map_err(|e| answer::told(&e, &self.name(action)))
    }

    /// Where the service is: what a flag, the environment or a profile says, or AWS's own host in this region.
    fn endpoint(&self, config: &SdkConfig) -> String {
        let Service { sdk, .. } = self.service.service;
        // A flag holds for every service, and nothing is read for a sandbox.
        let own = || super::endpoint::of_service(sdk).filter(|_| !self.aws.0.simulated);
        let flag = config.get_origin("endpoint_url").is_client_config();
        let named = if flag { None } else { own() };
        if let Some(url) = named.or_else(|| config.endpoint_url().map(str::to_owned)) {
            return url;
        }
        let region = self.region.unwrap_or_else(|| self.aws.region());
        let (suffix, dual) = match region.split('-').next() {
            Some("cn") => ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
            _ => ("amazonaws.com", "api.aws"),
        };
        let fips = if config.use_fips() == Some(true) { "-fips" } else { "" };
        let suffix = if config.use_dual_stack() == Some(true) { dual } else { suffix };
        format!("https://{}{fips}.{region}.{suffix}", self.service.host)
    }
}

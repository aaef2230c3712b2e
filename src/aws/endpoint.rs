//! Endpoints that are not AWS's own: who names them, how they are shown, and what must not be sent there.
use super::{
    Aws,
    service::{Service, services},
};
use aws_credential_types::provider::ProvideCredentials;
use std::net::IpAddr;

/// An endpoint in place of AWS's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The service, if it is for one alone.
    pub service: Option<&'static str>,
    /// As it is used, with a name and a password if it has them: never shown.
    pub url: String,
}

impl Endpoint {
    /// For people: without name, password and query.
    pub fn shown(&self) -> String {
        let url = shown(&self.url);
        self.service.map_or(url.clone(), |service| format!("{service}: {url}"))
    }
}

/// What the environment says for one service: `AWS_ENDPOINT_URL_S3`.
pub(super) fn of_service(sdk: &str) -> Option<String> {
    let name = format!("AWS_ENDPOINT_URL_{}", sdk.to_ascii_uppercase().replace(' ', "_"));
    std::env::var(name).ok().filter(|url| !url.is_empty())
}

impl Aws {
    /// Every endpoint that stands for AWS here, whoever named it: a flag, the environment, a profile.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let config = &self.0.config;
        let all = config.endpoint_url().map(|url| Endpoint { service: None, url: url.to_owned() });
        let mut out: Vec<_> = all.into_iter().collect();
        // A flag holds for every service, and nothing is read for a sandbox.
        if !config.get_origin("endpoint_url").is_client_config() && !self.0.simulated {
            let own = |s: &Service| Some(Endpoint { service: Some(s.prefix), url: of_service(s.sdk)? });
            out.extend(services().filter_map(own));
        }
        out
    }

    /// The endpoint to which keys of AWS would go for everybody on the way to read along.
    pub async fn exposed(&self) -> Option<Endpoint> {
        let open = self.endpoints().into_iter().find(|e| in_the_open(&e.url))?;
        let keys = self.0.config.credentials_provider()?.provide_credentials().await.ok()?;
        is_of_aws(keys.access_key_id()).then_some(open)
    }
}

/// `http://user:pw@host:1/x?y` as `http://host:1/x`.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or("");
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let mark = if scheme.is_empty() { "" } else { "://" };
    [scheme, mark, host, path].concat().chars().filter(|c| !c.is_control()).collect()
}

/// Plain http to a host that is not this machine.
fn in_the_open(url: &str) -> bool {
    let clean = shown(url).to_ascii_lowercase();
    let Some(rest) = clean.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or("");
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or(six),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let local = host == "localhost" || host.ends_with(".localhost");
    !local && !host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Has this key the form of those that AWS gives out? Emulators take anything, and are given `test`.
fn is_of_aws(key: &str) -> bool {
    key.len() >= 16 && ["AKIA", "ASIA"].iter().any(|p| key.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::{in_the_open, is_of_aws, shown};

    #[test]
    fn no_password_is_shown() {
        for (url, expected) in [
            ("http://user:pw@localhost:4566/x?key=1", "http://localhost:4566/x"),
            ("https://a:b@c@host", "https://host"),
            ("user:pw@host:1", "host:1"),
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn only_this_machine_is_safe_without_encryption() {
        for url in ["http://10.0.0.1:4566", "http://localstack:4566", "HTTP://x@example.com", "http://[2001:db8::1]:80"]
        {
            assert!(in_the_open(url), "{url}");
        }
        for url in [
            "http://localhost:4566",
            "http://127.0.0.1",
            "http://[::1]:4566",
            "https://example.com",
            "http://u:p@127.1.2.3/",
        ] {
            assert!(!in_the_open(url), "{url}");
        }
        assert!(is_of_aws("AKIAIOSFODNN7EXAMPLE") && is_of_aws("ASIAIOSFODNN7EXAMPLE"));
        assert!(!is_of_aws("test") && !is_of_aws("AKIA"));
    }
}

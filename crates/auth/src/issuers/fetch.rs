use std::{fs, net::IpAddr};

use godwit_config::Issuer;
use reqwest::{Certificate, Client, ClientBuilder, redirect::Policy};
use url::{Host, Url};

use crate::error::{Error, Result};

/// Gets small documents from an issuer.
pub(super) struct Fetcher {
    outside: Client,
    /// For this machine alone: neither TLS nor a proxy is asked for.
    loopback: Client,
    limit: usize,
}

impl Fetcher {
    /// # Errors
    /// [`Error::Issuer`] when the certificates that are to be trusted cannot be read.
    pub(super) fn new(name: &str, issuer: &Issuer) -> Result<Self> {
        let mut outside = client(issuer).https_only(true);
        if let Some(path) = &issuer.ca_file {
            let wrong = |why: String| {
                let why = format!("{}: {why}", path.display());
                Error::issuer(format!("auth.issuers.{name}.ca_file"), why)
            };
            let pem = fs::read(path).map_err(|why| wrong(why.to_string()))?;
            let trusted = Certificate::from_pem_bundle(&pem).map_err(|why| wrong(chain(&why)))?;
            if trusted.is_empty() {
                return Err(wrong("holds no certificate in PEM form".to_owned()));
            }
            for certificate in trusted {
                outside = outside.add_root_certificate(certificate);
            }
        }
        let loopback = client(issuer).no_proxy().tls_built_in_root_certs(false);
        let build = |builder: ClientBuilder| {
            let why = |why| Error::issuer(format!("auth.issuers.{name}"), chain(&why));
            builder.build().map_err(why)
        };
        Ok(Self {
            outside: build(outside)?,
            loopback: build(loopback)?,
            limit: usize::try_from(issuer.max_fetch_bytes).unwrap_or(usize::MAX),
        })
    }

    /// The document at a URL.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) async fn get(&self, url: &Url) -> std::result::Result<Vec<u8>, String> {
        let client = match is_loopback(url) {
            true if url.scheme() == "http" => &self.loopback,
            _ => &self.outside,
        };
        let failed = |why: reqwest::Error| format!("{url}: {}", chain(&why.without_url()));
        let request = client.get(url.clone()).header("accept", "application/json");
        let mut response = request.send().await.map_err(failed)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("{url}: answered {}", response.status()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if document.len() + chunk.len() > self.limit {
                return Err(format!(
                    "{url}: larger than max_fetch_bytes, {}",
                    self.limit
                ));
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}

/// A URL that keys may be fetched from: over https, or from this machine.
pub(super) fn allowed(text: &str) -> std::result::Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("{text:?} is no URL: {why}"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(format!(
            "{url}: is neither https nor http with a loopback address"
        )),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
        None => false,
    }
}

fn client(issuer: &Issuer) -> ClientBuilder {
    Client::builder()
        .user_agent("godwit")
        .redirect(Policy::none())
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(0)
        .timeout(issuer.fetch_timeout)
        .connect_timeout(issuer.fetch_timeout)
}

/// An error with its causes; by itself it only says that a request has failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

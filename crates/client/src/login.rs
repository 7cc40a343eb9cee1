use std::time::Duration;

use arrow_flight::HandshakeRequest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tonic::Status;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::target::Credentials;

#[cfg(test)]
mod tests;

/// How credentials are sent.
#[derive(Debug, Clone)]
pub enum Login {
    /// Not.
    Anonymous,
    /// On every call.
    EachCall(MetadataValue<Ascii>),
    /// In a handshake, which gives the token for all later calls.
    Handshake(MetadataValue<Ascii>),
}

impl Login {
    /// A token goes on every call; a name and a password into a handshake.
    ///
    /// # Errors
    /// [`Error::Usage`] when no header can hold them.
    pub fn new(credentials: &Credentials) -> Result<Self> {
        Ok(match credentials {
            Credentials::None => Self::Anonymous,
            Credentials::Token(token) => Self::EachCall(header(&format!("Bearer {token}"))?),
            Credentials::Password { user, password } => Self::Handshake(basic(user, password)?),
        })
    }

    /// The same for a server that was tried: where no handshake gives a token within `limit`, the password goes on every
    /// call.
    pub async fn settled(self, channel: &Channel, limit: Duration) -> Self {
        let Self::Handshake(basic) = &self else {
            return self;
        };
        let client = Client::new(channel.clone(), Some(basic.clone()));
        let request = client.handshake(vec![HandshakeRequest::default()]);
        match tokio::time::timeout(limit, request).await {
            Ok(Ok((Some(_), _))) => self,
            _ => Self::EachCall(basic.clone()),
        }
    }

    /// A client that has logged in.
    ///
    /// # Errors
    /// What the server says to the handshake.
    pub async fn client(&self, channel: Channel) -> Result<Client, Status> {
        let header = match self {
            Self::Anonymous => None,
            Self::EachCall(header) => Some(header.clone()),
            Self::Handshake(basic) => {
                let client = Client::new(channel.clone(), Some(basic.clone()));
                let (token, _) = client.handshake(vec![HandshakeRequest::default()]).await?;
                Some(token.unwrap_or_else(|| basic.clone()))
            }
        };
        Ok(Client::new(channel, header))
    }

    /// In words.
    #[must_use]
    pub fn name(&self, credentials: &Credentials) -> &'static str {
        match (self, credentials) {
            (Self::Anonymous, _) => "no credentials",
            (Self::Handshake(_), _) => "Basic handshake",
            (Self::EachCall(_), Credentials::Token(_)) => "Bearer on each call",
            (Self::EachCall(_), _) => "Basic on each call",
        }
    }
}

/// Credentials as RFC 7617 has them.
///
/// # Errors
/// [`Error::Usage`] when no header can hold them.
pub fn basic(user: &str, password: &str) -> Result<MetadataValue<Ascii>> {
    header(&format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    ))
}

fn header(text: &str) -> Result<MetadataValue<Ascii>> {
    let mut value: MetadataValue<Ascii> = text
        .parse()
        .map_err(|_| Error::Usage("the token holds characters that no header can".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

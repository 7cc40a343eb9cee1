use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::ProstMessageExt;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, PollInfo, PutResult, SchemaResult, Ticket,
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use prost::Message;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{IntoStreamingRequest, Request, Response, Status, Streaming};

#[cfg(test)]
mod tests;

/// Largest message that is taken, in bytes: more than a server should send, so that what it sends can be measured.
const MAX_MESSAGE: usize = 256 << 20;

/// One connection and what it sends along: the credentials, or the token that has taken their place, and the cookies that
/// the server has set.
#[derive(Debug, Clone)]
pub struct Client {
    service: FlightServiceClient<Channel>,
    authorization: Arc<Mutex<Option<MetadataValue<Ascii>>>>,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Client {
    /// Calls over this connection, with this `authorization` header on each.
    #[must_use]
    pub fn new(channel: Channel, authorization: Option<MetadataValue<Ascii>>) -> Self {
        Self {
            service: FlightServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE),
            authorization: Arc::new(Mutex::new(authorization)),
            cookies: Arc::default(),
        }
    }

    /// Handshakes with these messages; the token of the answer's initial headers, and how many messages came back.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn handshake(
        &self,
        messages: Vec<HandshakeRequest>,
    ) -> Result<(Option<MetadataValue<Ascii>>, usize), Status> {
        let request = self.request(stream::iter(messages));
        let answer = self.service.clone().handshake(request).await?;
        self.keep_cookies(answer.metadata());
        let token = answer.metadata().get("authorization").cloned();
        let messages: Vec<_> = answer.into_inner().try_collect().await?;
        Ok((token, messages.len()))
    }

    /// ListFlights, to its end.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn list_flights(&self, expression: &str) -> Result<Vec<FlightInfo>, Status> {
        let expression = Bytes::copy_from_slice(expression.as_bytes());
        let request = self.request(Criteria { expression });
        let answer = self.service.clone().list_flights(request).await?;
        self.kept(answer).into_inner().try_collect().await
    }

    /// GetFlightInfo.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn info(&self, descriptor: FlightDescriptor) -> Result<FlightInfo, Status> {
        let request = self.request(descriptor);
        let answer = self.service.clone().get_flight_info(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    /// PollFlightInfo.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn poll(&self, descriptor: FlightDescriptor) -> Result<PollInfo, Status> {
        let request = self.request(descriptor);
        let answer = self.service.clone().poll_flight_info(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    /// GetSchema.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn schema(&self, descriptor: FlightDescriptor) -> Result<SchemaResult, Status> {
        let request = self.request(descriptor);
        let answer = self.service.clone().get_schema(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    /// Begins a DoGet.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn stream(&self, ticket: Ticket) -> Result<Streaming<FlightData>, Status> {
        let request = self.request(ticket);
        let answer = self.service.clone().do_get(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    /// Begins a DoPut; the answers can be read while messages are still being sent.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn put(
        &self,
        messages: impl Stream<Item = FlightData> + Send + 'static,
    ) -> Result<Streaming<PutResult>, Status> {
        let request = self.request(messages).into_streaming_request();
        let answer = self.service.clone().do_put(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    /// Begins a DoExchange.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn exchange(
        &self,
        messages: impl Stream<Item = FlightData> + Send + 'static,
    ) -> Result<Streaming<FlightData>, Status> {
        let request = self.request(messages).into_streaming_request();
        let answer = self.service.clone().do_exchange(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    /// ListActions.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn list_actions(&self) -> Result<Vec<ActionType>, Status> {
        let request = self.request(Empty {});
        let answer = self.service.clone().list_actions(request).await?;
        self.kept(answer).into_inner().try_collect().await
    }

    /// The bodies of an action's answers.
    ///
    /// # Errors
    /// The status of the server, or of the connection.
    pub async fn action(&self, name: &str, body: Bytes) -> Result<Vec<Bytes>, Status> {
        let request = self.request(Action {
            r#type: name.to_owned(),
            body,
        });
        let answer = self.service.clone().do_action(request).await?;
        let stream = self.kept(answer).into_inner();
        stream.map_ok(|result| result.body).try_collect().await
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let authorization = self.authorization.lock();
        if let Some(value) = &*authorization.unwrap_or_else(PoisonError::into_inner) {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<String> = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if let (false, Ok(value)) = (pairs.is_empty(), pairs.join("; ").parse()) {
            request.metadata_mut().insert("cookie", value);
        }
        request
    }

    /// Remembers the cookies of an answer, and the token that takes the place of one that is about to expire.
    fn kept<T>(&self, answer: Response<T>) -> Response<T> {
        let metadata = answer.metadata();
        self.keep_cookies(metadata);
        if let Some(renewed) = metadata
            .get("authorization")
            .filter(|value| is_bearer(value))
        {
            let mut renewed = renewed.clone();
            renewed.set_sensitive(true);
            let authorization = self.authorization.lock();
            *authorization.unwrap_or_else(PoisonError::into_inner) = Some(renewed);
        }
        answer
    }

    fn keep_cookies(&self, metadata: &MetadataMap) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.extend(cookies_of(metadata));
    }
}

fn is_bearer(value: &MetadataValue<Ascii>) -> bool {
    let scheme = value.as_bytes().get(..7);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

/// The descriptor of a Flight SQL command.
#[must_use]
pub fn command(message: &impl ProstMessageExt) -> FlightDescriptor {
    FlightDescriptor::new_cmd(packed(message))
}

/// A Flight SQL message as the body of an action.
#[must_use]
pub fn packed(message: &impl ProstMessageExt) -> Bytes {
    message.as_any().encode_to_vec().into()
}

fn cookies_of(metadata: &MetadataMap) -> Vec<(String, String)> {
    let values = metadata.get_all("set-cookie").into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let pairs = texts.filter_map(|text| text.split(';').next()?.split_once('='));
    pairs
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

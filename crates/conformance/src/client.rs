use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{Any, ProstMessageExt};
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

use crate::finding::{Finding, Outcome};
use crate::rows::Rows;

#[cfg(test)]
mod tests;

/// Largest message that is taken, in bytes: more than a server should send, so that what it sends can be measured.
const MAX_MESSAGE: usize = 256 << 20;

/// One connection and what it sends along: the credentials, and the cookies that the server has set.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    service: FlightServiceClient<Channel>,
    pub(crate) authorization: Option<MetadataValue<Ascii>>,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Client {
    pub(crate) fn new(channel: Channel, authorization: Option<MetadataValue<Ascii>>) -> Self {
        Self {
            service: FlightServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE),
            authorization,
            cookies: Arc::default(),
        }
    }

    /// Handshakes with these messages; the token of the answer's initial headers, and how many messages came back.
    pub(crate) async fn handshake(
        &self,
        messages: Vec<HandshakeRequest>,
    ) -> Result<(Option<MetadataValue<Ascii>>, usize), Status> {
        let request = self.request(stream::iter(messages));
        let answer = self.kept(self.service.clone().handshake(request).await?);
        let token = answer.metadata().get("authorization").cloned();
        let messages: Vec<_> = answer.into_inner().try_collect().await?;
        Ok((token, messages.len()))
    }

    pub(crate) async fn list_flights(&self, expression: &str) -> Result<Vec<FlightInfo>, Status> {
        let expression = Bytes::copy_from_slice(expression.as_bytes());
        let request = self.request(Criteria { expression });
        let answer = self.service.clone().list_flights(request).await?;
        self.kept(answer).into_inner().try_collect().await
    }

    pub(crate) async fn info(&self, descriptor: FlightDescriptor) -> Result<FlightInfo, Status> {
        let request = self.request(descriptor);
        let answer = self.service.clone().get_flight_info(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    pub(crate) async fn poll(&self, descriptor: FlightDescriptor) -> Result<PollInfo, Status> {
        let request = self.request(descriptor);
        let answer = self.service.clone().poll_flight_info(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    pub(crate) async fn schema(
        &self,
        descriptor: FlightDescriptor,
    ) -> Result<SchemaResult, Status> {
        let request = self.request(descriptor);
        let answer = self.service.clone().get_schema(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    pub(crate) async fn stream(&self, ticket: Ticket) -> Result<Streaming<FlightData>, Status> {
        let request = self.request(ticket);
        let answer = self.service.clone().do_get(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    pub(crate) async fn get(&self, ticket: Ticket) -> Outcome<Rows> {
        Rows::read(self.stream(ticket).await?).await
    }

    /// Begins a DoPut; the answers can be read while messages are still being sent.
    pub(crate) async fn put(
        &self,
        messages: impl Stream<Item = FlightData> + Send + 'static,
    ) -> Result<Streaming<PutResult>, Status> {
        let request = self.request(messages).into_streaming_request();
        let answer = self.service.clone().do_put(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    pub(crate) async fn exchange(
        &self,
        messages: impl Stream<Item = FlightData> + Send + 'static,
    ) -> Result<Streaming<FlightData>, Status> {
        let request = self.request(messages).into_streaming_request();
        let answer = self.service.clone().do_exchange(request).await?;
        Ok(self.kept(answer).into_inner())
    }

    pub(crate) async fn list_actions(&self) -> Result<Vec<ActionType>, Status> {
        let request = self.request(Empty {});
        let answer = self.service.clone().list_actions(request).await?;
        self.kept(answer).into_inner().try_collect().await
    }

    /// The bodies of an action's answers.
    pub(crate) async fn action(&self, name: &str, body: Bytes) -> Result<Vec<Bytes>, Status> {
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
        if let Some(value) = &self.authorization {
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

    /// Remembers the cookies of an answer.
    fn kept<T>(&self, answer: Response<T>) -> Response<T> {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.extend(cookies_of(answer.metadata()));
        answer
    }
}

/// The descriptor of a Flight SQL command.
pub(crate) fn command(message: &impl ProstMessageExt) -> FlightDescriptor {
    FlightDescriptor::new_cmd(packed(message))
}

/// A Flight SQL message as the body of an action.
pub(crate) fn packed(message: &impl ProstMessageExt) -> Bytes {
    message.as_any().encode_to_vec().into()
}

/// Reads the only answer of an action, packed in an `Any` of the right type.
pub(crate) fn unpacked<M: ProstMessageExt>(answers: &[Bytes]) -> Outcome<M> {
    let any = Any::decode(only(answers)?.clone())?;
    if any.type_url != M::type_url() {
        return Err(Finding::broken(format_args!(
            "the answer is a {:?}",
            any.type_url
        )));
    }
    Ok(M::decode(any.value)?)
}

/// The only answer of an action.
pub(crate) fn only(answers: &[Bytes]) -> Outcome<&Bytes> {
    match answers {
        [answer] => Ok(answer),
        [] => Err(Finding::broken("no answer, but the end of the stream")),
        many => Err(Finding::broken(format_args!(
            "{} answers instead of one",
            many.len()
        ))),
    }
}

fn cookies_of(metadata: &MetadataMap) -> Vec<(String, String)> {
    let values = metadata.get_all("set-cookie").into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let pairs = texts.filter_map(|text| text.split(';').next()?.split_once('='));
    pairs
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

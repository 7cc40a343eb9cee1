//! The way from a query to its reader.

use tokio::sync::{mpsc, oneshot};

use super::Gone;
use crate::query::{Message, WAITING_BATCHES};
use crate::{Error, Result};

/// Sends what a query gives. What comes soon goes along with the word that the query is planned, so that a small result wakes
/// its reader once.
pub(crate) struct Outlet {
    planned: Option<oneshot::Sender<Result<Vec<Message>>>>,
    held: Vec<Message>,
    /// How many messages may go along.
    most: usize,
    messages: mpsc::Sender<Message>,
}

impl Outlet {
    pub(crate) fn new(
        planned: oneshot::Sender<Result<Vec<Message>>>,
        messages: mpsc::Sender<Message>,
    ) -> Self {
        Self {
            planned: Some(planned),
            held: Vec::new(),
            most: WAITING_BATCHES,
            messages,
        }
    }

    /// The same for a query of few messages, whose reader waits for all of them.
    pub(crate) fn whole(self) -> Self {
        Self {
            most: usize::MAX,
            ..self
        }
    }

    /// Whether nothing has been told yet.
    pub(super) fn is_silent(&self) -> bool {
        self.planned.is_some()
    }

    /// Tells that the query is planned, with what there is. Whoever waited may have gone, which shows soon enough.
    pub(super) fn announce(&mut self) {
        if let Some(planned) = self.planned.take() {
            let _ = planned.send(Ok(std::mem::take(&mut self.held)));
        }
    }

    pub(super) async fn send(&mut self, message: Message) -> Option<Gone> {
        if self.planned.is_none() {
            return self.messages.send(message).await.is_err().then_some(Gone);
        }
        self.held.push(message);
        if self.held.len() >= self.most {
            self.announce();
        }
        None
    }

    /// Sends the last message.
    pub(super) async fn end(&mut self, message: Message) {
        // A reader that is gone does not miss the end.
        let _ = self.send(message).await;
        self.announce();
    }

    /// Tells that the query could not be planned.
    pub(super) fn refuse(&mut self, error: Error) {
        if let Some(planned) = self.planned.take() {
            let _ = planned.send(Err(error));
        }
    }
}

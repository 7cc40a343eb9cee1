//! What `/metrics` says: the numbers that every room counts for itself, under the names of one catalogue.
//!
//! Numbers are pulled when somebody asks, so that no room knows who reads them, and counting costs an addition.

mod catalogue;
mod gather;
mod page;
mod process;
#[cfg(test)]
mod tests;

use godwit_flight::Flight;

use page::Page;
use process::Process;
pub(crate) use process::resident_memory;

/// The type of the page: OpenMetrics, which Prometheus reads as it reads its own older form.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Makes the page.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    flight: Flight,
}

impl Metrics {
    pub(crate) fn new(flight: Flight) -> Self {
        Self { flight }
    }

    /// The page as it is now.
    pub(crate) async fn page(&self) -> String {
        let mut page = Page::new();
        gather::standing(&mut page, self.flight.readiness().glance().await);
        gather::flight(&mut page, &self.flight.figures());
        gather::engine(&mut page, &self.flight.engine().figures());
        gather::process(&mut page, &Process::read());
        gather::build(&mut page);
        page.text()
    }
}

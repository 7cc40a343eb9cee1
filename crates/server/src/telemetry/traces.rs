//! Spans on their way to a collector.

use std::fs;
use std::time::Duration;

use godwit_config::Telemetry;
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use tokio::runtime::{Builder, Runtime};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::error::{Error, Result};

/// What the spans that are sent are called by those who make them. Everything else stays here, log lines too.
pub(crate) const TARGET: &str = "godwit_trace";
/// How long one batch may take.
const SEND: Duration = Duration::from_secs(10);
/// How long spans wait for others to be sent with.
const GATHER: Duration = Duration::from_secs(1);
/// How long the last spans may take when the server ends.
const FLUSH: Duration = Duration::from_secs(2);

/// Sends spans; with the value it ends, after the last of them.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    runtime: Option<Runtime>,
}

impl Traces {
    /// Starts sending; `None` where no collector is configured.
    ///
    /// # Errors
    /// [`Error::Usage`] when the collector's address or certificates cannot be used.
    pub(super) fn start(config: &Telemetry) -> Result<Option<(Self, SdkTracer)>> {
        let Some(endpoint) = &config.otlp_endpoint else {
            return Ok(None);
        };
        let wrong = |what: &str, why: &dyn std::fmt::Display| {
            Error::Usage(format!("telemetry.{what}: {why}"))
        };
        // Of its own, since a connection is driven by the runtime that it was made on, and the end of the server is sent too.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("godwit-otlp")
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        let entered = runtime.enter();
        let mut exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(SEND);
        if let Some(path) = &config.otlp_ca_file {
            let pem = fs::read(path).map_err(|why| wrong("otlp_ca_file", &why))?;
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
            exporter = exporter.with_tls_config(tls);
        }
        let exporter = exporter.build();
        let exporter = exporter.map_err(|why| wrong("otlp_endpoint", &why))?;
        let batches = BatchConfigBuilder::default()
            .with_scheduled_delay(GATHER)
            .with_max_queue_size(config.max_queued_spans)
            .build();
        let processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(batches)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            // Calls that are not to be traced have no spans at all.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource(&config.service_name))
            .build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        let tracer = provider.tracer("godwit");
        drop(entered);
        let traces = Self {
            provider,
            runtime: Some(runtime),
        };
        Ok(Some((traces, tracer)))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(why) = self.provider.shutdown_with_timeout(FLUSH) {
            tracing::debug!(%why, "the last spans are not sent");
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What sends the spans of traced calls, and nothing that is meant for the log.
pub(super) fn layer<S>(tracer: SdkTracer) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let traced = filter_fn(|span| span.target() == TARGET).with_max_level_hint(LevelFilter::INFO);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_context_activation(false)
        .with_filter(traced)
}

fn resource(service_name: &str) -> Resource {
    Resource::builder_empty()
        .with_service_name(service_name.to_owned())
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build()
}

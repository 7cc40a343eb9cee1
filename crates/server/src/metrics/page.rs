//! Samples to the text of OpenMetrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit as TextUnit};

use super::catalogue::{ALL, Kind, Metric, Unit};

/// A page with every metric of the catalogue, in its order.
#[derive(Debug)]
pub(super) struct Page {
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    metric: &'static Metric,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

/// The value of a sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A whole number.
    Whole(u64),
    /// Any number.
    Real(f64),
    /// How many observations there were of each class, the classes' upper bounds, and the sum over all.
    Classes {
        bounds: &'static [f64],
        counts: Vec<u64>,
        /// Observations of all classes, and of none.
        count: u64,
        sum: f64,
    },
    /// Says something by its labels.
    Words,
}

impl Page {
    pub(super) fn new() -> Self {
        let families = ALL.iter().map(|metric| Family {
            metric,
            samples: Vec::new(),
        });
        Self {
            families: families.collect(),
        }
    }

    /// Adds a sample; the values of the labels are in the order of the catalogue.
    pub(super) fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let of_metric = |family: &&mut Family| std::ptr::eq(family.metric, metric);
        if let Some(family) = self.families.iter_mut().find(of_metric) {
            let values = labels.iter().map(|value| (*value).to_owned());
            family.samples.push(Sample {
                labels: metric.labels.iter().copied().zip(values).collect(),
                value,
            });
        }
    }

    /// Adds a whole number without labels.
    pub(super) fn whole(&mut self, metric: &'static Metric, value: u64) {
        self.add(metric, &[], Value::Whole(value));
    }

    pub(super) fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &registry) {
            tracing::error!(%error, "the page of metrics is cut off");
        }
        text
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { metric, samples } in &self.families {
            let unit = metric.unit.map(text_unit);
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
                Kind::Info => MetricType::Info,
            };
            let mut family =
                encoder.encode_descriptor(metric.name, metric.help, unit.as_ref(), kind)?;
            for sample in samples {
                let labels = sample.labels.as_slice();
                if metric.kind == Kind::Info {
                    family.encode_info(&labels)?;
                } else if labels.is_empty() {
                    write(&mut family, metric.kind, &sample.value)?;
                } else {
                    write(
                        &mut family.encode_family(&labels)?,
                        metric.kind,
                        &sample.value,
                    )?;
                }
            }
        }
        Ok(())
    }
}

fn write(encoder: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> fmt::Result {
    match (value, kind) {
        (Value::Whole(value), Kind::Counter) => {
            encoder.encode_counter::<NoLabelSet, _, f64>(value, None)
        }
        (Value::Real(value), Kind::Counter) => {
            encoder.encode_counter::<NoLabelSet, _, f64>(value, None)
        }
        (Value::Whole(value), _) => encoder.encode_gauge(value),
        (Value::Real(value), _) => encoder.encode_gauge(value),
        (
            Value::Classes {
                bounds,
                counts,
                count,
                sum,
            },
            _,
        ) => {
            let inside: u64 = counts.iter().sum();
            let beyond = (f64::INFINITY, count.saturating_sub(inside));
            let classes = bounds.iter().copied().zip(counts.iter().copied());
            let classes: Vec<_> = classes.chain([beyond]).collect();
            let all = inside.max(*count);
            encoder.encode_histogram::<NoLabelSet>(*sum, all, &classes, None)
        }
        (Value::Words, _) => Ok(()),
    }
}

fn text_unit(unit: Unit) -> TextUnit {
    match unit {
        Unit::Seconds => TextUnit::Seconds,
        Unit::Bytes => TextUnit::Bytes,
    }
}

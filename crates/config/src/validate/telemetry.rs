use super::{Report, unreadable};
use crate::{Config, web};

/// The rules about traces.
pub(super) fn rules(config: &Config, report: &mut Report) {
    let telemetry = &config.telemetry;
    let endpoint = telemetry.otlp_endpoint.as_deref();
    report.rule(
        "telemetry.otlp_endpoint",
        &[],
        endpoint.is_some_and(|endpoint| !web::is_origin(endpoint)),
        "must be http or https, a host in lower case and perhaps a port, such as \"http://127.0.0.1:4317\", nothing behind it",
    );
    let encrypted = endpoint.is_some_and(|endpoint| endpoint.starts_with("https://"));
    report.rule(
        "telemetry.otlp_ca_file",
        &["telemetry.otlp_endpoint"],
        encrypted && telemetry.otlp_ca_file.is_none(),
        "missing; an otlp_endpoint with https needs it",
    );
    // Whoever names certificates means to encrypt.
    report.rule(
        "telemetry.otlp_ca_file",
        &["telemetry.otlp_endpoint"],
        !encrypted && telemetry.otlp_ca_file.is_some(),
        "is only read when telemetry.otlp_endpoint is an address with https",
    );
    let unreadable = telemetry.otlp_ca_file.as_deref().and_then(unreadable);
    report.rule(
        "telemetry.otlp_ca_file",
        &["telemetry.otlp_endpoint"],
        encrypted && unreadable.is_some(),
        unreadable.unwrap_or_default(),
    );
}

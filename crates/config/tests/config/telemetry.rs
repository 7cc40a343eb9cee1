use super::support::Layers;

#[test]
fn a_collector_of_traces() {
    let http = Layers::default()
        .file("[telemetry]\notlp_endpoint = \"http://127.0.0.1:4317\"")
        .config();
    assert_eq!(
        http.telemetry.otlp_endpoint.as_deref(),
        Some("http://127.0.0.1:4317")
    );
    let place = "otlp_endpoint = \"https://collector:4317\"";
    Layers::default()
        .file(&format!(
            "[telemetry]\n{place}\notlp_ca_file = \"Cargo.toml\""
        ))
        .config();
    for (file, wrong) in [
        (
            "otlp_endpoint = \"collector:4317\"",
            "must be http or https",
        ),
        (
            "otlp_endpoint = \"http://c/v1/traces\"",
            "must be http or https",
        ),
        (place, "an otlp_endpoint with https needs it"),
        (
            "otlp_endpoint = \"http://c\"\notlp_ca_file = \"Cargo.toml\"",
            "is only read when",
        ),
        (
            "otlp_endpoint = \"https://c\"\notlp_ca_file = \"no/such.pem\"",
            "must be a file that can be read",
        ),
        ("sample_one_in = 0", "telemetry.sample_one_in"),
        ("max_queued_spans = 0", "telemetry.max_queued_spans"),
    ] {
        let problem = Layers::default()
            .file(&format!("[telemetry]\n{file}"))
            .problems();
        assert_eq!(problem.len(), 1, "{problem:#?}");
        let problem = problem.concat();
        assert!(problem.contains(wrong), "{file}: {problem}");
    }
}

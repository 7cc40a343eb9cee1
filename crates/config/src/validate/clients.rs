use super::{Report, USER_NAME, unreadable};
use crate::{ClientAuth, Config, TlsMode, users};

/// The rules about certificates of clients.
pub(super) fn rules(config: &Config, report: &mut Report) {
    let tls = &config.tls;
    let asked = tls.client_auth != ClientAuth::Off;
    report.rule(
        "tls.client_auth",
        &["tls.mode"],
        asked && tls.mode == TlsMode::Off,
        r#"must be "off" while tls.mode is "off""#,
    );
    report.rule(
        "tls.client_ca",
        &["tls.client_auth"],
        asked && tls.client_ca.is_none(),
        "missing; tls.client_auth needs it",
    );
    // A forgotten word must not let everyone in.
    let forgotten = !asked && report.is_default("tls.client_auth");
    let given = tls.client_ca.is_some() || !tls.client_map.is_empty();
    report.rule(
        "tls.client_auth",
        &["tls.client_ca", "tls.client_map"],
        forgotten && given,
        r#"must be "optional" or "required" for tls.client_ca and tls.client_map to be read, or written out as "off""#,
    );
    let unreadable = tls.client_ca.as_deref().and_then(unreadable);
    report.rule(
        "tls.client_ca",
        &["tls.client_auth"],
        asked && unreadable.is_some(),
        unreadable.unwrap_or_default(),
    );
    report.rule(
        "tls.client_map",
        &[],
        !tls.client_map
            .values()
            .all(|user| users::is_user_name(user)),
        format!("must lead to names of users, {USER_NAME}"),
    );
}

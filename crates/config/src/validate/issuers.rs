use super::{Report, unreadable};
use crate::issuers::{ALGORITHMS, OURS, is_name, is_url};
use crate::{AuthMode, Config, Issuer};

const URL: &str = "must be a URL that begins with https://, or with http:// and a loopback address";

/// The rules of the section `auth.issuers`.
pub(super) fn rules(config: &Config, report: &mut Report) {
    for (name, issuer) in &config.auth.issuers {
        let entry = ["auth", "issuers", name].map(str::to_owned);
        let rule = |report: &mut Report, key: &str, broken: bool, allowed: &str| {
            let path = [entry.as_slice(), &[key.to_owned()]].concat();
            report.rule_at(&path, &[], broken, allowed);
        };
        report.rule_at(
            &entry,
            &[],
            !is_name(name),
            "the name must be 1 to 32 ASCII letters, digits, _ and -",
        );
        report.rule_at(
            &entry,
            &["auth.mode"],
            config.auth.mode == AuthMode::Off,
            r#"is only read when auth.mode is "password""#,
        );
        claims(config, (name, issuer), report, &rule);
        keys(issuer, report, &rule);
    }
}

fn claims(
    config: &Config,
    (name, issuer): (&String, &Issuer),
    report: &mut Report,
    rule: &impl Fn(&mut Report, &str, bool, &str),
) {
    rule(
        report,
        "issuer",
        issuer.issuer == OURS,
        "must not be \"godwit\", which is the issuer of the server's own tokens",
    );
    let mut others = config.auth.issuers.iter();
    let twin = others.find(|(other, it)| *other < name && it.issuer == issuer.issuer);
    let other = twin.map(|(other, _)| other.as_str()).unwrap_or_default();
    rule(
        report,
        "issuer",
        twin.is_some(),
        &format!(
            "must not be that of auth.issuers.{other} too; one entry can have several audiences"
        ),
    );
    rule(
        report,
        "audience",
        issuer.audience.is_empty(),
        "must be at least one text; without it tokens for other services would do",
    );
    rule(
        report,
        "user_prefix",
        issuer.user_prefix.as_deref().is_some_and(|prefix| {
            prefix.len() > 64 || prefix.contains(char::is_control) || prefix.trim_start() != prefix
        }),
        "must be at most 64 bytes without control characters and a blank in front",
    );
    rule(
        report,
        "role_map",
        issuer.roles_claim.is_none() && !issuer.role_map.is_empty(),
        "is only read together with roles_claim",
    );
    let map = ["auth", "issuers", name, "role_map"].map(str::to_owned);
    let bad_map = report.settings.is_bad(&map);
    rule(
        report,
        "roles_claim",
        issuer.roles_claim.is_some() && issuer.role_map.is_empty() && !bad_map,
        "is only read together with role_map, without which no value means a role",
    );
}

fn keys(issuer: &Issuer, report: &mut Report, rule: &impl Fn(&mut Report, &str, bool, &str)) {
    let unknown = issuer
        .algorithms
        .iter()
        .any(|name| !ALGORITHMS.contains(&name.as_str()));
    rule(
        report,
        "algorithms",
        unknown || issuer.algorithms.is_empty(),
        &format!("must be one or more of {}", ALGORITHMS.join(", ")),
    );
    let discovered = issuer.jwks_url.is_none() && issuer.key_file.is_none();
    rule(
        report,
        "issuer",
        discovered && !is_url(&issuer.issuer),
        &format!("{URL}, unless jwks_url or key_file says where its keys are"),
    );
    rule(
        report,
        "jwks_url",
        issuer.jwks_url.as_deref().is_some_and(|url| !is_url(url)),
        URL,
    );
    rule(
        report,
        "key_file",
        issuer.key_file.is_some() && issuer.jwks_url.is_some(),
        "must not be set together with jwks_url",
    );
    for (key, file) in [("key_file", &issuer.key_file), ("ca_file", &issuer.ca_file)] {
        let unreadable = file.as_deref().and_then(unreadable);
        rule(
            report,
            key,
            unreadable.is_some(),
            &unreadable.unwrap_or_default(),
        );
    }
    rule(
        report,
        "ca_file",
        issuer.ca_file.is_some() && issuer.key_file.is_some(),
        "is not read when the keys come from key_file",
    );
}

//! Rules between keys. A rule is only applied when all keys that it is about were read without a problem.

mod clients;
mod issuers;
mod limits;

use std::path::Path;

use crate::load::{Settings, show};
use crate::problem::{Origin, Problem, Problems};
use crate::{
    AuthMode, Config, S3, TlsMode, copy, keys, lake, mounts, users, users::USER_NAME, web,
};

/// The problems found so far, with what is needed to word more of them.
pub(crate) struct Report {
    settings: Settings,
    added: Vec<Problem>,
}

impl Report {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            added: Vec::new(),
        }
    }

    /// The configuration, or all problems, those of single keys first.
    pub(crate) fn finish(self, config: Config) -> Result<Config, Problems> {
        let mut problems = self.settings.into_problems();
        problems.extend(self.added);
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(Problems(problems))
        }
    }

    fn rule(&mut self, key: &str, others: &[&str], broken: bool, allowed: impl Into<String>) {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        self.rule_at(&path, others, broken, allowed);
    }

    fn rule_at(
        &mut self,
        path: &[String],
        others: &[&str],
        broken: bool,
        allowed: impl Into<String>,
    ) {
        let split = |key: &&str| -> Vec<String> { key.split('.').map(str::to_owned).collect() };
        let unread = self.settings.is_bad(path)
            || others.iter().any(|key| self.settings.is_bad(&split(key)));
        if !broken || unread {
            return;
        }
        let (value, origin) = match self.settings.written(path) {
            Some((value, origin)) => (Some(show(path, value)), origin.clone()),
            None => (default(path), self.origin(path)),
        };
        self.added.push(Problem {
            key: keys::dotted(path),
            value,
            origin,
            allowed: allowed.into(),
        });
    }

    /// Where something comes from that has no value of its own.
    fn origin(&self, path: &[String]) -> Origin {
        let entry = self.settings.entry_origin(path);
        let password = || {
            let asked = path == ["admin", "password"];
            self.settings.password_origin().filter(|_| asked)
        };
        entry.or_else(password).cloned().unwrap_or(Origin::Default)
    }

    fn is_default(&self, key: &str) -> bool {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        self.settings.written(&path).is_none()
    }
}

/// Applies every rule.
pub(crate) fn rules(config: &Config, report: &mut Report) {
    exposure(config, report);
    certificate(config, report);
    clients::rules(config, report);
    admin(config, report);
    users(config, report);
    issuers::rules(config, report);
    logins_and_tokens(config, report);
    mounts(config, report);
    limits::rules(config, report);
    lake(config, report);
    web(config, report);
    copy_places(config, report);
}

fn exposure(config: &Config, report: &mut Report) {
    let exposed = !config.listen.ip().to_canonical().is_loopback();
    report.rule(
        "listen",
        &["auth.mode"],
        exposed && config.auth.mode == AuthMode::Off,
        r#"must be a loopback address, such as 127.0.0.1, while auth.mode is "off""#,
    );
    report.rule(
        "listen",
        &["tls.mode", "tls.allow_plaintext_off_loopback"],
        exposed && config.tls.mode == TlsMode::Off && !config.tls.allow_plaintext_off_loopback,
        "must be a loopback address unless TLS is on: set tls.mode to \"files\" or \"auto\", \
         or tls.allow_plaintext_off_loopback to true if something else encrypts the connection",
    );
}

fn certificate(config: &Config, report: &mut Report) {
    let tls = &config.tls;
    for (key, file) in [
        ("tls.cert_file", &tls.cert_file),
        ("tls.key_file", &tls.key_file),
    ] {
        let wanted = tls.mode == TlsMode::Files;
        report.rule(
            key,
            &["tls.mode"],
            wanted && file.is_none(),
            r#"missing; tls.mode "files" needs it"#,
        );
        // Whoever wrote "off" in so many words means it; a forgotten mode must not turn TLS off silently.
        let unused = tls.mode == TlsMode::Auto || report.is_default("tls.mode");
        report.rule(
            key,
            &["tls.mode"],
            !wanted && unused && file.is_some(),
            r#"is only read when tls.mode is "files""#,
        );
        let unreadable = file.as_deref().and_then(unreadable).filter(|_| wanted);
        report.rule(
            key,
            &["tls.mode"],
            unreadable.is_some(),
            unreadable.unwrap_or_default(),
        );
    }
}

fn admin(config: &Config, report: &mut Report) {
    let admin = &config.admin;
    report.rule(
        "admin.user",
        &[],
        admin
            .user
            .as_deref()
            .is_some_and(|name| !users::is_user_name(name)),
        format!("must be {USER_NAME}"),
    );
    let name = admin.user.as_deref().unwrap_or("admin");
    let given = admin.user.is_some() || admin.password.is_some() || admin.password_file.is_some();
    report.rule(
        "admin.user",
        &[],
        given && config.users.contains_key(name),
        format!("must not be a name of the section users, which has a user {name:?}"),
    );
    report.rule(
        "admin.password_file",
        &[],
        admin.password_file.is_some() && admin.password.is_some(),
        "must not be set together with the environment variable GODWIT_ADMIN_PASSWORD",
    );
    let unreadable = admin.password_file.as_deref().and_then(unreadable);
    report.rule(
        "admin.password_file",
        &[],
        unreadable.is_some(),
        unreadable.unwrap_or_default(),
    );
}

fn users(config: &Config, report: &mut Report) {
    for (name, user) in &config.users {
        let entry = vec!["users".to_owned(), name.clone()];
        report.rule_at(
            &entry,
            &[],
            !users::is_user_name(name),
            format!("the name must be {USER_NAME}"),
        );
        let key = [entry.as_slice(), &["password_hash".to_owned()]].concat();
        report.rule_at(
            &key,
            &[],
            !users::is_argon2id(user.password_hash.expose()),
            "must be an Argon2id hash, $argon2id$v=19$m=…,t=…,p=…$salt$hash; godwit hash-password prints one",
        );
    }
}

fn mounts(config: &Config, report: &mut Report) {
    for name in config.mounts.keys() {
        let entry = vec!["mounts".to_owned(), name.clone()];
        report.rule_at(
            &entry,
            &[],
            !mounts::is_name(name),
            "the name must be an SQL identifier in lower case: a letter or _, then letters, digits and _, at most 63",
        );
        report.rule_at(
            &entry,
            &[],
            mounts::RESERVED.contains(&name.as_str()),
            format!(
                "the name must not be one of {}",
                mounts::RESERVED.join(", ")
            ),
        );
    }
}

fn logins_and_tokens(config: &Config, report: &mut Report) {
    let auth = &config.auth;
    for (key, value) in [
        ("auth.issuer", &auth.issuer),
        ("auth.audience", &auth.audience),
    ] {
        let wrong = value.is_empty() || value.len() > 256 || value.contains(char::is_control);
        let allowed = "must be 1 to 256 bytes without control characters";
        report.rule(key, &[], wrong, allowed);
    }
    report.rule(
        "auth.failed_login_max_delay",
        &["auth.failed_login_delay"],
        auth.failed_login_max_delay < auth.failed_login_delay,
        "must be at least auth.failed_login_delay",
    );
}

fn lake(config: &Config, report: &mut Report) {
    let lake = &config.lake;
    report.rule(
        "lake.catalog",
        &[],
        lake.catalog
            .as_ref()
            .is_some_and(|url| !lake::is_catalog(url.expose())),
        "must be a URL such as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with sslmode disable, prefer or require \
         where it says one",
    );
    report.rule(
        "lake.data",
        &[],
        lake.data
            .as_deref()
            .is_some_and(|place| !lake::is_data(place)),
        "must be the absolute path of a directory, or s3://BUCKET/PREFIX",
    );
    s3("lake", &lake.s3(), report);
}

/// The keys `s3_…` of a section.
fn s3(section: &str, s3: &S3, report: &mut Report) {
    let key = |name: &str| format!("{section}.s3_{name}");
    let allow_http = key("allow_http");
    let endpoint = s3.endpoint.as_deref().unwrap_or("https://");
    report.rule(
        &key("endpoint"),
        &[&allow_http],
        !(endpoint.starts_with("https://") || endpoint.starts_with("http://") && s3.allow_http),
        format!(
            "must be a URL that begins with https://, or with http:// where {allow_http} is true"
        ),
    );
    let (id, secret) = (key("access_key_id"), key("secret_access_key"));
    let halves = (&s3.access_key_id, &s3.secret_access_key);
    for (key, missing) in [
        (&secret, matches!(halves, (Some(_), None))),
        (&id, matches!(halves, (None, Some(_)))),
    ] {
        report.rule(
            key,
            &[&secret, &id],
            missing,
            "missing; an access key is an id and a secret",
        );
    }
}

fn web(config: &Config, report: &mut Report) {
    let origins = &config.web.allowed_origins;
    let any = origins.iter().any(|origin| origin == "*");
    report.rule(
        "web.allowed_origins",
        &[],
        any && origins.len() > 1,
        r#"must be origins, or "*" alone"#,
    );
    let wrong = origins
        .iter()
        .filter(|origin| !any && !web::is_origin(origin));
    for origin in wrong {
        let allowed = format!(
            "must be origins such as \"https://app.example.com\": http or https, a host in lower case, perhaps a port, \
             nothing behind it; {origin:?} is none"
        );
        report.rule("web.allowed_origins", &[], true, allowed);
    }
}

/// Why a file cannot be read, as a clause.
fn unreadable(path: &Path) -> Option<String> {
    match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(data) if data.is_dir() => Some("must be a file, not a directory".to_owned()),
        Ok(_) => None,
        Err(why) => Some(format!("must be a file that can be read: {why}")),
    }
}

/// The default of a key as a message shows it.
fn default(path: &[String]) -> Option<String> {
    match keys::find(path) {
        keys::Found::Key(key) => key.default.as_ref().map(|value| show(path, value)),
        _ => None,
    }
}

fn copy_places(config: &Config, report: &mut Report) {
    let bad = config
        .copy
        .allowed
        .iter()
        .find(|place| !copy::is_place(place));
    if let Some(bad) = bad {
        let allowed = format!(
            "must be absolute paths of directories, or s3://BUCKET/PREFIX, without '..'; {bad:?} is none"
        );
        report.rule("copy.allowed", &[], true, allowed);
    }
    s3("copy", &config.copy.s3(), report);
}

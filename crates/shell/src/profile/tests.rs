use super::*;

fn profile() -> Profile {
    let text = "url = 'grpc+tls://db:1'\nuser = 'ann'\npassword = 'p'\ntls_ca = '/ca'";
    toml::from_str(text).unwrap()
}

fn server(url: Option<&str>, user: Option<&str>) -> Server {
    Server {
        url: url.map(str::to_owned),
        user: user.map(str::to_owned),
        ..Server::default()
    }
}

#[test]
fn a_profile_fills_in() {
    let full = profile().complete(Server::default());
    assert_eq!(full.url.as_deref(), Some("grpc+tls://db:1"));
    assert_eq!(full.user.as_deref(), Some("ann"));
    assert!(full.password.is_some() && full.tls_ca.is_some());
}

#[test]
fn a_password_goes_to_its_own_server_and_user_only() {
    let elsewhere = profile().complete(server(Some("grpc://evil:1"), None));
    assert!(elsewhere.password.is_none() && elsewhere.tls_ca.is_none());
    assert_eq!(elsewhere.url.as_deref(), Some("grpc://evil:1"));
    let other = profile().complete(server(None, Some("bob")));
    assert!(other.password.is_none());
    assert!(
        profile()
            .complete(server(None, Some("ann")))
            .password
            .is_some()
    );
}

#[test]
fn unknown_keys_are_refused_and_secrets_are_not_shown() {
    assert!(toml::from_str::<Profile>("uri = 'x'").is_err());
    assert!(!format!("{:?}", profile()).contains("'p'"));
    assert!(!format!("{:?}", profile()).contains("\"p\""));
}

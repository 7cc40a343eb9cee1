use super::*;

#[test]
fn urls_of_both_kinds() {
    for (url, shown, http) in [
        (
            "grpc://127.0.0.1:8815",
            "grpc://127.0.0.1:8815",
            "http://127.0.0.1:8815",
        ),
        ("grpc+tcp://db:1/", "grpc://db:1", "http://db:1"),
        ("http://[::1]:80", "grpc://[::1]:80", "http://[::1]:80"),
        ("grpc+tls://db:443", "grpc+tls://db:443", "https://db:443"),
        ("https://db:443/", "grpc+tls://db:443", "https://db:443"),
    ] {
        let target = Target::parse(url).unwrap();
        assert_eq!(target.to_string(), shown);
        assert_eq!(target.http(), http);
        assert_eq!(target.is_encrypted(), shown.starts_with("grpc+tls"));
    }
}

#[test]
fn other_urls_are_refused_with_what_is_allowed() {
    for url in [
        "db:1",
        "ftp://db:1",
        "grpc://db",
        "grpc://:1",
        "grpc://db:0",
        "grpc://db:x",
        "grpc://a@db:1",
        "grpc://db:1/x:1",
    ] {
        let error = Target::parse(url).unwrap_err().to_string();
        assert!(
            error.contains(url) && error.contains("grpc+tls://HOST:PORT"),
            "{error}"
        );
    }
}

#[test]
fn secrets_are_not_shown() {
    let user = "ada".to_owned();
    let password = Credentials::Password {
        user,
        password: "swordfish".to_owned(),
    };
    let token = Credentials::Token("swordfish".to_owned());
    let shown = format!("{password:?} {token:?}");
    assert!(
        shown.contains("ada") && !shown.contains("swordfish"),
        "{shown}"
    );
}

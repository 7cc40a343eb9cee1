use std::path::PathBuf;

use super::*;

/// Every variant once. A new one does not compile until it has its place in the table above; here it gets its test.
fn table() -> Vec<(Error, Code)> {
    let text = || "because".to_owned();
    let engine: Vec<(Engine, Code)> = vec![
        (Engine::Syntax { message: text() }, Code::InvalidArgument),
        (
            Engine::InvalidInput { message: text() },
            Code::InvalidArgument,
        ),
        (Engine::NotFound { message: text() }, Code::NotFound),
        (
            Engine::AlreadyExists { message: text() },
            Code::AlreadyExists,
        ),
        (Engine::Unsupported { message: text() }, Code::Unimplemented),
        (Engine::ReadOnly { message: text() }, Code::InvalidArgument),
        (Engine::Denied { message: text() }, Code::PermissionDenied),
        (
            Engine::TooLarge {
                what: "a statement",
                limit: "query.max_sql_bytes",
                value: 2,
                allowed: 1,
            },
            Code::InvalidArgument,
        ),
        (
            Engine::ResourcesExhausted { message: text() },
            Code::ResourceExhausted,
        ),
        (
            Engine::Busy {
                message: text(),
                retry_after: std::time::Duration::from_secs(3),
            },
            Code::ResourceExhausted,
        ),
        (Engine::Cancelled, Code::Cancelled),
        (Engine::Killed { message: text() }, Code::Cancelled),
        (
            Engine::DeadlineExceeded { seconds: 1.0 },
            Code::DeadlineExceeded,
        ),
        (Engine::Stalled { message: text() }, Code::DeadlineExceeded),
        (
            Engine::BrokenData {
                file: Some(PathBuf::from("f")),
                why: text(),
            },
            Code::DataLoss,
        ),
        (Engine::Conflict { message: text() }, Code::InvalidArgument),
        (Engine::Aborted { message: text() }, Code::Aborted),
        (Engine::Unavailable { message: text() }, Code::Unavailable),
        (Engine::ShuttingDown, Code::Unavailable),
        (
            Engine::Internal {
                query_id: "q".to_owned(),
                source: Box::<dyn std::error::Error + Send + Sync>::from("secret cause").into(),
            },
            Code::Internal,
        ),
    ];
    let what = "ticket";
    let protocol: Vec<(Protocol, Code)> = vec![
        (
            Protocol::Malformed { what, why: text() },
            Code::InvalidArgument,
        ),
        (
            Protocol::UnknownCommand { type_url: text() },
            Code::Unimplemented,
        ),
        (
            Protocol::UnknownAction { name: text() },
            Code::Unimplemented,
        ),
        (Protocol::Forged { what }, Code::InvalidArgument),
        (Protocol::Expired { what }, Code::NotFound),
        (
            Protocol::TooLarge {
                what,
                size: 2,
                limit: 1,
            },
            Code::InvalidArgument,
        ),
        (Protocol::Encode { what, why: text() }, Code::Internal),
    ];
    let auth: Vec<(Auth, Code)> = vec![
        (Auth::Unauthenticated, Code::Unauthenticated),
        (Auth::Denied { user: text() }, Code::PermissionDenied),
        (Auth::Busy, Code::Unavailable),
        (Auth::IssuerAway { issuer: text() }, Code::Unavailable),
        (
            Auth::Issuer {
                what: "auth".to_owned(),
                why: "secret cause".to_owned(),
            },
            Code::Internal,
        ),
        (
            Auth::Throttled {
                retry_after: std::time::Duration::from_secs(1),
            },
            Code::ResourceExhausted,
        ),
        (Auth::Token { why: text() }, Code::InvalidArgument),
        (
            Auth::Unavailable {
                why: "w".to_owned(),
            },
            Code::Unavailable,
        ),
        (Auth::Contended, Code::Aborted),
        (
            Auth::Password {
                what: "auth".to_owned(),
                why: "secret cause".to_owned(),
            },
            Code::Internal,
        ),
        (
            Auth::Storage {
                path: PathBuf::from("secret cause"),
                why: text(),
            },
            Code::Internal,
        ),
        (
            Auth::Internal {
                why: "secret cause".to_owned(),
            },
            Code::Internal,
        ),
    ];
    let own: Vec<(Error, Code)> = vec![
        (Error::Request(Status::cancelled("gone")), Code::Cancelled),
        (
            Error::Request(Status::out_of_range(
                "Error, decoded message length too large: found 2 bytes, the limit is: 1 bytes",
            )),
            Code::ResourceExhausted,
        ),
        (Error::Invalid(text()), Code::InvalidArgument),
        (Error::not_served("no"), Code::Unimplemented),
        (Error::OtherUser { what }, Code::PermissionDenied),
        (Error::SchemaChanged, Code::InvalidArgument),
        (Error::Upload(text()), Code::InvalidArgument),
        (
            Error::TooLarge {
                what,
                size: 2,
                limit: 1,
                key: "",
            },
            Code::ResourceExhausted,
        ),
        (
            Error::Idle {
                what: "read",
                seconds: 0.5,
            },
            Code::DeadlineExceeded,
        ),
        (
            Error::Encode(arrow::error::ArrowError::CastError(
                "secret cause".to_owned(),
            )),
            Code::Internal,
        ),
        (Error::Panic("secret cause".to_owned()), Code::Internal),
        (Error::Serve("secret cause".into()), Code::Internal),
    ];
    let engine = engine.into_iter().map(|(error, code)| (error.into(), code));
    let protocol = protocol
        .into_iter()
        .map(|(error, code)| (error.into(), code));
    let auth = auth.into_iter().map(|(error, code)| (error.into(), code));
    engine.chain(protocol).chain(auth).chain(own).collect()
}

#[test]
fn every_error_has_its_code_and_a_user_sees_only_their_own_mistakes() {
    let id = QueryId::random();
    for (error, code) in table() {
        let status = status(&error, id);
        assert_eq!(status.code(), code, "{error:?}");
        assert!(!status.message().contains("secret cause"), "{error:?}");
        let engines_own = matches!(error, Error::Engine(Engine::Internal { .. }));
        let end = if engines_own {
            "query id q".to_owned()
        } else {
            format!("[query {id}]")
        };
        assert!(status.message().ends_with(&end), "{}", status.message());
        if code != Code::Internal {
            assert!(
                status.message().starts_with(&error.to_string()),
                "{error:?}"
            );
        }
    }
}

#[test]
fn no_code_is_one_that_clients_cannot_tell_from_others() {
    let poor = [
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unknown,
    ];
    // A lost race for a commit is what ABORTED is for, however little some clients make of it.
    let is_conflict = |error: &Error| {
        matches!(
            error,
            Error::Engine(Engine::Aborted { .. }) | Error::Auth(Auth::Contended)
        )
    };
    assert!(
        table()
            .iter()
            .all(|(error, _)| is_conflict(error) || !poor.contains(&code(error)))
    );
}

#[test]
fn long_messages_fit_into_headers() {
    let id = QueryId::random();
    let long = message(&"x".repeat(1 << 20), id);
    assert!(long.len() < 3100 && long.ends_with(&format!("… [query {id}]")));
    // Nine bytes in a header each.
    let wide = message(&"€".repeat(1 << 20), id);
    assert!(wide.chars().count() < 400 && wide.ends_with(']'));
    assert_eq!(message("short é", id), format!("short é [query {id}]"));
}

#[test]
fn a_status_says_when_to_try_again() {
    let busy = Engine::Busy {
        message: "busy; try again in 3 s".to_owned(),
        retry_after: std::time::Duration::from_secs(3),
    };
    let told = status(&busy.into(), QueryId::random());
    assert_eq!(told.code(), Code::ResourceExhausted);
    // google.rpc.Status { code: 8, details: [Any { RetryInfo { retry_delay: 3 s } }] }
    let mut expected = vec![0x08, 8, 0x1a, 48, 0x0a, 40];
    expected.extend_from_slice(b"type.googleapis.com/google.rpc.RetryInfo");
    expected.extend_from_slice(&[0x12, 4, 0x0a, 2, 0x08, 3]);
    assert_eq!(told.details(), expected);
}

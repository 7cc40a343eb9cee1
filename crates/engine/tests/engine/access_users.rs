//! Users that SQL makes: the bounds of their passwords, what stays when they are changed, and the end of their tokens.

use godwit_auth::access::{Revoked, StoredUser};
use godwit_engine::Error;

use crate::court::Court;

fn stored(court: &Court, name: &str) -> StoredUser {
    court.directory().current().user(name).unwrap().clone()
}

#[tokio::test]
async fn passwords_have_bounds_and_are_in_no_message() {
    let court = Court::new().await;
    for password in ["", "1234567", "ü234567", &"x".repeat(1025)] {
        let sql = format!("CREATE USER eve PASSWORD '{password}'");
        let error = court.error("root", &sql).await;
        assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
        let shown = error.to_string();
        assert!(password.is_empty() || !shown.contains(password), "{shown}");
    }
    for password in ["12345678", "ü2345678", &"x".repeat(1024)] {
        let sql = format!("CREATE USER eve PASSWORD '{password}'");
        court.all("root", &[&sql, "DROP USER eve"]).await;
    }
    // A hash in the place of a password is a password as any other.
    let hash = godwit_auth::hash_password("12345678").unwrap();
    let sql = format!("CREATE USER eve PASSWORD '{hash}'");
    court.all("root", &[&sql]).await;
    assert_ne!(stored(&court, "eve").password_hash, Some(hash));
}

#[tokio::test]
async fn a_change_leaves_the_rest() {
    let court = Court::with(|config| {
        config.auth.password_overlap = std::time::Duration::from_secs(100);
    })
    .await;
    let made = [
        "CREATE ROLE r",
        "CREATE USER plain",
        "CREATE USER eve PASSWORD 'first secret' VALID UNTIL '2040-01-01'",
        "GRANT r TO eve",
    ];
    court.all("root", &made).await;
    let plain = stored(&court, "plain");
    assert_eq!((plain.password_hash, plain.enabled), (None, true));
    assert_eq!(plain.valid_until, None);
    let before = stored(&court, "eve");
    assert_eq!(
        (&before.previous_hash, before.previous_until),
        (&None, None)
    );

    court.all("root", &["ALTER USER eve DISABLE"]).await;
    let disabled = StoredUser {
        enabled: false,
        ..before.clone()
    };
    assert_eq!(stored(&court, "eve"), disabled);
    let change = ["ALTER USER eve PASSWORD 'second secret'"];
    court.all("root", &change).await;
    let after = stored(&court, "eve");
    assert_ne!(after.password_hash, before.password_hash);
    assert_eq!(after.previous_hash, before.password_hash);
    assert!(after.previous_until.is_some());
    let rest = StoredUser {
        password_hash: before.password_hash,
        previous_hash: None,
        previous_until: None,
        ..after
    };
    assert_eq!(rest, disabled);
    // Whoever had no password has none before the first.
    let first = ["ALTER USER plain PASSWORD 'first secret'"];
    court.all("root", &first).await;
    let plain = stored(&court, "plain");
    assert_eq!((plain.previous_hash, plain.previous_until), (None, None));
}

#[tokio::test]
async fn a_user_goes_with_grants_and_tokens_and_not_while_rules_are_for_it() {
    let court = Court::furnished().await;
    court.all("root", &["CREATE USER eve"]).await;
    for (made, dropped) in [
        (
            "CREATE POLICY p ON people TO USER eve USING (true)",
            "DROP POLICY p ON people",
        ),
        (
            "CREATE MASK m ON people (name) TO USER eve USING (null)",
            "DROP MASK m ON people",
        ),
    ] {
        court.all("ada", &[made]).await;
        let error = court.error("root", "DROP USER eve").await.to_string();
        assert!(error.contains("is for it"), "{error}");
        court.all("ada", &[dropped]).await;
    }
    court.all("ada", &["GRANT SELECT ON people TO eve"]).await;
    let grants = court.directory().current().grants().count();
    court.all("root", &["DROP USER eve"]).await;
    let access = court.directory().current();
    assert_eq!(access.grants().count(), grants - 1);
    assert!(access.is_revoked("eve", None, 1));
    for name in ["root", "nobody"] {
        let error = court.error("root", &format!("DROP USER {name}")).await;
        let is_refused = matches!(error, Error::InvalidInput { .. } | Error::NotFound { .. });
        assert!(is_refused, "{error:?}");
    }
    let error = court.error("root", "CREATE USER anonymous").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
}

#[tokio::test]
async fn revocations_are_for_ids_and_last_as_long_as_tokens() {
    let court = Court::new().await;
    for id in ["", "a\nb", &"x".repeat(257)] {
        let error = court.error("root", &format!("REVOKE TOKEN '{id}'")).await;
        assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    }
    court
        .all("root", &["REVOKE TOKEN 'one'", "REVOKE TOKEN 'one'"])
        .await;
    let access = court.directory().current();
    let [revocation] = &access.revocations().collect::<Vec<_>>()[..] else {
        panic!("one is enough");
    };
    assert_eq!(revocation.revoked, Revoked::Token("one".to_owned()));
    let auth = &court.config.auth;
    let longest = auth.token_ttl.max(auth.service_token_max_ttl).as_secs();
    assert_eq!(revocation.until, revocation.before + longest);
}

use std::time::Duration;

use godwit_config::Config;
use godwit_engine::{Error, SessionKey};
use godwit_protocol::SessionId;
use godwit_protocol::session::OptionValue;

use crate::support::{World, permit_for};

fn key() -> SessionKey {
    SessionKey::Token(SessionId::random())
}

#[tokio::test]
async fn a_key_names_one_session_of_one_user() {
    let world = World::new().await;
    let sessions = world.engine.sessions();
    let id = SessionId::random();
    let token = sessions.open("ann", SessionKey::Token(id)).unwrap();
    assert_eq!(
        sessions.open("ann", SessionKey::Token(id)).unwrap().id(),
        token.id()
    );
    assert_ne!(
        sessions.open("ann", SessionKey::Cookie(id)).unwrap().id(),
        token.id()
    );
    assert_ne!(
        sessions.open("bob", SessionKey::Token(id)).unwrap().id(),
        token.id()
    );
    let stateless = sessions.open("ann", SessionKey::Stateless).unwrap();
    assert_eq!(
        sessions.open("ann", SessionKey::Stateless).unwrap().id(),
        stateless.id()
    );
    assert_eq!(sessions.len(), 5);
    sessions.close("ann", SessionKey::Token(id));
    sessions.close("ann", SessionKey::Token(id));
    assert_eq!(sessions.len(), 4);
    assert_ne!(
        sessions.open("ann", SessionKey::Token(id)).unwrap().id(),
        token.id()
    );
}

#[tokio::test]
async fn sessions_that_hold_something_are_bounded() {
    let world = World::with(|config| {
        config.sessions.max = 4;
        config.sessions.max_per_user = 2;
    })
    .await;
    let sessions = world.engine.sessions();
    let change = async |user: &str| {
        let session = sessions.open(user, key())?;
        let permit = permit_for(&Config::default(), Some(user)).await;
        session
            .set_option(&permit, "batch_rows", &OptionValue::Int(5))
            .await
    };
    change("ann").await.unwrap();
    change("ann").await.unwrap();
    let error = change("ann").await.unwrap_err();
    assert!(
        matches!(&error, Error::ResourcesExhausted { message } if message.contains("sessions.max_per_user")),
        "{error:?}"
    );
    // The session of this test's own user is blank, so it makes room.
    change("bob").await.unwrap();
    change("cleo").await.unwrap();
    let error = change("dan").await.unwrap_err();
    assert!(
        matches!(&error, Error::ResourcesExhausted { message } if message.contains("sessions.max)")),
        "{error:?}"
    );
    assert_eq!(sessions.len(), 4);
}

#[tokio::test]
async fn sessions_without_anything_in_them_make_room() {
    let world = World::with(|config| config.sessions.max_per_user = 3).await;
    for _ in 0..50 {
        world.engine.sessions().open("ann", key()).unwrap();
    }
    assert_eq!(world.engine.sessions().len(), 4);
}

#[tokio::test]
async fn idle_sessions_and_statements_end() {
    let world =
        World::with(|config| config.sessions.idle_timeout = Duration::from_millis(400)).await;
    world.execute("set batch_rows = 5").await.unwrap();
    let started = std::time::Instant::now();
    while !world.engine.sessions().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(started.elapsed() >= Duration::from_millis(300));

    let world =
        World::with(|config| config.statements.idle_timeout = Duration::from_millis(400)).await;
    let prepared = world
        .engine
        .prepare(&world.session, &world.permit, "select 1")
        .await
        .unwrap();
    let started = std::time::Instant::now();
    while world
        .one("select prepared_statements from system.sessions where current")
        .await
        != "0"
    {
        assert!(started.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(matches!(
        world
            .engine
            .prepared(&world.session, &world.permit, prepared.id),
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn settings_of_one_session_do_not_reach_another() {
    let world = World::new().await;
    world.execute("set batch_rows = 5").await.unwrap();
    let other = world
        .engine
        .sessions()
        .open(world.permit.user(), key())
        .unwrap();
    assert_eq!(other.options()["batch_rows"], OptionValue::Int(8192));
    let statement = world
        .engine
        .describe(&other, &world.permit, "show batch_rows")
        .await
        .unwrap();
    let rows = world.run(&statement).await.unwrap();
    assert_eq!(
        arrow::util::pretty::pretty_format_batches(&rows)
            .unwrap()
            .to_string()
            .matches("8192")
            .count(),
        1
    );
}

#[tokio::test]
async fn an_engine_is_dropped_anywhere() {
    let world = World::new().await;
    let statement = world
        .describe("select * from generate_series(1, 1000000000)")
        .await
        .unwrap();
    let stream = world
        .engine
        .query(&world.session, &world.permit, &statement)
        .await
        .unwrap();
    drop(world);
    drop(stream);
    drop(statement);
}

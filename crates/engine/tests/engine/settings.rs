use godwit_engine::{Error, SessionKey, StatementKind};
use godwit_protocol::session::OptionValue;

use crate::support::World;

#[tokio::test]
async fn allowed_settings_take_effect_and_can_be_reset() {
    let world = World::new().await;
    for (set, name, value, default) in [
        (
            "set time_zone = 'Europe/Berlin'",
            "time_zone",
            "Europe/Berlin",
            "UTC",
        ),
        ("set timezone to '+02:00'", "time_zone", "+02:00", "UTC"),
        (
            "set time zone 'Asia/Tokyo'",
            "time_zone",
            "Asia/Tokyo",
            "UTC",
        ),
        ("set batch_rows = 100", "batch_rows", "100", "8192"),
        (
            "set datafusion.execution.batch_size = 50",
            "batch_rows",
            "50",
            "8192",
        ),
        ("set target_partitions = 1", "target_partitions", "1", ""),
        ("set ansi_mode = on", "ansi_mode", "true", "false"),
        (
            "set explain_format = 'tree'",
            "explain_format",
            "tree",
            "indent",
        ),
        ("set timeout = '90s'", "timeout", "90s", "0s"),
        ("set statement_timeout = '2m'", "timeout", "120s", "0s"),
        ("set session batch_rows = 10", "batch_rows", "10", "8192"),
    ] {
        world
            .execute(set)
            .await
            .unwrap_or_else(|error| panic!("{set}: {error}"));
        assert_eq!(
            world.one(&format!("show {name}")).await,
            format!("{name} {value}"),
            "{set}"
        );
        world.execute(&format!("reset {name}")).await.unwrap();
        if !default.is_empty() {
            assert_eq!(
                world.one(&format!("show {name}")).await,
                format!("{name} {default}"),
                "{set}"
            );
        }
    }
    world.execute("set batch_rows = 7").await.unwrap();
    world.execute("set batch_rows = default").await.unwrap();
    assert_eq!(world.one("show batch_rows").await, "batch_rows 8192");
    world.execute("set batch_rows = 7").await.unwrap();
    world.execute("set ansi_mode = on").await.unwrap();
    world.execute("reset all").await.unwrap();
    assert_eq!(
        world
            .one("select count(*) from system.settings where scope = 'session' and value <> \"default\"")
            .await,
        "0"
    );
}

#[tokio::test]
async fn settings_reach_the_query() {
    let world = World::new().await;
    world.execute("set batch_rows = 2").await.unwrap();
    let batches = world
        .rows("select * from generate_series(1, 9)")
        .await
        .unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 2));
    world.execute("set time_zone = 'Asia/Tokyo'").await.unwrap();
    assert!(
        world
            .one("select arrow_typeof(now())")
            .await
            .contains("Asia/Tokyo")
    );
    world
        .execute("set parse_float_as_decimal = true")
        .await
        .unwrap();
    assert!(
        world
            .one("select arrow_typeof(1.5)")
            .await
            .contains("Decimal")
    );
}

#[tokio::test]
async fn everything_else_is_refused_and_the_allowed_named() {
    let world =
        World::with(|config| config.query.timeout = Some(std::time::Duration::from_mins(1))).await;
    for name in [
        "datafusion.runtime.memory_limit",
        "datafusion.runtime.temp_directory",
        "datafusion.catalog.default_catalog",
        "datafusion.catalog.information_schema",
        "datafusion.execution.parquet.file_decryption",
        "datafusion.sql_parser.dialect",
        "nonsense",
    ] {
        let error = world
            .execute(&format!("set {name} = '1'"))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, Error::NotFound { message } if message.contains("batch_rows")),
            "{name}: {error:?}"
        );
        assert!(world.execute(&format!("reset {name}")).await.is_err());
    }
    for set in [
        "set batch_rows = 0",
        "set batch_rows = 100000000",
        "set batch_rows = 'many'",
        "set target_partitions = 100000",
        "set time_zone = 'Nowhere/Land'",
        "set ansi_mode = 'perhaps'",
        "set explain_format = 'poem'",
        "set timeout = '2m'",
        "set timeout = '0s'",
        "set schema = 'nowhere'",
        "set catalog = 'other'",
        "use nowhere",
        "set batch_rows = (select 1)",
        "set batch_rows = ?",
    ] {
        let error = world.execute(set).await.unwrap_err();
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{set}: {error:?}"
        );
    }
    for set in [
        "set names utf8",
        "set role admin",
        "set transaction read only",
        "set local batch_rows = 1",
    ] {
        assert!(
            matches!(
                world.execute(set).await.unwrap_err(),
                Error::Unsupported { .. } | Error::Syntax { .. }
            ),
            "{set}"
        );
    }
}

#[tokio::test]
async fn a_setting_runs_once_and_not_while_it_is_described_or_prepared() {
    let world = World::new().await;
    let statement = world.describe("set batch_rows = 5").await.unwrap();
    assert_eq!(statement.kind, StatementKind::Effect);
    assert_eq!(statement.schema.field(0).name(), "count");
    let prepared = world
        .engine
        .prepare(&world.session, &world.permit, "set batch_rows = 6")
        .await
        .unwrap();
    assert_eq!(
        (prepared.kind, prepared.dataset_schema.fields().len()),
        (StatementKind::Effect, 0)
    );
    assert_eq!(world.one("show batch_rows").await, "batch_rows 8192");

    let (engine, session, permit) = (&world.engine, &world.session, &world.permit);
    assert!(matches!(
        engine.query(session, permit, &statement).await,
        Err(Error::InvalidInput { .. })
    ));
    assert_eq!(
        engine
            .execute(session, permit, &statement)
            .await
            .unwrap()
            .rows,
        0
    );
    assert_eq!(world.one("show batch_rows").await, "batch_rows 5");
    assert!(matches!(
        engine.execute(session, permit, &statement).await,
        Err(Error::InvalidInput { .. })
    ));
    engine
        .execute_prepared(session, permit, prepared.id)
        .await
        .unwrap();
    assert_eq!(world.one("show batch_rows").await, "batch_rows 6");
    let query = world.describe("select 1").await.unwrap();
    assert!(matches!(
        engine.execute(session, permit, &query).await,
        Err(Error::InvalidInput { .. })
    ));
}

#[tokio::test]
async fn options_are_settings() {
    let world = World::new().await;
    let options = world.session.options();
    assert_eq!(options["catalog"], OptionValue::Text("godwit".to_owned()));
    assert_eq!(options["schema"], OptionValue::Text("main".to_owned()));
    assert_eq!(options["batch_rows"], OptionValue::Int(8192));
    assert_eq!(options["ansi_mode"], OptionValue::Bool(false));
    let set = async |name: &str, value: OptionValue| {
        world.session.set_option(&world.permit, name, &value).await
    };
    set("schema", OptionValue::Text("shop".to_owned()))
        .await
        .unwrap();
    set("catalog", OptionValue::Text("godwit".to_owned()))
        .await
        .unwrap();
    set("batch_rows", OptionValue::Int(3)).await.unwrap();
    set("ansi_mode", OptionValue::Bool(true)).await.unwrap();
    assert_eq!(world.one("select count(*) from items").await, "2");
    assert_eq!(world.session.options()["batch_rows"], OptionValue::Int(3));
    world.session.reset_option("schema").unwrap();
    assert_eq!(
        world.session.options()["schema"],
        OptionValue::Text("main".to_owned())
    );
    assert!(matches!(
        set("nonsense", OptionValue::Int(1)).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        set("catalog", OptionValue::Text("x".to_owned())).await,
        Err(Error::InvalidInput { .. })
    ));
    assert!(matches!(
        set("batch_rows", OptionValue::Double(1.5)).await,
        Err(Error::InvalidInput { .. })
    ));
    assert!(matches!(
        set("schema", OptionValue::TextList(vec![])).await,
        Err(Error::InvalidInput { .. })
    ));
}

#[tokio::test]
async fn without_a_session_settings_stay() {
    let mut world = World::new().await;
    world.session = world
        .engine
        .sessions()
        .open(world.permit.user(), SessionKey::Stateless)
        .unwrap();
    let error = world.describe("set batch_rows = 5").await.unwrap_err();
    assert!(
        matches!(&error, Error::InvalidInput { message } if message.contains("handshake")),
        "{error:?}"
    );
    let option = world
        .session
        .set_option(
            &world.permit,
            "schema",
            &OptionValue::Text("shop".to_owned()),
        )
        .await;
    assert!(matches!(option, Err(Error::InvalidInput { .. })));
    // What changes nothing is allowed: drivers set the catalog they were told.
    world
        .session
        .set_option(
            &world.permit,
            "catalog",
            &OptionValue::Text("godwit".to_owned()),
        )
        .await
        .unwrap();
    world.execute("set schema = 'main'").await.unwrap();
    assert_eq!(world.one("select count(*) from people").await, "5");
    let prepared = world
        .engine
        .prepare(&world.session, &world.permit, "select 1")
        .await
        .unwrap();
    assert!(
        world
            .engine
            .prepared(&world.session, &world.permit, prepared.id)
            .is_ok()
    );
}

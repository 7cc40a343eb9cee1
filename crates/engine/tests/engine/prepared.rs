use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use arrow::ipc::reader::StreamReader;
use arrow::util::pretty::pretty_format_batches;
use godwit_engine::{Error, Prepared, Result, StatementKind};
use godwit_protocol::StatementId;

use crate::support::{World, cells, permit_for};

impl World {
    pub(crate) async fn prepare(&self, sql: &str) -> Result<Prepared> {
        self.engine.prepare(&self.session, &self.permit, sql).await
    }

    pub(crate) fn bind(&self, id: StatementId, columns: Vec<ArrayRef>) -> Result<()> {
        self.engine
            .bind(&self.session, &self.permit, id, vec![batch(columns)])
    }

    pub(crate) async fn fetch(&self, id: StatementId) -> Result<Vec<Vec<String>>> {
        let statement = self
            .engine
            .instantiate(&self.session, &self.permit, id)
            .await?;
        let batches = self.run(&statement).await?;
        Ok(cells(&pretty_format_batches(&batches).unwrap().to_string()))
    }
}

fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .enumerate()
            .map(|(at, column)| (format!("c{at}"), column, true)),
    )
    .unwrap()
}

pub(crate) fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub(crate) fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[tokio::test]
async fn a_prepared_query_runs_with_the_rows_that_are_bound() {
    let world = World::new().await;
    let prepared = world
        .prepare("select name from people where id = ?")
        .await
        .unwrap();
    assert_eq!(prepared.kind, StatementKind::Query);
    assert_eq!(prepared.dataset_schema.field(0).name(), "name");
    let error = world.fetch(prepared.id).await.unwrap_err();
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");

    world.bind(prepared.id, vec![ints(&[1])]).unwrap();
    assert_eq!(world.fetch(prepared.id).await.unwrap(), [["Bob"]]);
    // Rows stay bound until the next bind, and many give one result after the other.
    assert_eq!(world.fetch(prepared.id).await.unwrap(), [["Bob"]]);
    world.bind(prepared.id, vec![ints(&[2, 9, 0])]).unwrap();
    assert_eq!(world.fetch(prepared.id).await.unwrap(), [["Cleo"], ["Ada"]]);
    world
        .engine
        .bind(
            &world.session,
            &world.permit,
            prepared.id,
            vec![batch(vec![ints(&[3])]), batch(vec![ints(&[1])])],
        )
        .unwrap();
    assert_eq!(world.fetch(prepared.id).await.unwrap(), [["Dan"], ["Bob"]]);
    world.bind(prepared.id, vec![ints(&[])]).unwrap();
    assert!(world.fetch(prepared.id).await.unwrap().is_empty());

    world
        .engine
        .close_prepared(&world.session, &world.permit, prepared.id)
        .unwrap();
    assert!(matches!(
        world.fetch(prepared.id).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        world
            .engine
            .close_prepared(&world.session, &world.permit, prepared.id),
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_plan_follows_its_tables_and_conflicts_when_columns_change() {
    let world = World::new().await;
    let prepared = world
        .prepare("select * from shop.items where id > ? order by id")
        .await
        .unwrap();
    world.bind(prepared.id, vec![ints(&[0])]).unwrap();
    let first = world
        .engine
        .instantiate(&world.session, &world.permit, prepared.id)
        .await
        .unwrap();
    let second = world
        .engine
        .instantiate(&world.session, &world.permit, prepared.id)
        .await
        .unwrap();
    assert_eq!(first.snapshot, second.snapshot);
    std::fs::write(
        world.path("shop/items.csv"),
        "id,name\n1,nut\n2,bolt\n3,screw\n",
    )
    .unwrap();
    assert_eq!(world.fetch(prepared.id).await.unwrap().len(), 3);
    let third = world
        .engine
        .instantiate(&world.session, &world.permit, prepared.id)
        .await
        .unwrap();
    assert_ne!(first.snapshot, third.snapshot);
    std::fs::write(
        world.path("shop/items.csv"),
        "id,name,weight\n1,nut,5\n2,bolt,6\n",
    )
    .unwrap();
    let error = world.fetch(prepared.id).await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict { message } if message.contains("prepare it again")),
        "{error:?}"
    );
    // A change of the session counts too: names and types may stand for other things.
    let prepared = world
        .prepare("select count(*) from people where id > ?")
        .await
        .unwrap();
    world.bind(prepared.id, vec![ints(&[0])]).unwrap();
    world.execute("set schema = 'shop'").await.unwrap();
    assert_eq!(world.fetch(prepared.id).await.unwrap(), [["4"]]);
}

#[tokio::test]
async fn statements_of_a_session_are_bounded() {
    let world = World::with(|config| config.statements.max_per_session = 3).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.prepare("select 1").await.unwrap().id);
    }
    let error = world.prepare("select 1").await.unwrap_err();
    assert!(
        matches!(&error, Error::ResourcesExhausted { message } if message.contains("statements.max_per_session")),
        "{error:?}"
    );
    world
        .engine
        .close_prepared(&world.session, &world.permit, ids[0])
        .unwrap();
    world.prepare("select 1").await.unwrap();
    let text = world
        .table("select prepared_statements from system.sessions where current")
        .await;
    assert_eq!(cells(&text), [["3"]]);
}

#[tokio::test]
async fn a_ticket_resumes_a_statement_with_or_without_the_cache() {
    for cached_plans in [500, 0] {
        let world = World::with(|config| config.statements.cached_plans = cached_plans).await;
        let (engine, session, permit) = (&world.engine, &world.session, &world.permit);
        let plain = world
            .describe("select id from people order by id")
            .await
            .unwrap();
        let again = engine
            .resume(session, permit, plain.id, (&plain.sql, None), plain.origin)
            .await
            .unwrap();
        assert_eq!(
            (again.id, &again.schema, again.snapshot),
            (plain.id, &plain.schema, plain.snapshot)
        );
        assert_eq!(world.run(&again).await.unwrap()[0].num_rows(), 5);

        let prepared = world
            .prepare("select name from people where id = ? or name = ?")
            .await
            .unwrap();
        world
            .bind(prepared.id, vec![ints(&[1]), text(&["Cleo"])])
            .unwrap();
        let bound = engine
            .instantiate(session, permit, prepared.id)
            .await
            .unwrap();
        let ipc = bound.parameters_ipc().unwrap();
        let read = StreamReader::try_new(ipc.as_ref(), None).unwrap();
        assert_eq!(read.schema().field(0).data_type(), &DataType::Int32);
        let again = engine
            .resume(
                session,
                permit,
                bound.id,
                (&bound.sql, Some(&ipc)),
                bound.origin,
            )
            .await
            .unwrap();
        assert_eq!(again.schema, bound.schema);
        assert_eq!(world.run(&again).await.unwrap()[0].num_rows(), 2);
        if cached_plans == 0 {
            assert!(matches!(
                engine
                    .resume(
                        session,
                        permit,
                        bound.id,
                        (&bound.sql, Some(b"junk")),
                        bound.origin
                    )
                    .await,
                Err(Error::InvalidInput { .. })
            ));
            assert!(matches!(
                engine
                    .resume(session, permit, bound.id, (&bound.sql, None), bound.origin)
                    .await,
                Err(Error::InvalidInput { .. })
            ));
        }
    }
}

#[tokio::test]
async fn what_belongs_to_one_user_is_closed_to_others() {
    let world = World::new().await;
    let config = godwit_config::Config::default();
    let bob = permit_for(&config, Some("bob")).await;
    let statement = world.describe("select 1").await.unwrap();
    let prepared = world.prepare("select 1").await.unwrap();
    let denied = |error: Error| assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    denied(
        world
            .engine
            .describe(&world.session, &bob, "select 1")
            .await
            .unwrap_err(),
    );
    denied(
        world
            .engine
            .prepared(&world.session, &bob, prepared.id)
            .unwrap_err(),
    );
    let own = world
        .engine
        .sessions()
        .open("bob", godwit_engine::SessionKey::Stateless)
        .unwrap();
    denied(
        world
            .engine
            .resume(
                &own,
                &bob,
                statement.id,
                ("select 1", None),
                statement.origin,
            )
            .await
            .unwrap_err(),
    );
    denied(
        world
            .engine
            .query(&own, &bob, &statement)
            .await
            .unwrap_err(),
    );
    assert!(matches!(
        world.engine.prepared(&own, &bob, prepared.id),
        Err(Error::NotFound { .. })
    ));
    let others = "select count(*) from system.sessions where user_name <> 'bob'";
    assert_eq!(world.one(others).await, "1");
}

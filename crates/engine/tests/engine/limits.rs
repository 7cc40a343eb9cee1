use godwit_engine::Error;

use crate::support::World;

fn repeat(head: &str, open: &str, core: &str, close: &str, times: usize) -> String {
    format!("{head}{}{core}{}", open.repeat(times), close.repeat(times))
}

#[tokio::test]
async fn the_text_of_a_statement_is_bounded() {
    let world = World::new().await;
    let sql = format!("select '{}'", "x".repeat(1 << 20));
    assert!(matches!(
        world.error(&sql).await,
        Error::TooLarge {
            limit: "query.max_sql_bytes",
            allowed: 1_000_000,
            ..
        }
    ));
    let sql = format!("select length('{}') as n", "x".repeat(900_000));
    assert_eq!(world.one(&sql).await, "900000");
}

#[tokio::test]
async fn ten_thousand_levels_are_an_error() {
    let world = World::new().await;
    for (head, open, core, close) in [
        ("select ", "(", "1", ")"),
        ("select ", "[", "1", "]"),
        ("select ", "case when true then ", "1", " end"),
        ("select ", "abs(", "1", ")"),
        ("select ", "cast(", "1", " as int)"),
        ("select ", "not ", "true", ""),
        ("select ", "- ", "1", ""),
        ("select ", "~ ", "1", ""),
        ("select ", "interval ", "'1 day'", ""),
        ("select cast(null as ", "array<", "int", ">)"),
        ("", "(", "select 1", ")"),
        ("select * from ", "(select * from ", "people", ")"),
        ("select ", "(select ", "1", ")"),
        ("", "with t as (", "select 1", ") select * from t"),
        ("", "explain ", "select 1", ""),
        ("select 1 where ", "exists (select 1 where ", "true", ")"),
    ] {
        let error = world.error(&repeat(head, open, core, close, 10_000)).await;
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{head}{open}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_hundred_levels_are_fine() {
    let world = World::new().await;
    for (head, open, core, close) in [
        ("select ", "(", "1", ")"),
        ("select ", "case when true then ", "1", " end"),
        ("select ", "abs(", "1", ")"),
        ("select * from ", "(select * from ", "people", ")"),
    ] {
        let sql = repeat(head, open, core, close, 100);
        world
            .rows(&sql)
            .await
            .unwrap_or_else(|error| panic!("{head}{open}: {error}"));
    }
}

#[tokio::test]
async fn long_chains_give_a_result_or_an_error() {
    let world = World::new().await;
    for link in [
        " + 1",
        " + id",
        " and id >= 0",
        " or id = 1",
        " || 'x'",
        " * 1.5",
        " is null",
        "::bigint",
    ] {
        for times in [900, 100_000] {
            let sql = format!("select id{} from people", link.repeat(times));
            answers(&world, &sql, &format!("{times} times {link}")).await;
            let sql = format!(
                "select id from people where (id{}) is not null",
                link.repeat(times)
            );
            answers(&world, &sql, &format!("where {times} times {link}")).await;
        }
    }
}

#[tokio::test]
async fn long_unions_give_a_result_or_an_error() {
    let world = World::new().await;
    for link in [
        " union all select 1",
        " union select 2",
        " intersect select 1",
        " |> where true",
    ] {
        for times in [300, 9_000, 40_000] {
            let sql = format!("select 1{}", link.repeat(times));
            answers(&world, &sql, &format!("{times} times {link}")).await;
        }
    }
}

#[tokio::test]
async fn many_tables_give_an_error() {
    let world = World::new().await;
    let joins: String = (0..2_000)
        .map(|at| format!(" join people p{at} on p.id = p{at}.id"))
        .collect();
    assert!(
        answers(&world, &format!("select 1 from people p{joins}"), "joins")
            .await
            .is_some()
    );
    let ctes: String = (1..5_000)
        .map(|at| format!(", a{at} as (select * from a{})", at - 1))
        .collect();
    assert!(
        answers(
            &world,
            &format!("with a0 as (select 1){ctes} select * from a4999"),
            "ctes"
        )
        .await
        .is_some()
    );
}

#[tokio::test]
async fn derived_tables_count_as_tables() {
    let world = World::new().await;
    let derived: Vec<String> = (0..20_000).map(|at| format!("(select 1) a{at}")).collect();
    let sql = format!("select 1 from {}", derived.join(", "));
    let error = world.error(&sql).await;
    assert!(
        error.to_string().contains("query.max_sql_depth"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_plan_that_explodes_is_an_error() {
    let world = World::new().await;
    let doubling = |links: usize| -> String {
        let ctes: String = (1..links)
            .map(|at| {
                let before = at - 1;
                format!(", a{at} as (select l.id from a{before} l join a{before} r on l.id = r.id)")
            })
            .collect();
        let last = links - 1;
        format!("with a0 as (select id from people){ctes} select count(*) from a{last}")
    };
    for sql in [doubling(40), format!("explain {}", doubling(40))] {
        let error = world.error(&sql).await;
        assert!(error.to_string().contains("written out"), "{error:?}");
    }
    assert_eq!(world.one(&doubling(4)).await, "5");
}

#[tokio::test]
async fn an_expression_may_hide_a_table() {
    let world = World::new().await;
    let sql = "with people as (select id from people where id < 3) select count(*) from people p, people q";
    assert_eq!(world.one(sql).await, "9");
}

#[tokio::test]
async fn wide_is_not_deep() {
    let world = World::new().await;
    let list: Vec<String> = (0..20_000).map(|at| at.to_string()).collect();
    assert_eq!(
        world
            .one(&format!(
                "select count(*) from people where id in ({})",
                list.join(",")
            ))
            .await,
        "5"
    );
    let columns: Vec<String> = (0..2_000).map(|at| format!("id + {at} as c{at}")).collect();
    assert_eq!(
        world
            .rows(&format!("select {} from people", columns.join(",")))
            .await
            .unwrap()[0]
            .num_columns(),
        2000
    );
}

/// The server lives on, and what it refuses is the client's mistake.
async fn answers(world: &World, sql: &str, what: &str) -> Option<Error> {
    let outcome = world.rows(sql).await.err();
    if let Some(error) = &outcome {
        assert!(
            matches!(
                error,
                Error::InvalidInput { .. }
                    | Error::Unsupported { .. }
                    | Error::TooLarge { .. }
                    | Error::ResourcesExhausted { .. }
            ),
            "{what}: {error:?}"
        );
    }
    assert_eq!(world.one("select 1").await, "1", "{what}");
    outcome
}

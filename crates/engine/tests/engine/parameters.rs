//! What a statement says about its parameters.

use arrow::datatypes::{DataType, TimeUnit};
use godwit_engine::Error;

use crate::support::World;

#[tokio::test]
async fn types_are_inferred_from_where_parameters_stand() {
    use DataType::{Boolean, Date32, Float64, Int32, Int64, Utf8};
    let world = World::new().await;
    let seen = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let month = DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano);
    let cases: Vec<(&str, Vec<DataType>)> = vec![
        // DataFusion's own.
        ("select * from people where id = ?", vec![Int32]),
        (
            "select * from people where ? < big and name = ?",
            vec![Int64, Utf8],
        ),
        (
            "select * from people where id between ? and ?",
            vec![Int32, Int32],
        ),
        (
            "select * from people where id in (?, ?, 3)",
            vec![Int32, Int32],
        ),
        ("select * from people where name like ?", vec![Utf8]),
        (
            "select * from people p join orders o on p.id = o.person and o.id > $1",
            vec![Int64],
        ),
        (
            "select count(*) from people group by name having count(*) > ?",
            vec![Int64],
        ),
        (
            "select * from people where id in (select person from orders where amount > ?)",
            vec![Float64],
        ),
        (
            "select * from people where ? in (select id from orders)",
            vec![Int64],
        ),
        (
            "select * from people where seen > ? and born < ?",
            vec![seen.clone(), Date32],
        ),
        // LIMIT and OFFSET.
        ("select * from people limit ?", vec![Int64]),
        (
            "select * from people order by id limit ? offset ?",
            vec![Int64, Int64],
        ),
        // CAST.
        ("select cast(? as int)", vec![Int32]),
        (
            "select ?::double, try_cast(? as date)",
            vec![Float64, Date32],
        ),
        // Arguments of functions.
        ("select abs(?)", vec![Float64]),
        (
            "select upper(?), length(?), substr(?, ?)",
            vec![Utf8, Utf8, Utf8, Int64],
        ),
        (
            "select coalesce(score, ?), nullif(?, id) from people",
            vec![Float64, Int32],
        ),
        ("select date_trunc(?, seen) from people", vec![Utf8]),
        // CASE.
        (
            "select case when id > ? then ? else name end from people",
            vec![Int32, Utf8],
        ),
        (
            "select case id when ? then ? else 1.5 end from people",
            vec![Int32, Float64],
        ),
        ("select case when ? then 1 end", vec![Boolean]),
        // Parameters among themselves.
        (
            "select * from people where $1 = $2 and $2 = id",
            vec![Int32, Int32],
        ),
        ("select $1 = $2", vec![Utf8, Utf8]),
        // Arithmetic, nested.
        ("select * from people where (? + 1) * 2 > id", vec![Int64]),
        ("select id * (? + ?) from people", vec![Int32, Int32]),
        ("select -? + score from people", vec![Float64]),
        ("select born + ? from people", vec![month]),
        ("select name || ? from people", vec![Utf8]),
        // Conditions.
        ("select * from people where ?", vec![Boolean]),
        ("select * from people where not ? or id = 1", vec![Boolean]),
        ("select * from people where id = 1 and ?", vec![Boolean]),
        // VALUES and UNION.
        ("values (1, ?), (?, 'x')", vec![Utf8, Int64]),
        ("select id from people union all select ?", vec![Int32]),
        // Nothing to go by.
        ("select ?", vec![Utf8]),
        ("select ? as a, ? is null as b", vec![Utf8, Utf8]),
        // The plain types of encoded ones.
        (
            "select * from people where arrow_cast(name, 'Utf8View') = ?",
            vec![Utf8],
        ),
        (
            "select * from people where arrow_cast(name, 'Dictionary(Int32, Utf8)') = ?",
            vec![Utf8],
        ),
        // Order and gaps.
        (
            "select * from people where id = $2 and name = $1",
            vec![Utf8, Int32],
        ),
        (
            "select * from people where id = $3",
            vec![Utf8, Utf8, Int32],
        ),
    ];
    let mut failed = Vec::new();
    for (sql, expected) in cases {
        match world
            .engine
            .prepare(&world.session, &world.permit, sql)
            .await
        {
            Ok(prepared) => {
                let fields = prepared.parameter_schema.fields();
                let types: Vec<_> = fields
                    .iter()
                    .map(|field| field.data_type().clone())
                    .collect();
                if types != expected {
                    failed.push(format!("{sql}: {types:?}, expected {expected:?}"));
                }
                assert!(fields.iter().all(|field| field.is_nullable()), "{sql}");
            }
            Err(error) => failed.push(format!("{sql}: {error}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test]
async fn parameters_are_named_in_the_order_of_binding() {
    let world = World::new().await;
    for (sql, names) in [
        ("select ?, ?", ["$1", "$2"]),
        ("select $2, $1", ["$1", "$2"]),
        ("select $low, $high, $low", ["$low", "$high"]),
    ] {
        let prepared = world
            .engine
            .prepare(&world.session, &world.permit, sql)
            .await
            .unwrap();
        let fields = prepared.parameter_schema.fields();
        assert_eq!(
            fields
                .iter()
                .map(|field| field.name().as_str())
                .collect::<Vec<_>>(),
            names,
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_question_mark_in_a_string_is_no_parameter() {
    let world = World::new().await;
    let sql = "select '?' as a, /* ? */ \"?\" as b from (select 1 as \"?\") -- ?";
    let prepared = world
        .engine
        .prepare(&world.session, &world.permit, sql)
        .await
        .unwrap();
    assert!(prepared.parameter_schema.fields().is_empty());
    assert_eq!(world.one(sql).await, "? 1");
}

#[tokio::test]
async fn mixtures_are_refused_and_missing_values_told() {
    let world = World::new().await;
    for sql in ["select ?, $1", "select $1, $a", "select $0"] {
        let error = world
            .engine
            .prepare(&world.session, &world.permit, sql)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{sql}: {error:?}"
        );
    }
    let error = world.describe("select ? + 1").await.unwrap_err();
    assert!(
        matches!(&error, Error::InvalidInput { message } if message.contains('1')),
        "{error:?}"
    );
}

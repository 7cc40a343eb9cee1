//! Values for the parameters of prepared statements.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, NullArray, RecordBatch,
    StringArray, StringViewArray, UnionArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field, Int32Type, UnionFields};
use godwit_engine::Error;

use crate::prepared::{ints, text};
use crate::support::World;

#[tokio::test]
async fn values_are_cast_to_the_advertised_types() {
    let world = World::new().await;
    let prepared = world
        .prepare("select id from people where id >= ? and name <> ? order by id limit ?")
        .await
        .unwrap();
    let dictionary: DictionaryArray<Int32Type> = ["Cleo"].into_iter().collect();
    let union = union_of(&[UnionValue::Int(1)]);
    for (id, name, limit) in [
        (ints(&[1]), text(&["Cleo"]), ints(&[2])),
        (
            text(&["1"]),
            Arc::new(StringViewArray::from(vec!["Cleo"])) as ArrayRef,
            Arc::new(Int32Array::from(vec![2])) as ArrayRef,
        ),
        (
            Arc::new(Float64Array::from(vec![1.0])) as ArrayRef,
            Arc::new(dictionary) as ArrayRef,
            text(&["2"]),
        ),
        (
            union,
            union_of(&[UnionValue::Text("Cleo")]),
            union_of(&[UnionValue::Text("2")]),
        ),
    ] {
        world.bind(prepared.id, vec![id, name, limit]).unwrap();
        assert_eq!(world.fetch(prepared.id).await.unwrap(), [["1"], ["3"]]);
    }
    for (id, name) in [
        (text(&["one"]), text(&["x"])),
        (ints(&[i64::MAX]), text(&["x"])),
        (
            Arc::new(Float64Array::from(vec![1.5])) as ArrayRef,
            text(&["x"]),
        ),
    ] {
        let error = world
            .bind(prepared.id, vec![id, name, ints(&[1])])
            .unwrap_err();
        assert!(
            matches!(&error, Error::InvalidInput { message } if message.contains("$1")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn unions_are_unwrapped_row_by_row() {
    let world = World::new().await;
    let prepared = world.prepare("select ? as v").await.unwrap();
    let values = union_of(&[
        UnionValue::Int(5),
        UnionValue::Text("five"),
        UnionValue::Int(6),
    ]);
    world.bind(prepared.id, vec![values]).unwrap();
    assert_eq!(
        world.fetch(prepared.id).await.unwrap(),
        [["5"], ["five"], ["6"]]
    );
}

#[tokio::test]
async fn nulls_can_be_bound_and_keep_the_schema() {
    let world = World::new().await;
    let prepared = world
        .prepare("select ? as a, cast(? as int) as b, coalesce(?, 7) as c")
        .await
        .unwrap();
    let null = || Arc::new(NullArray::new(1)) as ArrayRef;
    world
        .bind(prepared.id, vec![null(), null(), null()])
        .unwrap();
    let statement = world
        .engine
        .instantiate(&world.session, &world.permit, prepared.id)
        .await
        .unwrap();
    assert_eq!(statement.schema, prepared.dataset_schema);
    assert_eq!(
        world.run(&statement).await.unwrap()[0]
            .column(0)
            .null_count(),
        1
    );
    world
        .bind(prepared.id, vec![text(&["x"]), ints(&[1]), ints(&[1])])
        .unwrap();
    let statement = world
        .engine
        .instantiate(&world.session, &world.permit, prepared.id)
        .await
        .unwrap();
    assert_eq!(statement.schema, prepared.dataset_schema);
    assert_eq!(world.fetch(prepared.id).await.unwrap(), [["x", "1", "1"]]);
}

#[tokio::test]
async fn a_wrong_count_names_both_numbers() {
    let world = World::new().await;
    let prepared = world.prepare("select ?, ?").await.unwrap();
    let error = world.bind(prepared.id, vec![ints(&[1])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the statement takes 2 parameters, 1 are bound"
    );
    let none = world.prepare("select 1").await.unwrap();
    let error = world.bind(none.id, vec![ints(&[1])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the statement takes 0 parameters, 1 are bound"
    );
    world
        .engine
        .bind(
            &world.session,
            &world.permit,
            none.id,
            vec![RecordBatch::new_empty(Arc::new(
                arrow::datatypes::Schema::empty(),
            ))],
        )
        .unwrap();
    assert_eq!(world.fetch(none.id).await.unwrap(), [["1"]]);
}

#[tokio::test]
async fn every_kind_of_parameter_runs() {
    let world = World::new().await;
    for (sql, columns, expected) in [
        (
            "select id from people order by id limit ? offset ?",
            vec![ints(&[1]), ints(&[2])],
            "2",
        ),
        (
            "select $1 + $2 as s from (values (1)) where $1 < 5",
            vec![text(&["1"]), text(&["2"])],
            "",
        ),
        (
            "select case when id = $1 then $2 else 'no' end from people where id = 1",
            vec![ints(&[1]), text(&["yes"])],
            "yes",
        ),
        ("values (1, $1)", vec![text(&["x"])], "1 x"),
        (
            "select count(*) from people where $1",
            vec![text(&["true"])],
            "5",
        ),
        (
            "select id from people where id in (?, ?)",
            vec![ints(&[1]), ints(&[77])],
            "1",
        ),
        (
            "select $b || $a || $b",
            vec![text(&["x"]), text(&["y"])],
            "xyx",
        ),
        (
            "select name from people where id = (select max(person) from orders where id < ?)",
            vec![ints(&[3])],
            "Bob",
        ),
        (
            "with t as (select ? as v) select v from t union all select v from t limit 1",
            vec![text(&["q"])],
            "q",
        ),
    ] {
        let prepared = world
            .prepare(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        world.bind(prepared.id, columns).unwrap();
        match world.fetch(prepared.id).await {
            Ok(rows) if expected.is_empty() => assert!(rows.is_empty() || rows.len() == 1, "{sql}"),
            Ok(rows) => assert_eq!(rows[0].join(" "), expected, "{sql}"),
            Err(error) => assert!(
                expected.is_empty() && matches!(error, Error::InvalidInput { .. }),
                "{sql}: {error:?}"
            ),
        }
    }
    let explain = world
        .prepare("explain select * from people where id = ?")
        .await
        .unwrap();
    world.bind(explain.id, vec![ints(&[1])]).unwrap();
    assert!(!world.fetch(explain.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn bound_rows_are_bounded() {
    let world = World::with(|config| config.wire.max_request_bytes = 1000).await;
    let prepared = world.prepare("select ?").await.unwrap();
    let error = world.bind(prepared.id, vec![ints(&[7; 1000])]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                limit: "wire.max_request_bytes",
                ..
            }
        ),
        "{error:?}"
    );
}

enum UnionValue {
    Int(i64),
    Text(&'static str),
}

/// As flightsql-dbapi binds: a dense union of an integer and a text child.
fn union_of(values: &[UnionValue]) -> ArrayRef {
    let (mut numbers, mut words, mut ids, mut offsets) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for value in values {
        match value {
            UnionValue::Int(number) => {
                ids.push(0_i8);
                offsets.push(i32::try_from(numbers.len()).unwrap());
                numbers.push(*number);
            }
            UnionValue::Text(word) => {
                ids.push(3);
                offsets.push(i32::try_from(words.len()).unwrap());
                words.push(*word);
            }
        }
    }
    // A child that no row uses may hold what cannot be cast.
    let fields: UnionFields = [
        (0_i8, Arc::new(Field::new("int", DataType::Int64, true))),
        (3_i8, Arc::new(Field::new("text", DataType::Utf8, true))),
    ]
    .into_iter()
    .collect();
    let children: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(numbers)),
        Arc::new(StringArray::from(words)),
    ];
    Arc::new(
        UnionArray::try_new(
            fields,
            ScalarBuffer::from(ids),
            Some(ScalarBuffer::from(offsets)),
            children,
        )
        .unwrap(),
    )
}

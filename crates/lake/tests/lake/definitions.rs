//! Schemas, tables, columns and views, as they are after a commit and after a restart.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use godwit_lake::{Commented, Definition, Error, NewColumn};

use crate::rows::{column, scan, table, with_table};
use crate::support::Place;

#[tokio::test]
async fn columns_are_added_renamed_widened_and_dropped() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let mut new = table("t");
    new.columns.push(column("f", DataType::Float32, true));
    new.columns.push(column("i", DataType::Int32, true));
    let t = with_table(&lake, new).await;
    let first = |from: i32, to: i32| -> Vec<ArrayRef> {
        let f = (from..to).map(|i| Some(i as f32 / 10.0));
        vec![
            Arc::new(Int64Array::from_iter_values((from..to).map(i64::from))),
            Arc::new(StringArray::from_iter_values(
                (from..to).map(|i| i.to_string()),
            )),
            Arc::new(f.collect::<arrow::array::Float32Array>()),
            Arc::new(arrow::array::Int32Array::from_iter_values(from..to)),
        ]
    };
    let transaction = lake.begin().await.unwrap();
    for (from, to) in [(0, 5), (5, 30)] {
        let mut writer = transaction.write(t).await.unwrap();
        let schema = Arc::clone(&writer.table().table().arrow);
        let rows = RecordBatch::try_new(schema, first(from, to)).unwrap();
        writer.append(rows).await.unwrap();
        writer.finish().await.unwrap();
    }
    transaction.commit().await.unwrap();
    let transaction = lake.begin().await.unwrap();
    // One more that waits for the commit when the columns change.
    let mut writer = transaction.write(t).await.unwrap();
    let schema = Arc::clone(&writer.table().table().arrow);
    let rows = RecordBatch::try_new(schema, first(30, 31)).unwrap();
    writer.append(rows).await.unwrap();
    writer.finish().await.unwrap();
    alter(&transaction, t);
    let check = |batch: RecordBatch| {
        assert_eq!(batch.num_rows(), 31);
        let names: Vec<&str> = batch
            .schema_ref()
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .collect();
        assert_eq!(names, ["k", "f", "number", "z"]);
        let mut seen = 0;
        for at in 0..31 {
            let k = batch.column(0).as_primitive::<Int64Type>().value(at);
            let f = batch.column(1).as_primitive::<Float64Type>().value(at);
            assert_eq!(f, f64::from(k as f32 / 10.0));
            assert_eq!(batch.column(2).as_primitive::<Int64Type>().value(at), k);
            assert_eq!(batch.column(3).as_primitive::<Int32Type>().value(at), 7);
            seen += k;
        }
        assert_eq!(seen, 30 * 31 / 2);
    };
    check(scan(&transaction.snapshot(), "t").await);
    transaction.commit().await.unwrap();
    check(scan(&lake.latest().await.unwrap(), "t").await);
    let lake = place.open().await.unwrap();
    check(scan(&lake.latest().await.unwrap(), "t").await);
    // A number that a column had is not given to another one.
    let transaction = lake.begin().await.unwrap();
    add(&transaction, t, "v", DataType::Utf8, None);
    let values = scan(&transaction.snapshot(), "t").await;
    assert_eq!(values.column(4).null_count(), 31);
    transaction.commit().await.unwrap();
    let values = scan(&lake.latest().await.unwrap(), "t").await;
    assert_eq!(values.column(4).null_count(), 31);
}

fn alter(transaction: &godwit_lake::Transaction, t: godwit_lake::TableId) {
    let define = |definition| transaction.define(definition).unwrap();
    define(Definition::RenameColumn {
        table: t,
        column: "i".to_owned(),
        to: "number".to_owned(),
    });
    for (column, data_type) in [("number", DataType::Int64), ("f", DataType::Float64)] {
        define(Definition::SetType {
            table: t,
            column: column.to_owned(),
            data_type,
        });
    }
    define(Definition::DropColumn {
        table: t,
        column: "v".to_owned(),
    });
    add(transaction, t, "z", DataType::Int32, Some(7));
}

pub(crate) fn add(
    transaction: &godwit_lake::Transaction,
    table: godwit_lake::TableId,
    name: &str,
    data_type: DataType,
    initial: Option<i32>,
) {
    let column = NewColumn {
        field: Field::new(name, data_type, true),
        default: initial.map(|initial| initial.to_string()),
        initial: initial.map(|initial| ScalarValue::Int32(Some(initial))),
    };
    let definition = Definition::AddColumn { table, column };
    transaction.define(definition).unwrap();
}

#[tokio::test]
async fn definitions_are_there_after_a_restart() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let transaction = lake.begin().await.unwrap();
    let mut new = table("t");
    new.columns[1].default = Some("'it''s'".to_owned());
    new.keys = vec![("t_pkey".to_owned(), true, vec!["k".to_owned()])];
    let t = transaction.create_table(new).unwrap();
    let define = |definition| transaction.define(definition).unwrap();
    define(Definition::CreateSchema {
        name: "other \"one\"".to_owned(),
    });
    define(Definition::CreateView {
        schema: "other \"one\"".to_owned(),
        name: "v".to_owned(),
        sql: "SELECT 1 AS x".to_owned(),
        aliases: vec!["a,\"b".to_owned()],
        replace: false,
    });
    for (on, text) in [
        (Commented::Table(t), "a table"),
        (Commented::Column(t, "v".to_owned()), "a column"),
        (Commented::Schema("main".to_owned()), "a schema"),
        (
            Commented::View("other \"one\"".to_owned(), "v".to_owned()),
            "a view",
        ),
    ] {
        let text = Some(text.to_owned());
        define(Definition::Comment { on, text });
    }
    define(Definition::RenameTable {
        table: t,
        to: "T2".to_owned(),
    });
    transaction.commit().await.unwrap();
    let lake = place.open().await.unwrap();
    let newest = lake.latest().await.unwrap();
    let state = newest.state();
    assert_eq!(state.schemas["main"].comment.as_deref(), Some("a schema"));
    let t = state.table("main", "T2").unwrap();
    assert_eq!(t.comment.as_deref(), Some("a table"));
    assert_eq!(t.keys.len(), 1);
    assert!(t.keys[0].primary && t.keys[0].columns == [t.columns[0].id.0]);
    assert_eq!(t.columns[1].default.as_deref(), Some("'it''s'"));
    assert_eq!(t.columns[1].comment.as_deref(), Some("a column"));
    let view = state.view("other \"one\"", "v").unwrap();
    assert_eq!(view.aliases, ["a,\"b"]);
    assert_eq!(view.comment.as_deref(), Some("a view"));
    let transaction = lake.begin().await.unwrap();
    let define = |definition| transaction.define(definition);
    let drop_schema = |cascade| Definition::DropSchema {
        name: "other \"one\"".to_owned(),
        cascade,
    };
    assert!(matches!(
        define(drop_schema(false)),
        Err(Error::Invalid { .. })
    ));
    define(drop_schema(true)).unwrap();
    define(Definition::DropTable { table: t.id }).unwrap();
    transaction.commit().await.unwrap();
    let newest = lake.latest().await.unwrap();
    assert_eq!(newest.state().schemas.len(), 1);
    assert!(newest.state().table("main", "T2").is_none());
}

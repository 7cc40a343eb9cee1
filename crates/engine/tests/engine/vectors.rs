//! What the columns of a query are made of.

use std::collections::BTreeSet;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use godwit_engine::Error;

use crate::support::World;

/// The chapter of the course on DuckDB's vectors: its table, without what is random in it.
const SALES: &str = "select value as id, 'ATIVO' as status, \
     case value % 5 when 0 then 'São Paulo' when 1 then 'Rio de Janeiro' when 2 then 'Curitiba' when 3 then 'Salvador' \
     else 'Belo Horizonte' end as cidade, random() * 10000 as valor, \
     case when value % 10 = 3 then null else sqrt(value) end as desconto \
     from generate_series(1, 100000)";

fn quoted(sql: &str) -> String {
    format!("'{}'", sql.replace('\'', "''"))
}

#[tokio::test]
async fn the_chapters_table_has_the_chapters_vectors() {
    let world = World::new().await;
    let of = quoted(SALES);
    let sql = format!(
        "select column_name, kind, count(*), min(row_count), max(row_count), min(validity), max(validity) \
         from vector_types({of}) group by column_index, column_name, kind order by column_index"
    );
    let each = |name: &str, kind: &str, validity: &str| {
        [name, kind, "49", "1696", "2048", validity, validity].map(str::to_owned)
    };
    assert_eq!(
        world.cells(&sql).await,
        [
            each("id", "sequence", "all valid"),
            each("status", "constant", "all valid"),
            each("cidade", "dictionary", "all valid"),
            each("valor", "flat", "all valid"),
            each("desconto", "flat", "some null"),
        ]
    );
    let sql = format!(
        "select first_row, distinct_count, run_count, null_count, bytes_flat, bytes_best, saving, suggestion \
         from vector_types({of}) where chunk = 48 and column_name in ('id', 'status', 'cidade', 'desconto')"
    );
    // "São Paulo" has ten bytes.
    let cities = 10 + 14 + 8 + 8 + 14;
    let row = |start: &str, flat: u32, best: u32, suggestion: &str| {
        let saving = f64::from(flat - best) / f64::from(flat) * 100.0;
        format!("98304 {start} {flat} {best} {saving} {suggestion}")
    };
    let cells = world.cells(&sql).await;
    let rows: Vec<_> = cells.iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        rows,
        [
            row(
                "1696 1696 0",
                1696 * 8,
                16,
                "sequence (start=98305, step=1)"
            ),
            row("1 1 0", 4 * 1697 + 5 * 1696, 4 * 2 + 5, "constant"),
            row(
                "5 1696 0",
                4 * 1697 + cities * 339 + 10,
                4 * 6 + cities + 1696,
                "dictionary (5 values, 8-bit keys)",
            ),
            row("1527 1696 169", 1696 * 8 + 212, 1696 * 8 + 212, "flat")
                .replace(" 0 flat", " 0.0 flat"),
        ]
    );
}

/// `suggest_vector_type` of the chapter.
fn suggested(values: &[f64]) -> &'static str {
    let unique = |values: &[f64]| {
        values
            .iter()
            .map(|n| n.to_bits())
            .collect::<BTreeSet<_>>()
            .len()
    };
    let diffs: Vec<_> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if unique(values) == 1 {
        "constant"
    } else if unique(&diffs) == 1 {
        "sequence"
    } else if (unique(values) as f64) / (values.len() as f64) < 0.1 {
        "dictionary"
    } else {
        "flat"
    }
}

/// `calculate_memory_savings` of the chapter, and the 16 bytes of its class for sequences.
fn memory(values: &[f64]) -> (usize, usize, f64) {
    let flat = values.len() * 8;
    let unique = values
        .iter()
        .map(|n| n.to_bits())
        .collect::<BTreeSet<_>>()
        .len();
    let key = match unique {
        0..256 => 1,
        256..65536 => 2,
        _ => 4,
    };
    let dictionary = unique * 8 + values.len() * key;
    let constant = if unique == 1 { unique * 8 } else { flat };
    let sequence = if suggested(values) == "sequence" {
        16
    } else {
        flat
    };
    let best = flat.min(dictionary).min(constant).min(sequence);
    (flat, best, (flat - best) as f64 / flat as f64 * 100.0)
}

#[tokio::test]
async fn the_chapters_exercises_have_the_chapters_answers() {
    let world = World::new().await;
    for (case, expression, kind) in [
        ("ids", "cast(value as double)", "sequence"),
        ("all the same", "cast(1.5 as double)", "constant"),
        (
            "five categories",
            "cast(value * 7 % 5 as double)",
            "dictionary",
        ),
        (
            "hundred and more",
            "cast(value * value % 211 as double)",
            "flat",
        ),
        ("any values", "sin(value)", "flat"),
        ("a step of two", "cast(value * 2 - 2 as double)", "sequence"),
    ] {
        let query = format!("select {expression} as v from generate_series(1, 1000)");
        let values = doubles(&world.rows(&query).await.unwrap());
        assert_eq!(suggested(&values), kind, "{case}");
        let (flat, best, saving) = memory(&values);
        let sql = format!(
            "select kind, bytes_flat, bytes_best, saving from vector_types({}, 1000)",
            quoted(&query)
        );
        let rows = world.rows(&sql).await.unwrap();
        assert_eq!(
            rows.iter().map(RecordBatch::num_rows).sum::<usize>(),
            1,
            "{case}"
        );
        let [row] = rows.as_slice() else {
            panic!("{case}: {rows:?}")
        };
        let number = |at: usize| row.column(at).as_primitive::<Int64Type>().value(0);
        assert_eq!(row.column(0).as_string::<i32>().value(0), kind, "{case}");
        assert_eq!((number(1), number(2)), (flat as i64, best as i64), "{case}");
        let found = row.column(3).as_primitive::<Float64Type>().value(0);
        assert!((found - saving).abs() < 1e-9, "{case}: {found} {saving}");
    }
    // Strings: NumPy gives each the width of the longest, Arrow its own length and an offset.
    let query = "select case value % 5 when 0 then 'SP' when 1 then 'RJ' when 2 then 'MG' when 3 then 'BA' else 'PR' end \
                 as c from generate_series(1, 10000)";
    let sql = format!(
        "select kind, distinct_count, bytes_flat, bytes_best from vector_types({}, 10000)",
        quoted(query)
    );
    let (flat, best) = (4 * 10_001 + 20_000, (4 * 6 + 10) + 10_000);
    assert_eq!(world.one(&sql).await, format!("dictionary 5 {flat} {best}"));
}

fn doubles(batches: &[RecordBatch]) -> Vec<f64> {
    let columns = batches
        .iter()
        .map(|batch| batch.column(0).as_primitive::<Float64Type>());
    columns
        .flat_map(|column| column.values().to_vec())
        .collect()
}

#[tokio::test]
async fn tables_of_all_kinds_are_looked_at() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t as select value as n, 'x' as c from generate_series(1, 3000)",
            "create temp table mine as select * from t where n <= 10",
            "create view v as select n * 2 as m from t",
        ])
        .await;
    for (of, rows) in [
        ("t", 3000),
        ("main.t", 3000),
        ("godwit.main.t", 3000),
        ("mine", 10),
        ("temp.mine", 10),
        ("v", 3000),
    ] {
        let sql = format!("select sum(row_count) from vector_types('{of}') where column_index = 0");
        assert_eq!(world.one(&sql).await, rows.to_string(), "{of}");
    }
    let kinds = world
        .cells(
            "select column_name, data_type, kind from vector_types('people') order by column_index",
        )
        .await;
    assert_eq!(kinds.len(), 8, "nested types too: {kinds:?}");
    assert_eq!(kinds[0], ["id", "Int32", "sequence"]);
    let names = world
        .cells("select column_name from vector_types('select n, n, 1, 1, n + 1 from t')")
        .await;
    assert_eq!(names.len(), 10, "{names:?}");
    assert_eq!(names[..2], [["n"], ["n"]]);
    assert_eq!(
        world
            .one("select count(*) from vector_types('select * from t where n < 0')")
            .await,
        "0"
    );
    assert_eq!(
        world
            .one("select count(*) from vector_types($$select kind from vector_types('t', 1)$$)")
            .await,
        "3"
    );
}

#[tokio::test]
async fn it_is_a_table_like_others() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t as select value as n from generate_series(1, 100)",
            "create view looked as select kind, bytes_best from vector_types('t')",
            "create table kept as select * from vector_types('t', 10)",
            "insert into kept select * from vector_types('kept')",
        ])
        .await;
    assert_eq!(
        world.one("select kind, bytes_best from looked").await,
        "sequence 16"
    );
    assert_eq!(world.one("select count(*) from kept").await, "25");
    assert_eq!(
        world
            .one("select a.kind from vector_types('t') a join Vector_Types('t', 7) b on a.first_row = b.first_row")
            .await,
        "sequence"
    );
    let plan = world
        .table("explain select kind from vector_types('t')")
        .await;
    assert!(plan.contains("AnatomyExec: rows=2048"), "{plan}");
    world.changes(&["begin", "insert into t values (0)"]).await;
    assert_eq!(
        world
            .one("select sum(row_count) from vector_types('t')")
            .await,
        "101"
    );
    world.changes(&["rollback"]).await;
    assert_eq!(
        world
            .one("select sum(row_count) from vector_types('t')")
            .await,
        "100"
    );
}

#[tokio::test]
async fn what_is_no_query_is_refused() {
    let world = World::new().await;
    world.changes(&["create table t (a int)"]).await;
    let refused = async |sql: String| {
        let error = world.error(&sql).await;
        assert!(
            matches!(
                &error,
                Error::InvalidInput { .. }
                    | Error::NotFound { .. }
                    | Error::Syntax { .. }
                    | Error::Unsupported { .. }
            ),
            "{sql}: {error:?}"
        );
        error.to_string()
    };
    for (args, said) in [
        ("", "rows a chunk"),
        ("t", "vector_types('table or query')"),
        ("'t', 0", "1 to 131072"),
        ("'t', 131073", "1 to 131072"),
        ("'t', -1", "1 to 131072"),
        ("'t', 1.5", "1 to 131072"),
        ("'t', 1, 2", "rows a chunk"),
        ("$1", "vector_types('table or query')"),
        ("rows => 1", "no named arguments"),
        ("'nowhere'", "nowhere"),
        ("'select nothing from t'", "the query of vector_types"),
        ("'select 1; select 2'", "one statement"),
        ("'select $1'", "parameter"),
        ("'insert into t values (1)'", "no query"),
        ("'drop table t'", "no query"),
        ("'set timeout = 1'", "no query"),
        ("'drop user u'", "statement of its own"),
        ("'copy t to ''x.csv'''", "no query"),
        ("'select 1 into u'", "INTO"),
        ("''", "the query of vector_types"),
    ] {
        let error = refused(format!("select * from vector_types({args})")).await;
        assert!(error.contains(said), "{args}: {error}");
    }
    let mut nested = "t".to_owned();
    for level in 0..10 {
        nested = format!("select * from vector_types($l{level}${nested}$l{level}$)");
    }
    assert!(refused(nested).await.contains("8 levels"));
    assert_eq!(world.one("select count(*) from t").await, "0");
}

//! The schema that is described is the schema of the stream, to the nullability, for whatever is asked.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;

use crate::support::World;

const STATEMENTS: &[&str] = &[
    // Plain.
    "select 1",
    "select null",
    "select null as a, cast(null as int) as b, 'x' as c, true as d, 1.5 as e",
    "select * from people",
    "select id, name, score * 2, -big, born + interval '1 day', seen - seen from people",
    "select * from orders",
    "select * from people where false",
    "select * from people limit 0",
    "values (1, 'a'), (null, 'b')",
    "values (1), (2)",
    // Names that come twice.
    "select 1, 1",
    "select id, id from people",
    "select id as a, name as a from people",
    "select id, big as id from people order by id",
    "select count(*), count(*), max(id), max(id) from people",
    "select a.*, b.* from people a join people b on a.id = b.id",
    "select a.id, b.id from people a, people b",
    "select 1, 1 union all select 2, 3",
    // Aggregates, with and without statistics to answer from.
    "select count(*) from people",
    "select count(*), count(name), count(distinct name), min(id), max(id), sum(id), avg(id) from people",
    "select min(name), max(born), min(seen), max(score) from people",
    "select min(id), max(id) from people where id > 100",
    "select name, sum(score), array_agg(id), string_agg(name, ',') from people group by name",
    "select name, id, grouping(name), count(*) from people group by cube (name, id)",
    "select name, count(*) from people group by grouping sets ((name), ())",
    "select approx_distinct(id), median(score), stddev(score), corr(id, score), bool_and(id > 0), bit_and(id) from people",
    "select first_value(name order by id), last_value(id order by id), nth_value(id, 2 order by id) from people",
    "select distinct name from people",
    "select distinct on (name) id, name from people order by name, id",
    // CASE, COALESCE and the like.
    "select case when id > 2 then id end, case when id > 2 then 1 else 0 end, case id when 1 then 'one' else name end from people",
    "select coalesce(name, 'nobody'), coalesce(score, 0), nullif(id, 1), coalesce(null, name), nvl(score, 1.0) from people",
    "select greatest(id, 2), least(score, 1.0), id in (1, 2), name like 'A%', id between 1 and 2 from people",
    "select id is null, name is not null, name is distinct from 'Ada', not (id > 1), name = 'Ada' from people",
    "select cast(id as varchar), try_cast(name as int), arrow_cast(id, 'Int8'), arrow_typeof(id) from people",
    // Joins.
    "select p.id, o.id, o.amount from people p join orders o on p.id = o.person",
    "select p.id, o.id, o.amount from people p left join orders o on p.id = o.person",
    "select p.id, o.id, o.amount from people p right join orders o on p.id = o.person",
    "select p.id, o.id, o.amount from people p full join orders o on p.id = o.person",
    "select p.id from people p left semi join orders o on p.id = o.person",
    "select p.id from people p left anti join orders o on p.id = o.person",
    "select * from people p natural join (select id from orders) o",
    "select * from people join (select id, amount from orders) o using (id)",
    "select p.id, o.n from people p left join (select person, count(*) as n from orders group by person) o on p.id = o.person",
    "select p.id, x.k from people p cross join (values (1), (2)) as x(k)",
    "select p.id, l.top from people p, lateral (select max(amount) as top from orders o where o.person = p.id) l",
    "select id from people where exists (select 1 from orders o where o.person = people.id)",
    "select id, (select max(amount) from orders o where o.person = people.id) from people",
    "select (select count(*) from orders), (select id from people where id = 1)",
    // Set operations.
    "select id from people union all select null",
    "select id, name from people union select id, null from orders",
    "select id from people intersect select person from orders",
    "select id from people except select person from orders",
    "select id as a, name as b from people union all by name select 1 as b, 2 as c",
    "select 1 as x union all select 2.5",
    "select 1 union all select 2 union all select 3 order by 1",
    // Unnest and nested types.
    "select unnest(tags) from people",
    "select id, unnest(tags) as tag from people",
    "select unnest([1, 2, null])",
    "select * from unnest([1, 2], ['a', 'b', 'c'])",
    "select address, address['street'], address['number'], tags[1], array_length(tags), tags || 5 from people",
    "select [1, 2], {'a': 1, 'b': name}, make_array(id, null), named_struct('x', id, 'y', score) from people",
    "select map(['a', 'b'], [1, 2]), struct(id, name), array_agg(address) from people group by id, name",
    "select unnest(address) from people",
    // Windows.
    "select id, row_number() over (order by id), rank() over (order by name), lag(id) over (order by id), lead(id, 1, 0) over (order by id) from people",
    "select sum(score) over (partition by name order by id rows between 1 preceding and current row), count(*) over (), avg(id) over (order by id) from people",
    "select first_value(id) over (order by id), nth_value(name, 2) over (order by id), ntile(2) over (order by id), percent_rank() over (order by id) from people",
    "select id, row_number() over (partition by name order by id) as n from people qualify n = 1",
    // Recursion and series.
    "with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select n from t",
    "with recursive t(n) as (select 1 union all select case when n < 3 then n + 1 end from t where n < 5) select n from t",
    "select * from generate_series(1, 5)",
    "select value * 2 from range(0, 10, 2)",
    // Times and text.
    "select now() is not null, current_date is not null, date_trunc('day', seen), date_part('year', born), to_timestamp('2024-01-01') from people",
    "select extract(year from born), date_bin(interval '1 day', seen), seen at time zone 'Europe/Berlin', born::timestamp from people",
    "select upper(name), concat(name, id), substr(name, 1, 2), length(name), name || '!', regexp_replace(name, 'a', 'b') from people",
    "select cast('2024-01-01 10:00:00' as timestamp with time zone), cast('10:00' as time), interval '1 month'",
    "select cast(1 as decimal(10, 2)), cast(1 as decimal(10, 2)) * 3, 1.0 / 3, 5 / 2, 5 % 2, power(2, 10), round(2.5)",
    "select X'00ff', encode('abc', 'hex'), md5('a'), sha256('a'), random() < 2, uuid() is not null",
    // About the server.
    "explain select * from people",
    "explain verbose select * from people",
    "explain analyze select count(*) from people",
    "explain analyze verbose select count(*) from people",
    "explain format tree select * from people",
    "explain format pgjson select * from people",
    "show tables",
    "show columns from people",
    "show all",
    "show time_zone",
    "show functions",
    "show schemas",
    "show create table people",
    "describe people",
    "describe select id, name from people",
    "select * from information_schema.tables",
    "select * from information_schema.columns",
    "select * from information_schema.df_settings",
    "select * from information_schema.schemata",
    "select * from information_schema.routines",
    "select * from information_schema.parameters",
    "select * from information_schema.views",
    "select * from system.settings",
    "select * from system.sessions",
    "select * from system.queries",
    "select * from system.mounts",
];

#[tokio::test]
async fn the_stream_has_the_schema_that_was_described() {
    let world = World::new().await;
    let mut failed = Vec::new();
    for sql in STATEMENTS {
        match world.rows(sql).await {
            Ok(batches) => batches.iter().for_each(|batch| valid(sql, batch)),
            Err(error) => failed.push(format!("{sql}: {error:?}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test]
async fn settings_do_not_change_that() {
    let world = World::new().await;
    for setting in [
        "prefer_hash_join = false",
        "batch_rows = 1",
        "target_partitions = 1",
        "repartition_aggregations = off",
        "ansi_mode = on",
        "parse_float_as_decimal = on",
    ] {
        world.execute(&format!("set {setting}")).await.unwrap();
    }
    for sql in STATEMENTS {
        if let Ok(batches) = world.rows(sql).await {
            batches.iter().for_each(|batch| valid(sql, batch));
        }
    }
}

/// Arrow checks the types and the nulls of columns when a batch is made; the inside of nested ones is checked here.
fn valid(sql: &str, batch: &RecordBatch) {
    for (column, field) in batch.columns().iter().zip(batch.schema().fields()) {
        column
            .to_data()
            .validate_full()
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let nulls = column.logical_null_count();
        assert!(
            nulls == 0 || field.is_nullable() || *field.data_type() == DataType::Null,
            "{sql}: {field}"
        );
    }
}

#[tokio::test]
async fn repeated_names_come_back_as_they_were_written() {
    let world = World::new().await;
    for (sql, names) in [
        ("select id, id from people", vec!["id", "id"]),
        ("select 1 as a, 2 as a", vec!["a", "a"]),
        (
            "select count(*), count(*) from people",
            vec!["count(*)", "count(*)"],
        ),
        ("select 1, 1", vec!["Int64(1)", "Int64(1)"]),
        (
            "select a.id, b.id from people a, people b",
            vec!["id", "id"],
        ),
    ] {
        let statement = world
            .describe(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let described: Vec<_> = statement
            .schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        assert_eq!(described, names, "{sql}");
    }
    assert_eq!(world.one("select 1 as a, 2 as a").await, "1 2");
    assert_eq!(
        world
            .cells("select id, id from people order by id desc limit 1")
            .await,
        [["4", "4"]]
    );
}

#[tokio::test]
async fn nullability_is_told_where_it_is_known() {
    let world = World::new().await;
    let nullable = async |sql: &str| {
        let statement = world.describe(sql).await.unwrap();
        statement
            .schema
            .fields()
            .iter()
            .map(|field| field.is_nullable())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        nullable("select id, name, count(*) from people group by id, name").await,
        [false, true, false]
    );
    assert!(
        nullable("select o.id, p.id from orders o left join people p on p.id = o.person").await[1]
    );
    assert_eq!(nullable("select max(id) from people").await, [true]);
}

#[tokio::test]
async fn what_is_known_of_a_result_ahead_is_true() {
    let world = World::new().await;
    for (sql, rows, ordered) in [
        ("select 1", Some(1), false),
        ("values (1), (2)", Some(2), false),
        ("select count(*) from people", Some(1), false),
        // A Parquet file says how many rows it has, other files do not.
        ("select id from people", Some(5), false),
        (
            "select p.name from people p order by id desc",
            Some(5),
            true,
        ),
        ("select id from people order by id limit 2", Some(2), true),
        ("select id from people limit 9 offset 3", Some(2), false),
        (
            "select id from people union all select id from people",
            Some(10),
            false,
        ),
        ("select id from orders", None, false),
        ("select id from people where id > 1 order by id", None, true),
        ("select id from people where id > 1", None, false),
        ("select distinct id from people", None, false),
        ("select id from people group by id", None, false),
        ("select count(*) from people limit 0", Some(0), false),
        ("values (1), (2), (3) limit 1 offset 1", Some(1), false),
        ("values (1), (2) limit 5 offset 7", Some(0), false),
        ("select 1 union all values (2), (3)", Some(3), false),
        ("select 1 union select 1", None, false),
        ("select unnest([1, 2, 3])", None, false),
        (
            "select a, row_number() over (order by a) from (values (1), (2)) t(a)",
            Some(2),
            false,
        ),
        // An order counts where it is that of the whole statement.
        (
            "select id from people where id > 1 order by id limit 2 offset 1",
            None,
            true,
        ),
        (
            "select id + 1 from people where id > 1 order by name",
            None,
            true,
        ),
        ("select distinct id from people order by id", None, true),
        ("select 1 as a union all select 2 order by a", Some(2), true),
        (
            "select id, row_number() over (order by id) from people where id > 1",
            None,
            false,
        ),
        (
            "(select 1 as a order by a) union all select 2",
            Some(2),
            false,
        ),
        (
            "select a.id from (select id from people order by id) a join people b on a.id = b.id",
            None,
            false,
        ),
    ] {
        let statement = world.describe(sql).await.unwrap();
        assert_eq!(statement.rows_hint(), rows, "{sql}");
        assert_eq!(statement.ordered(), ordered, "{sql}");
    }
}

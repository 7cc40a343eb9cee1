//! No query over a table with policies gives anything else than it gives over a copy of the rows that they show.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use godwit_auth::access::Privilege as P;

use super::realm::{Given, Realm};

const POLICIES: [&str; 5] = [
    "region = 'north'",
    "x > 2 or y is null",
    "id % 3 = 0 and region is not null",
    "false",
    "length(region) > 4 and has_role('public') and current_user() = 'ada'",
];

/// Conditions on a table that is called `q`; `{T}` is its name and `{N}` a number.
const CONDITIONS: [&str; 14] = [
    "q.x > {N}",
    "q.y = {N}",
    "q.region = 'north'",
    "q.region <> 'south'",
    "10 / (q.x - {N}) > 0",
    "10 / (q.id - {N}) < 3",
    "cast(replace(q.region, 'north', '1') as int) = 1",
    "q.x is null",
    "q.region like '%o%'",
    "q.id in (select x from {T} where y > {N})",
    "exists (select 1 from {T} o where o.id = q.id + {N})",
    "q.x = (select max(x) from {T})",
    "q.id not in (select id from {T} where x = {N})",
    "q.id between {N} and 20",
];

/// Queries; `{W}` is a condition.
const SHAPES: [&str; 16] = [
    "select q.id, q.x, q.y, q.region from {T} q where {W}",
    "select count(*) from {T} q where {W}",
    "select count(*), sum(x), min(y), max(id) from {T} q where {W}",
    "select region, count(*), avg(x), max(id) from {T} q where {W} group by region",
    "select region, count(*) from {T} q where {W} group by region having max(10 / (x - {N})) > 0",
    "select q.id, r.x from {T} q left join {T} r on q.x = r.y and r.x > {N} where {W}",
    "select q.id, r.id from {T} q full join {T} r on q.id = r.x where {W}",
    "select id, row_number() over (partition by region order by id), sum(x) over (order by id) from {T} q where {W}",
    "select id, 10 / (x - {N}) from {T} q where {W} order by id desc limit {N}",
    "select id from {T} q where {W} order by 10 / (id - {N}), id limit 3 offset 1",
    "select id from {T} q where {W} union select x from {T}",
    "select x from {T} q where {W} except select y from {T}",
    "with w as (select region, avg(x) as m from {T} q where {W} group by region) select id, m from w join {T} using (region)",
    "select id, (select max(r.x) from {T} r where r.region = q.region) from {T} q where {W}",
    "select a.n, count(q.id) from (values (1), (2), (3), (4)) a(n) left join {T} q on q.x = a.n and {W} group by a.n",
    "select distinct region, x is null from (select * from {T} q where {W}) s",
];

async fn realm() -> Realm {
    let realm = Realm::new(&["ada"]).await;
    let row = |id: i32| {
        let x = if id % 7 == 0 {
            "null".to_owned()
        } else {
            (id * 5 % 11).to_string()
        };
        let y = if id % 5 == 0 {
            "null".to_owned()
        } else {
            (id * 3 % 7).to_string()
        };
        let region = ["'north'", "'south'", "null", "'east'"][usize::try_from(id).unwrap() % 4];
        format!("({id}, {x}, {y}, {region})")
    };
    let rows: Vec<_> = (1..40).map(row).collect();
    for (at, policy) in POLICIES.iter().enumerate() {
        let seen = policy
            .replace("has_role('public')", "true")
            .replace("current_user()", "'ada'");
        realm
            .world
            .changes(&[
                &format!("create table t{at} (id int, x int, y int, region text)"),
                &format!("insert into t{at} values {}", rows.join(", ")),
                &format!("create table c{at} as select * from t{at} where {seen}"),
                &format!("create table g{at} as select * from c{at}"),
            ])
            .await;
        for table in ["t", "c", "g"] {
            let table = format!("main.{table}{at}");
            realm.allow("ada", &table, &[(P::Select, None)]).await;
        }
        realm
            .policy("all", &format!("main.g{at}"), "ada", "true")
            .await;
        realm
            .policy("p", &format!("main.t{at}"), "ada", policy)
            .await;
    }
    realm
}

/// A query made from numbers.
fn query((shape, left, right, how, number): (usize, usize, usize, u8, u8)) -> String {
    let (left, right) = (CONDITIONS[left], CONDITIONS[right]);
    let condition = match how {
        0 => left.to_owned(),
        1 => format!("({left} and {right})"),
        2 => format!("({left} or {right})"),
        3 => format!("not ({left})"),
        _ => format!("coalesce({left}, true)"),
    };
    let query = SHAPES[shape].replace("{W}", &condition);
    query.replace("{N}", &number.to_string())
}

#[test]
fn any_query_sees_what_the_policies_show() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let realm = runtime.block_on(realm());
    let ada = realm.caller("ada");
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let parts = (
        0..SHAPES.len(),
        0..CONDITIONS.len(),
        0..CONDITIONS.len(),
        0..5u8,
        0..12u8,
    );
    let cases = (parts, 0..POLICIES.len());
    let run = |sql: String| {
        let given = runtime.block_on(realm.run_as(&ada, &sql));
        given.map(|given| match given {
            Given::Rows(mut rows) => {
                rows.sort();
                rows
            }
            Given::Changed(_) => Vec::new(),
        })
    };
    let outcome = runner.run(&cases, |(parts, policy)| {
        let sql = query(parts);
        let policed = run(sql.replace("{T}", &format!("t{policy}")));
        let copied = run(sql.replace("{T}", &format!("c{policy}")));
        match (policed, copied) {
            (Ok(policed), Ok(copied)) => prop_assert_eq!(policed, copied, "{}", sql),
            (Err(_), Err(_)) => {}
            (policed, copied) => {
                // Whether a division fails hangs on the order in which a plan asks its conditions too. So the rows of the
                // copy are put behind a policy that shows all of them: what is hidden must make no difference.
                let guarded = run(sql.replace("{T}", &format!("g{policy}")));
                prop_assert!(
                    policed.is_ok() == guarded.is_ok(),
                    "{}: {:?} {:?}",
                    sql,
                    policed,
                    copied
                );
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

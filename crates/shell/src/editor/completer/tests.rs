use super::*;

fn names() -> Names {
    let table = |schema: &str, name: &str, columns: &[&str]| TableNames {
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
    };
    Names {
        schemas: vec!["main".to_owned(), "sales".to_owned()],
        tables: vec![
            table("sales", "orders", &["order_id", "Order Date"]),
            table("main", "parts", &["part_id", "price"]),
        ],
        functions: vec!["power".to_owned()],
    }
}

fn complete(line: &str) -> (usize, Vec<String>) {
    candidates(&names(), line, line.len())
}

#[test]
fn words_become_keywords_and_names() {
    assert_eq!(complete("SEL"), (0, vec!["SELECT".to_owned()]));
    assert_eq!(complete("sel").1, ["select"]);
    assert_eq!(
        complete("select * from ord").1,
        ["order_id", "orders", "order"]
    );
    assert_eq!(complete("select pow").1, ["power"]);
    assert_eq!(complete("select 'it is sel").1, [""; 0]);
}

#[test]
fn columns_of_the_tables_in_the_statement_come_first() {
    let line = "select p from parts";
    let (start, found) = candidates(&names(), line, "select p".len());
    assert_eq!(start, 7);
    assert_eq!(found[..3], ["part_id", "price", "parts"]);
}

#[test]
fn a_dot_looks_inside() {
    assert_eq!(complete("select * from sales.").1, ["orders"]);
    assert_eq!(complete("select * from godwit.sales.or").1, ["orders"]);
    let line = "select o. from sales.orders as o";
    let (_, found) = candidates(&names(), line, "select o.".len());
    assert_eq!(found, ["\"Order Date\"", "order_id"]);
}

#[test]
fn commands_have_arguments() {
    assert_eq!(complete("\\tim").1, ["\\timing"]);
    assert_eq!(complete("\\format pa").1, ["parquet"]);
    assert_eq!(complete("\\d sales.o"), (9, vec!["orders".to_owned()]));
    assert_eq!(complete(".tab").1, [".tables"]);
}

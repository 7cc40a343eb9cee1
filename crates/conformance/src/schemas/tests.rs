use std::collections::HashMap;

use super::*;

#[test]
fn metadata_makes_no_difference_at_any_depth() {
    let note = HashMap::from([("k".to_owned(), "v".to_owned())]);
    let inner = Field::new("item", DataType::Int64, true);
    let list = |inner: Field| Field::new("l", DataType::List(Arc::new(inner)), true);
    let noted = Schema::new(vec![list(inner.clone().with_metadata(note))]);
    assert_eq!(difference(&noted, &Schema::new(vec![list(inner)])), None);
}

#[test]
fn the_first_difference_is_named() {
    let wanted = db_schemas();
    let say = |fields: Vec<Field>| difference(&Schema::new(fields), &wanted).unwrap();
    assert_eq!(say(vec![]), "0 fields instead of 2");
    assert_eq!(
        say(vec![text("catalog", true), text("db_schema_name", false)]),
        r#"field "catalog" instead of "catalog_name""#
    );
    assert_eq!(
        say(vec![
            text("catalog_name", true),
            text("db_schema_name", true)
        ]),
        r#""db_schema_name" is nullable instead of not nullable"#
    );
    let view = Field::new("db_schema_name", DataType::Utf8View, false);
    assert_eq!(
        say(vec![text("catalog_name", true), view]),
        r#""db_schema_name" is Utf8View instead of Utf8"#
    );
}

#[test]
fn nullability_counts_inside_of_types_too() {
    let list = |nullable| {
        Schema::new(vec![Field::new_list(
            "l",
            Field::new("item", DataType::Int64, nullable),
            true,
        )])
    };
    assert!(difference(&list(true), &list(false)).is_some());
}

#[test]
fn modern_types_are_found_at_any_depth() {
    let item = Field::new("item", DataType::Utf8View, true);
    let nested = Schema::new(vec![text("a", true), Field::new_list("l", item, true)]);
    assert_eq!(modern_type(&nested).unwrap(), r#""item" is Utf8View"#);
    assert_eq!(modern_type(&tables(true)), None);
    assert_eq!(modern_type(&sql_info()), None);
}

#[test]
fn our_schemas_are_those_of_the_library() {
    use arrow_flight::sql::{
        CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables,
    };
    let catalogs_of_library = CommandGetCatalogs {}.into_builder().schema();
    assert_eq!(difference(&catalogs(), &catalogs_of_library), None);
    let library = CommandGetDbSchemas::default().into_builder().schema();
    assert_eq!(difference(&db_schemas(), &library), None);
    let library = CommandGetTableTypes {}.into_builder().schema();
    assert_eq!(difference(&table_types(), &library), None);
    for include_schema in [false, true] {
        let command = CommandGetTables {
            include_schema,
            ..CommandGetTables::default()
        };
        assert_eq!(
            difference(&tables(include_schema), &command.into_builder().schema()),
            None
        );
    }
    assert_eq!(xdbc_type_info().unwrap().fields().len(), 19);
}

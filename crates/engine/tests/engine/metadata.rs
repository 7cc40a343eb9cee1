use godwit_engine::TableKind;

use crate::support::World;

#[tokio::test]
async fn schemas_and_tables_are_listed() {
    let world = World::new().await;
    let schemas = world
        .engine
        .schemas(&world.session, &world.permit)
        .await
        .unwrap();
    assert!(schemas.is_sorted());
    assert!(schemas.iter().all(|entry| entry.catalog == "godwit"));
    for name in ["files", "main", "shop", "system", "temp"] {
        assert!(schemas.iter().any(|entry| entry.schema == name), "{name}");
    }
    let tables = world
        .engine
        .tables(&world.session, &world.permit, true, &|entry| {
            entry.schema != "system"
        })
        .await
        .unwrap();
    let names: Vec<_> = tables
        .iter()
        .map(|table| format!("{}.{}", table.schema, table.name))
        .collect();
    assert_eq!(
        names,
        ["files.orders", "files.people", "shop.items", "shop.stock"]
    );
    assert!(
        tables
            .iter()
            .all(|table| table.arrow_schema.is_some() && table.error.is_none())
    );
    let people = tables.iter().find(|table| table.name == "people").unwrap();
    assert_eq!(people.arrow_schema.as_ref().unwrap().fields().len(), 8);
    let bare = world
        .engine
        .tables(&world.session, &world.permit, false, &|_| true)
        .await
        .unwrap();
    assert!(bare.iter().all(|table| table.arrow_schema.is_none()));
    assert!(
        bare.iter()
            .any(|table| table.kind == TableKind::SystemTable && table.name == "settings")
    );
}

#[tokio::test]
async fn new_and_broken_files_are_seen() {
    let world = World::new().await;
    std::fs::write(world.path("shop/new.csv"), "a\n1\n").unwrap();
    std::fs::write(world.path("shop/bad.parquet"), b"PAR1 nonsense PAR1").unwrap();
    let tables = world
        .engine
        .tables(&world.session, &world.permit, true, &|entry| {
            entry.schema == "shop"
        })
        .await
        .unwrap();
    assert_eq!(
        tables
            .iter()
            .map(|table| table.name.as_str())
            .collect::<Vec<_>>(),
        ["bad", "items", "new", "stock"]
    );
    assert!(tables[0].arrow_schema.is_none());
    assert!(tables[0].error.as_ref().unwrap().contains("bad.parquet"));
    assert_eq!(world.one("select a from shop.new").await, "1");
}

#[tokio::test]
async fn functions_and_keywords_are_known() {
    let world = World::new().await;
    let functions = world.engine.function_names();
    assert!(functions.numeric.contains(&"abs".to_owned()));
    assert!(functions.string.contains(&"upper".to_owned()));
    assert!(functions.datetime.contains(&"date_trunc".to_owned()));
    assert!(functions.system.contains(&"arrow_typeof".to_owned()));
    assert!(functions.numeric.is_sorted());
    let keywords = world.engine.keywords();
    assert!(keywords.contains(&"LIMIT".to_owned()) && !keywords.contains(&"SELECT".to_owned()));
    assert!(keywords.is_sorted());
}

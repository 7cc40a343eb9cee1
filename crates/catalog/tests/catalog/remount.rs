//! The mounts of another configuration, in place of those before.

use datafusion::execution::context::SessionContext;
use godwit_catalog::Error;
use godwit_config::{Config, Mount};

use crate::support::{World, run};

fn config(world: &World, mounts: &[(&str, &str)]) -> Config {
    let mounts = mounts
        .iter()
        .map(|(name, below)| ((*name).to_owned(), Mount::new(world.path(below))));
    Config {
        mounts: mounts.collect(),
        ..Config::default()
    }
}

#[tokio::test]
async fn what_was_resolved_keeps_its_files() {
    let world = World::new().mount("t", "a.csv");
    world.text("a.csv", "n\n1\n");
    world.text("b.csv", "n\n20\n");
    let open = world.open().await;
    let catalog = &open.catalog;
    let before = catalog.table("files", "t").await.unwrap().unwrap();

    let other = config(&world, &[("t", "b.csv"), ("u", "a.csv")]);
    let mounts = catalog.mounts_of(&other).await.unwrap();
    assert_eq!(open.tables("files").await, ["t"], "nobody sees them yet");
    assert!(catalog.remount(mounts));
    assert_eq!(open.tables("files").await, ["t", "u"]);
    assert_eq!(open.value("select n from files.t").await, "20");
    let now = catalog.table("files", "t").await.unwrap().unwrap();
    assert_ne!(before.snapshot, now.snapshot);
    let session = SessionContext::new();
    session.register_table("old", before.provider).unwrap();
    let rows = run(&session, "select n from old where n = 1")
        .await
        .unwrap();
    assert_eq!(rows[0].num_rows(), 1);

    let same = catalog.mounts_of(&other).await.unwrap();
    assert!(!catalog.remount(same));
    let none = catalog.mounts_of(&Config::default()).await.unwrap();
    assert!(catalog.remount(none));
    assert!(open.tables("files").await.is_empty());
    assert!(catalog.table("files", "t").await.unwrap().is_none());
    assert_eq!(catalog.glance("files", "t"), None);
}

#[tokio::test]
async fn what_is_new_and_cannot_be_listed_is_named_and_what_was_there_is_not() {
    let world = World::new().mount("gone", "gone.csv").mount("t", "a.csv");
    world.text("a.csv", "n\n1\n");
    let open = world.open().await;
    let catalog = &open.catalog;
    let wrong = config(
        &world,
        &[("gone", "gone.csv"), ("new", "new.csv"), ("t", "t.csv")],
    );
    let wrong = catalog.mounts_of(&wrong).await.unwrap_err();
    let names = wrong.iter().map(|error| match error {
        Error::Mount { name, .. } => name.as_str(),
        other => panic!("{other}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["new", "t"]);
    assert_eq!(open.value("select n from files.t").await, "1");
}

#[tokio::test]
async fn another_way_to_read_the_same_files_is_another_content() {
    let world = World::new().mount("t", "a.csv");
    world.text("a.csv", "n\n1\n");
    let open = world.open().await;
    let catalog = &open.catalog;
    let before = catalog.table("files", "t").await.unwrap().unwrap();
    let mut other = config(&world, &[("t", "a.csv")]);
    for mount in other.mounts.values_mut() {
        mount.header = false;
    }
    let mounts = catalog.mounts_of(&other).await.unwrap();
    assert!(catalog.remount(mounts));
    let now = catalog.table("files", "t").await.unwrap().unwrap();
    assert_ne!(before.snapshot, now.snapshot);
    assert_eq!(open.value("select count(*) from files.t").await, "2");
}

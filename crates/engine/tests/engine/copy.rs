//! Files that SQL writes and reads.

use std::fs;

use godwit_engine::Error;

use crate::support::World;

/// A world that may copy to and from one directory of its own.
async fn allowed() -> (World, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().to_str().unwrap().to_owned();
    let given = place.clone();
    let world = World::with(move |config| config.copy.allowed = vec![given]).await;
    (world, place, dir)
}

#[tokio::test]
async fn nothing_is_copied_unless_it_is_allowed() {
    let world = World::new().await;
    for sql in [
        "copy people to '/tmp/godwit-stolen.csv'",
        "copy (select 1 as a) to '/tmp/godwit-stolen.csv'",
        "copy t from '/etc/passwd' with (format csv)",
    ] {
        world.changes(&["create or replace table t (a text)"]).await;
        assert!(
            matches!(world.refused(sql).await, Error::Denied { message } if message.contains("copy.allowed")),
            "{sql}"
        );
    }
    assert!(!std::path::Path::new("/tmp/godwit-stolen.csv").exists());
}

#[tokio::test]
async fn rows_go_to_a_file_and_come_back() {
    let (world, place, _dir) = allowed().await;
    world
        .changes(&["create table t as select id, name, score, born from people"])
        .await;
    for (name, with) in [
        ("t.csv", ""),
        ("t.parquet", ""),
        ("t.json", ""),
        ("t.arrow", ""),
        ("odd", "with (format csv, delimiter ';', header true)"),
    ] {
        let path = format!("{place}/{name}");
        let sql = format!("copy t to '{path}' {with}");
        world.describe(&sql).await.unwrap();
        assert!(!std::path::Path::new(&path).exists(), "{name}");
        assert_eq!(world.change(&sql).await.unwrap(), 5, "{name}");
        world
            .changes(&["create or replace table back (id int, name text, score double, born date)"])
            .await;
        let sql = format!("copy back from '{path}' {with}");
        assert_eq!(world.change(&sql).await.unwrap(), 5, "{name}");
        assert_eq!(
            world.cells("select * from back order by id").await,
            world.cells("select * from t order by id").await,
            "{name}"
        );
    }
    let left = fs::read_dir(&place).unwrap().count();
    assert_eq!(left, 5, "no temporary file is left");
}

#[tokio::test]
async fn columns_parameters_and_options_are_heeded() {
    let (world, place, _dir) = allowed().await;
    let path = format!("{place}/out.csv");
    let sql = format!(
        "copy (select id, name from people where id > 2 order by id) to '{path}' with (header false, null 'NIL', delimiter '|')"
    );
    assert_eq!(world.change(&sql).await.unwrap(), 2);
    assert_eq!(fs::read_to_string(&path).unwrap(), "3|Dan\n4|NIL\n");
    let sql = format!("copy people (name, id) to '{path}'");
    assert_eq!(world.change(&sql).await.unwrap(), 5);
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.starts_with("name,id\nAda,0\n"), "{written}");
    world
        .changes(&["create table t (id int, name text, extra int default 7)"])
        .await;
    let sql = format!("copy t (name, id) from '{path}'");
    assert_eq!(world.change(&sql).await.unwrap(), 5);
    assert_eq!(world.one("select sum(extra), max(id) from t").await, "35 4");
    let none = format!("copy (select id from people where false) to '{path}'");
    assert_eq!(world.change(&none).await.unwrap(), 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), "id\n");
}

#[tokio::test]
async fn no_way_leads_out_of_the_allowed_directory() {
    let (world, place, dir) = allowed().await;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.csv"), "a\n1\n").unwrap();
    std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink(
        outside.path().join("secret.csv"),
        dir.path().join("direct.csv"),
    )
    .unwrap();
    world.changes(&["create table t (a int)"]).await;
    let out = outside.path().display();
    for path in [
        format!("{out}/x.csv"),
        format!("{place}/link/x.csv"),
        format!("{place}/../x.csv"),
        "/etc/x.csv".to_owned(),
    ] {
        let sql = format!("copy t to '{path}'");
        assert!(
            matches!(world.refused(&sql).await, Error::Denied { .. }),
            "{path}"
        );
    }
    for path in [
        format!("{out}/secret.csv"),
        format!("{place}/link/secret.csv"),
        format!("{place}/direct.csv"),
        format!("{place}/nowhere.csv"),
    ] {
        for sql in [
            format!("copy t from '{path}'"),
            format!("select * from \"__file\".\"h,csv\".\"{path}\""),
        ] {
            assert!(
                matches!(world.refused(&sql).await, Error::Denied { .. }),
                "{sql}"
            );
        }
    }
    // What is there under the name is replaced, not followed.
    let sql = format!("copy (select 2 as a) to '{place}/direct.csv'");
    assert_eq!(world.change(&sql).await.unwrap(), 1);
    assert_eq!(
        fs::read_to_string(outside.path().join("secret.csv")).unwrap(),
        "a\n1\n"
    );
}

#[tokio::test]
async fn a_failed_copy_leaves_what_was_there() {
    let (world, place, _dir) = allowed().await;
    let path = format!("{place}/out.csv");
    fs::write(&path, "before\n").unwrap();
    for sql in [
        format!("copy (select 1 / (id - 3) as x from people) to '{path}'"),
        format!("copy (select tags from people) to '{path}'"),
        format!("copy nowhere to '{path}'"),
        format!("copy people to '{path}' with (format xml)"),
        format!("copy people to '{place}/noend'"),
        format!("copy people to '{place}/x.parquet' with (header true)"),
        "copy people to 'relative.csv'".to_owned(),
        "copy people to stdout".to_owned(),
        format!("copy people to '{path}' with (quote 'x')"),
    ] {
        let error = world.refused(&sql).await;
        assert!(
            matches!(
                error,
                Error::InvalidInput { .. } | Error::NotFound { .. } | Error::Unsupported { .. }
            ),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "before\n");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
    world.changes(&["create table t (a int not null)"]).await;
    fs::write(&path, "a\n1\nx\n").unwrap();
    assert!(matches!(
        world.refused(&format!("copy t from '{path}'")).await,
        Error::InvalidInput { .. } | Error::BrokenData { .. }
    ));
    assert_eq!(world.one("select count(*) from t").await, "0");
}

/// A world that may copy to and from one prefix of a service that is nowhere: what is refused never gets that far.
async fn allowed_in_s3() -> World {
    World::with(|config| {
        config.copy.allowed = vec!["s3://bucket/out/".to_owned()];
        config.copy.s3_endpoint = Some("http://127.0.0.1:9".to_owned());
        config.copy.s3_allow_http = true;
        config.copy.s3_access_key_id = Some("id".to_owned());
        config.copy.s3_secret_access_key = Some(godwit_config::Secret::new("secret"));
    })
    .await
}

#[tokio::test]
async fn no_url_leads_out_of_the_allowed_prefix() {
    let world = allowed_in_s3().await;
    world.changes(&["create table t (a int)"]).await;
    for (url, says) in [
        ("s3://bucket/outside/x.csv", "copy.allowed"),
        ("s3://bucket/x.csv", "copy.allowed"),
        ("s3://other/out/x.csv", "copy.allowed"),
        ("s3://127.0.0.1:9/out/x.csv", "copy.allowed"),
        ("s3://bucket/out/../x.csv", "'..'"),
        ("s3://bucket/out/%2e%2e/x.csv", "%2e"),
        ("s3://bucket/out//x.csv", "no empty part"),
        ("http://127.0.0.1:9/bucket/out/x.csv", "'http://'"),
        ("https://bucket/out/x.csv", "'https://'"),
        ("gs://bucket/out/x.csv", "'gs://'"),
        ("ftp://bucket/out/x.csv", "'ftp://'"),
        ("file:///etc/x.csv", "'file://'"),
        ("S3://bucket/out/x.csv", "'S3://'"),
        ("/etc/x.csv", "copy.allowed"),
        ("/s3://bucket/out/x.csv", "copy.allowed"),
        ("bucket/out/x.csv", "s3://BUCKET/KEY"),
    ] {
        for sql in [
            format!("copy t to '{url}'"),
            format!("copy t from '{url}'"),
            format!("select * from \"__file\".\"h,csv\".\"{url}\""),
        ] {
            let error = world.refused(&sql).await;
            assert!(
                matches!(&error, Error::Denied { message } | Error::InvalidInput { message } if message.contains(says)),
                "{sql}: {error:?}"
            );
        }
    }
}

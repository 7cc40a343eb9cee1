use std::fs;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use futures::TryStreamExt;
use godwit_config::{Lake, Secret};
use object_store::{ObjectStoreExt, PutPayload};
use tempfile::TempDir;

use super::Storage;
use crate::Error;

fn s3(data: &str) -> Storage {
    let config = Lake {
        data: Some(data.to_owned()),
        s3_access_key_id: Some("id".to_owned()),
        s3_secret_access_key: Some(Secret::new("secret")),
        s3_region: Some("eu-central-1".to_owned()),
        ..Lake::default()
    };
    let nowhere = std::path::Path::new("/nowhere");
    Storage::open(&config, nowhere, Arc::default()).unwrap()
}

fn local(dir: &TempDir, runtime: &Arc<RuntimeEnv>) -> Storage {
    Storage::open(&Lake::default(), dir.path(), Arc::clone(runtime)).unwrap()
}

#[test]
fn paths_of_the_catalog_are_found_in_the_store() {
    let dir = TempDir::new().unwrap();
    let storage = local(&dir, &Arc::default());
    let text = dir.path().to_str().unwrap();
    assert_eq!(storage.data_path(), format!("{text}/"));
    for (path, place) in [
        ("main/t/a.parquet", format!("{text}/main/t/a.parquet")),
        (
            "main/t/k=a%20b ~#x/a.parquet",
            format!("{text}/main/t/k=a%20b ~#x/a.parquet"),
        ),
        ("/other/a.parquet", "/other/a.parquet".to_owned()),
    ] {
        let location = storage.locate(path).unwrap();
        assert_eq!(format!("/{}", location.path), place);
    }
    for (path, elsewhere) in [
        ("s3://b/a", true),
        ("../a", false),
        ("a//b", false),
        ("/a/../b", false),
    ] {
        let why = storage.locate(path).unwrap_err();
        let told = matches!(why, Error::Unsupported { .. }) == elsewhere;
        assert!(told && why.to_string().contains(path), "{why:?}");
    }

    let bucket = s3("s3://bucket/some/prefix");
    assert_eq!(bucket.data_path(), "s3://bucket/some/prefix/");
    for (path, place) in [
        ("main/t/a.parquet", "some/prefix/main/t/a.parquet"),
        ("s3://bucket/other/a.parquet", "other/a.parquet"),
    ] {
        assert_eq!(bucket.locate(path).unwrap().path.as_ref(), place);
    }
    for path in ["s3://other/a", "/a", "gs://bucket/a"] {
        let why = bucket.locate(path).unwrap_err();
        assert!(matches!(why, Error::Unsupported { .. }), "{why:?}");
    }
    assert_eq!(s3("s3://bucket").data_path(), "s3://bucket/");
    assert_eq!(
        s3("s3://bucket").locate("a/b").unwrap().path.as_ref(),
        "a/b"
    );
}

#[test]
fn a_store_has_a_url_of_its_own_for_as_long_as_it_is_open() {
    let (dir, runtime) = (TempDir::new().unwrap(), Arc::default());
    let (one, other) = (local(&dir, &runtime), local(&dir, &runtime));
    let url = |storage: &Storage| storage.locate("a").unwrap().store;
    assert_ne!(url(&one), url(&other));
    let gone = url(&one);
    assert!(runtime.object_store(&gone).is_ok());
    drop(one.clone());
    assert!(runtime.object_store(&gone).is_ok());
    drop(one);
    assert!(runtime.object_store(&gone).is_err());
    assert!(runtime.object_store(url(&other)).is_ok());
}

#[tokio::test]
async fn files_are_listed_made_safe_and_removed() {
    let dir = TempDir::new().unwrap();
    let storage = local(&dir, &Arc::default());
    let path = storage.new_path("main/t/", "-delete.parquet");
    assert!(path.starts_with("main/t/ducklake-") && path.ends_with("-delete.parquet"));
    let odd = "main/t/k=a%20b/b.parquet".to_owned();
    for path in [&path, &odd] {
        let place = storage.locate(path).unwrap().path;
        let content = PutPayload::from_static(b"PAR1");
        storage.store().put(&place, content).await.unwrap();
        assert!(dir.path().join(path).is_file());
    }
    // What a writer leaves that was killed.
    fs::write(dir.path().join("main/t/c.parquet#1"), "PA").unwrap();
    storage.sync_all(vec![path.clone()]).await.unwrap();
    storage
        .sync_all(vec![path.clone(), odd.clone()])
        .await
        .unwrap();
    let missing = storage
        .sync_all(vec!["main/t/none.parquet".to_owned()])
        .await
        .unwrap_err();
    assert!(
        missing.to_string().contains("main/t/none.parquet"),
        "{missing}"
    );

    let names = async |prefix: &str| {
        let mut files: Vec<_> = storage.list(prefix).try_collect().await.unwrap();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
            .into_iter()
            .map(|file| (file.path, file.bytes))
            .collect::<Vec<_>>()
    };
    let unfinished = "main/t/c.parquet#1".to_owned();
    let all = vec![(unfinished.clone(), 2), (path.clone(), 4), (odd.clone(), 4)];
    assert_eq!(names("").await, all);
    assert_eq!(names("main/t/").await, all);
    assert_eq!(names("main/t/k=a%20b/").await, [(odd.clone(), 4)]);
    assert_eq!(names("other/").await, []);

    let gone = "main/t/none.parquet".to_owned();
    storage.remove(vec![gone, unfinished, path]).await.unwrap();
    assert_eq!(names("").await, [(odd, 4)]);
}

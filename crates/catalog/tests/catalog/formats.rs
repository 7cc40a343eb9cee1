use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::common::parsers::CompressionTypeVariant::{BZIP2, GZIP, XZ, ZSTD};
use godwit_catalog::Error;
use godwit_config::{Mount, MountFormat};

use crate::support::{World, arrow_file, arrow_stream, avro, batch, compressed};

fn three() -> RecordBatch {
    batch(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
        (
            "name",
            Arc::new(StringArray::from(vec![Some("a"), None, Some("ü")])),
        ),
    ])
}

const CSV: &str = "id,name\n1,a\n2,\n3,ü\n";
const NDJSON: &str = "{\"id\":1,\"name\":\"a\"}\n{\"id\":2}\n{\"id\":3,\"name\":\"ü\"}\n";

#[tokio::test]
async fn every_format_is_a_table() {
    let world = World::new();
    world.parquet("t.parquet", &three());
    world.text("t.csv", CSV);
    world.text("t.tsv", &CSV.replace(',', "\t"));
    world.text("t.ndjson", NDJSON);
    world.text("t.json", NDJSON);
    arrow_file(&world.file("t.arrow"), &three());
    arrow_file(&world.file("t.feather"), &three());
    arrow_stream(&world.file("t.arrows"), &three());
    avro(&world.file("t.avro"), &three());
    for (extension, variant) in [("gz", GZIP), ("bz2", BZIP2), ("xz", XZ), ("zst", ZSTD)] {
        compressed(&world.file(&format!("t.csv.{extension}")), CSV, variant).await;
        compressed(
            &world.file(&format!("t.ndjson.{extension}")),
            NDJSON,
            variant,
        )
        .await;
    }
    let mut files: Vec<_> = std::fs::read_dir(world.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files.len(), 17);
    let mut world = world;
    for (index, file) in files.iter().enumerate() {
        world = world.mount(&format!("m{index}"), file);
    }
    let open = world.open().await;
    for (index, file) in files.iter().enumerate() {
        let sql =
            format!("select sum(id) s, count(*) n, count(name) c, max(name) m from files.m{index}");
        let found = open.table(&sql).await;
        assert!(found.contains("| 6 | 3 | 2 | ü |"), "{file}\n{found}");
        let found = open
            .table(&format!(
                "select name, id from files.m{index} where id = 3 limit 1"
            ))
            .await;
        assert!(found.contains("| ü    | 3  |"), "{file}\n{found}");
    }
}

#[tokio::test]
async fn csv_as_the_operator_says() {
    let world = World::new();
    world.text("a.dat", "1;x\n2;y\n");
    let mount = Mount {
        format: MountFormat::Csv,
        header: false,
        delimiter: ';',
        ..Mount::new("a.dat")
    };
    let world = world.mount_with("m", mount).mount("unknown", "a.dat");
    let open = world.open().await;
    assert_eq!(
        open.value("select column_2 from files.m where column_1 = 2")
            .await,
        "y"
    );
    let error = open.error("select * from files.unknown").await;
    assert!(
        matches!(&error, Error::Mount { why, .. } if why.contains("format")),
        "{error}"
    );
}

#[tokio::test]
async fn quoted_line_breaks_and_byte_order_marks() {
    let world = World::new();
    let mut text = String::from("\u{feff}id,note\n");
    for id in 0..50_000 {
        text.push_str(&format!(
            "{id},\"line {id}\nand more, of it {}\"\n",
            "x".repeat(300)
        ));
    }
    world.text("a.csv", &text);
    let open = world.mount("m", "a.csv").open().await;
    assert_eq!(
        open.value("select count(*) from files.m where note like 'line%'")
            .await,
        "50000"
    );
    assert_eq!(
        open.value("select sum(id) from files.m").await,
        "1249975000"
    );
}

#[tokio::test]
async fn numbers_too_big_and_columns_without_a_value() {
    let world = World::new();
    world.text(
        "a.csv",
        "big,none,flag\n12345678901234567890,,true\n1,,false\n",
    );
    world.text(
        "b.ndjson",
        "{\"a\":null,\"b\":[null],\"c\":{\"d\":null},\"e\":[]}\n",
    );
    let open = world
        .mount("a", "a.csv")
        .mount("b", "b.ndjson")
        .open()
        .await;
    let found = open.table("select arrow_typeof(big) b, arrow_typeof(none) n, arrow_typeof(flag) f from files.a limit 1").await;
    assert!(found.contains("| Utf8 | Utf8 | Boolean |"), "{found}");
    assert_eq!(
        open.value("select count(*) from files.b where a is null and c['d'] is null")
            .await,
        "1"
    );
}

#[tokio::test]
async fn compressed_arrow() {
    use datafusion::arrow::ipc::CompressionType;
    use datafusion::arrow::ipc::writer::{FileWriter, IpcWriteOptions};
    for kind in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let world = World::new();
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(kind))
            .unwrap();
        let file = std::fs::File::create(world.file("a.arrow")).unwrap();
        let mut writer =
            FileWriter::try_new_with_options(file, &three().schema(), options).unwrap();
        writer.write(&three()).unwrap();
        writer.finish().unwrap();
        let open = world.mount("m", "a.arrow").open().await;
        assert_eq!(open.value("select sum(id) from files.m").await, "6");
    }
}

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::World;

#[tokio::test]
async fn links_do_not_lead_out() {
    let world = World::new();
    world.text("secret/a.csv", "x\n99\n");
    world.text("t/a.csv", "x\n1\n");
    symlink(world.path("secret/a.csv"), world.path("t/b.csv")).unwrap();
    symlink(world.path("secret"), world.path("t/c")).unwrap();
    symlink("../secret/a.csv", world.path("t/d.csv")).unwrap();
    symlink("nowhere.csv", world.path("t/e.csv")).unwrap();
    let open = world.mount("t", "t").open().await;
    assert_eq!(open.value("select sum(x) from files.t").await, "1");
    let errors: String = open.table("select error from system.mounts").await;
    for left_out in ["t/b.csv", "t/c'", "t/d.csv", "t/e.csv"] {
        assert!(errors.contains(left_out), "{left_out}\n{errors}");
    }
}

#[tokio::test]
async fn links_within_are_followed_and_circles_are_not() {
    let world = World::new();
    world.text("t/real/a.csv", "x\n1\n");
    symlink("real", world.path("t/alias")).unwrap();
    symlink("..", world.path("t/real/up")).unwrap();
    symlink("real/a.csv", world.path("t/file.csv")).unwrap();
    let open = world.mount("t", "t").open().await;
    assert_eq!(open.tables("t").await, ["alias", "file", "real"]);
    for table in ["alias", "file", "real"] {
        assert_eq!(
            open.value(&format!("select sum(x) from t.{table}")).await,
            "1",
            "{table}"
        );
    }
}

#[tokio::test]
async fn a_mount_may_be_a_link_that_moves() {
    let world = World::new();
    world.text("v1/a.csv", "x\n1\n");
    world.text("v2/a.csv", "x\n2\n");
    symlink("v1", world.path("now")).unwrap();
    symlink("v1/a.csv", world.path("file.csv")).unwrap();
    let world = world.mount("now", "now").mount("file", "file.csv");
    let open = world.open().await;
    assert_eq!(open.value("select x from files.now").await, "1");
    assert_eq!(open.value("select x from files.file").await, "1");
    symlink("v2", world.path("next")).unwrap();
    fs::rename(world.path("next"), world.path("now")).unwrap();
    assert_eq!(open.value("select x from files.now").await, "2");
}

#[tokio::test]
async fn only_regular_files_are_opened() {
    let world = World::new();
    world.text("t/a.csv", "x\n1\n");
    let socket = std::os::unix::net::UnixListener::bind(world.path("t/b.csv")).unwrap();
    symlink("/dev/zero", world.path("t/c.csv")).unwrap();
    let open = world.mount("t", "t").mount("zero", "t/c.csv").open().await;
    assert_eq!(open.value("select sum(x) from files.t").await, "1");
    open.rows("select * from files.zero").await.unwrap_err();
    drop(socket);
}

#[tokio::test]
async fn odd_names_can_be_read() {
    for name in [
        "a b.csv",
        "ü.csv",
        "100%.csv",
        "a#b.csv",
        "q?.csv",
        "it's.csv",
        "a&b=c.csv",
        "[x].csv",
        "back\\slash.csv",
        "~.csv",
    ] {
        let world = World::new();
        world.text(&format!("t/{name}"), "x\n7\n");
        let open = world.mount("t", "t").open().await;
        assert_eq!(open.value("select x from files.t").await, "7", "{name}");
    }
}

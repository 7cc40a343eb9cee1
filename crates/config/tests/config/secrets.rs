use super::support::{HASH, Layers};

#[test]
fn secrets_are_in_no_output() {
    let config = Layers::default()
        .file(&format!("[users.ada]\npassword_hash = \"{HASH}\""))
        .env("GODWIT_ADMIN_PASSWORD", "hunter2")
        .config();
    assert_eq!(config.admin.password.as_ref().unwrap().expose(), "hunter2");
    let password = config.admin.password.as_ref().unwrap();
    for text in [
        format!("{config:?}"),
        format!("{config:#?}"),
        toml::to_string(&config).unwrap(),
        serde_json::to_string(&config).unwrap(),
        format!("{password} {password:?}"),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!text.contains("argon2id"), "{text}");
    }
}

#[test]
fn secrets_are_in_no_problem() {
    let problems = Layers::default()
        .file("[users.ada]\npassword_hash = \"hunter2\"\npassword = \"hunter2\"\n[users]\ngrace = \"hunter2\"\n[admin]\npassword = \"hunter2\"")
        .env("GODWIT_ADMIN_PASSWORD", "")
        .problems();
    assert!(problems.len() >= 3, "{problems:?}");
    assert!(!problems.concat().contains("hunter2"), "{problems:?}");
}

#[test]
fn the_password_has_no_key() {
    let problems = Layers::default()
        .file("[admin]\npassword = \"x\"")
        .problems();
    assert_eq!(
        problems,
        [
            "godwit.toml:2: admin.password = (hidden): unknown key; a password is only read from the environment variable GODWIT_ADMIN_PASSWORD, or from the file that admin.password_file names"
        ]
    );
}

#[test]
fn secrets_of_the_lake_are_in_no_problem() {
    let problems = Layers::default()
        .file("[lake]\ncatalog = \"mysql://u:hunter2@h/d\"\ncatalogue = \"hunter2\"\ns3_secret_access_key = 7\ns3_secret = \"hunter2\"\ns3_region = \"\"")
        .problems();
    assert_eq!(problems.len(), 5, "{problems:?}");
    assert!(!problems.concat().contains("hunter2"), "{problems:?}");
}

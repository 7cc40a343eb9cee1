//! What a catalog says about where its files are, put right for another place.

use super::Result;
use super::manifest::Manifest;
use crate::database::Writing;

/// Tables with paths that are absolute where they say so.
const WITH_PATHS: [&str; 4] = [
    "ducklake_schema",
    "ducklake_table",
    "ducklake_data_file",
    "ducklake_delete_file",
];

/// `data_path` is the new place, with a slash at the end. Files that were waiting for their removal are not there any more.
pub(super) async fn rewrite(
    writing: &mut Writing,
    manifest: &Manifest,
    data_path: &str,
) -> Result<()> {
    let sql = "UPDATE ducklake_metadata SET value = $1 WHERE key = 'data_path' AND scope IS NULL";
    writing.execute(sql, &[data_path.into()]).await?;
    writing
        .execute("DELETE FROM ducklake_files_scheduled_for_deletion", &[])
        .await?;
    let old = manifest.data_path.as_str();
    let length = old.chars().count();
    for table in WITH_PATHS {
        let sql = format!(
            "UPDATE {table} SET path = $1 || substr(path, {}) WHERE NOT path_is_relative AND substr(path, 1, {length}) = $2",
            length + 1
        );
        writing
            .execute(&sql, &[data_path.into(), old.into()])
            .await?;
    }
    for file in &manifest.files {
        if let Some(row) = &file.row {
            let (table, id) = match row.deletes {
                true => ("ducklake_delete_file", "delete_file_id"),
                false => ("ducklake_data_file", "data_file_id"),
            };
            let sql =
                format!("UPDATE {table} SET path = $1, path_is_relative = $2 WHERE {id} = $3");
            let path = format!("{data_path}{}", file.path);
            writing
                .execute(&sql, &[path.into(), false.into(), row.id.into()])
                .await?;
        }
    }
    Ok(())
}

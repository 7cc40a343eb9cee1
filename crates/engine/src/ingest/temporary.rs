use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use godwit_catalog::{Chunk, Staging, TEMP, TempTable, TempTables, plain_schema};

use super::columns::Columns;
use super::{Arriving, IfExists, IfMissing, IngestTarget};
use crate::change::exists;
use crate::effect::{Adding, SMALL_CHUNK, full};
use crate::inner::Inner;
use crate::transactions::gate;
use crate::{Error, Result, Session};

/// What is to become of the table, decided when the upload begins.
enum Plan {
    Create,
    Replace,
    Append(Arc<TempTable>),
}

impl Inner {
    /// Rows into a temporary table, all at their end.
    pub(super) async fn ingest_temporary(
        &self,
        session: &Session,
        name: &str,
        target: &IngestTarget,
        schema: SchemaRef,
        rows: Arriving,
    ) -> Result<u64> {
        let tables = session.changeable()?;
        let plan = plan(&tables, name, target)?;
        let (columns, kept, before) = match &plan {
            Plan::Append(table) => (
                Columns::matched(
                    &schema,
                    table.schema(),
                    |column| table.default_of(column).map(|default| default.expr.clone()),
                    session.state().session(),
                )?,
                Arc::clone(table.schema()),
                tables.bytes(),
            ),
            Plan::Create | Plan::Replace => {
                let replaced = tables.get(name).map_or(0, |table| table.bytes());
                let kept = plain_schema(&schema);
                let columns = Columns::as_they_come(&schema, &kept)?;
                (columns, kept, tables.bytes().saturating_sub(replaced))
            }
        };
        // The upload may take long, so the session's other changes do not wait for it: only its end does.
        let staging = Staging::new(&tables, name, Arc::clone(&kept), before).map_err(full)?;
        let (chunks, count) = staged(staging, columns, rows).await?;
        let (_lock, writer) = session.locked(tables.write()).await;
        match (plan, writer.draft().get(name)) {
            (Plan::Append(began), Some(now)) if began.schema() == now.schema() => {
                let chunks = added(writer.draft(), name, &now, chunks)?;
                writer.refill(name, &now, chunks).map_err(full)?;
            }
            (Plan::Create, None) | (Plan::Replace, _) => {
                writer
                    .put(name, kept, Default::default(), chunks)
                    .map_err(full)?;
            }
            (Plan::Append(_) | Plan::Create, _) => {
                return Err(Error::Conflict {
                    message: format!(
                        "table '{TEMP}.{name}' was changed during the upload, none of which was taken; send it again"
                    ),
                });
            }
        }
        gate::keep(async {
            writer.commit();
            Ok(())
        })
        .await?;
        Ok(count)
    }
}

fn plan(tables: &TempTables, name: &str, target: &IngestTarget) -> Result<Plan> {
    match (tables.get(name), target.if_missing, target.if_exists) {
        (None, IfMissing::Create, _) => Ok(Plan::Create),
        (None, IfMissing::Fail, _) => Err(Error::not_found(format!(
            "table '{TEMP}.{name}' does not exist, and the upload is not to create it"
        ))),
        (Some(_), _, IfExists::Fail) => Err(exists(name)),
        (Some(_), _, IfExists::Replace) => Ok(Plan::Replace),
        (Some(table), _, IfExists::Append) => Ok(Plan::Append(table)),
    }
}

async fn staged(
    mut staging: Staging,
    mut columns: Columns,
    mut rows: Arriving,
) -> Result<(Vec<Arc<Chunk>>, u64)> {
    let translate = |error| Error::from_datafusion(&error, "ingest");
    while let Some(batch) = rows.next().await {
        let batch = columns.fit(&batch?)?;
        staging.push(&batch).map_err(translate)?;
    }
    let count = staging.rows();
    Ok((staging.finish().map_err(translate)?, count))
}

/// The rows of a table with those of the upload after them.
fn added(
    draft: &TempTables,
    name: &str,
    table: &TempTable,
    chunks: Vec<Arc<Chunk>>,
) -> Result<Vec<Arc<Chunk>>> {
    let mut adding = Adding::new(draft, name, table)?;
    for chunk in &chunks {
        let taken = if chunk.batch().num_rows() < SMALL_CHUNK {
            adding.staging.push(chunk.batch())
        } else {
            adding.staging.keep(chunk)
        };
        taken.map_err(|error| Error::from_datafusion(&error, "ingest"))?;
    }
    drop(chunks);
    Ok(adding.finish()?.0)
}

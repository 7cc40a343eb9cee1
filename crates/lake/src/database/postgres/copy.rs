//! `COPY`, which takes and gives whole tables without their passing through memory.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;

use super::{Problem, Session};
use crate::{Error, Result};

/// How much is sent at a time, in bytes.
const CHUNK: usize = 1 << 18;

impl Session {
    pub(in crate::database) async fn copy_out(
        &mut self,
        sql: &str,
        take: impl FnMut(&[u8]) -> bool,
    ) -> Result<()> {
        let result = self.receive(sql, take).await;
        self.noted(result)
    }

    async fn receive(&self, sql: &str, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), Problem> {
        let client = self.lease.client().map_err(Problem::Ours)?;
        let mut chunks = Box::pin(client.copy_out(sql).await?);
        while let Some(chunk) = chunks.next().await {
            if !take(&chunk?) {
                break;
            }
        }
        Ok(())
    }

    pub(in crate::database) async fn copy_in(
        &mut self,
        sql: &str,
        file: tokio::fs::File,
    ) -> Result<()> {
        let result = self.send(sql, file).await;
        self.noted(result)
    }

    async fn send(&self, sql: &str, mut file: tokio::fs::File) -> Result<(), Problem> {
        let client = self.lease.client().map_err(Problem::Ours)?;
        let mut sink = Box::pin(client.copy_in::<_, Bytes>(sql).await?);
        loop {
            let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
            let read = file.read_buf(&mut chunk).await;
            if read.map_err(|why| Problem::Ours(Error::unavailable(why.to_string())))? == 0 {
                break;
            }
            sink.send(chunk.freeze()).await?;
        }
        sink.as_mut().finish().await?;
        Ok(())
    }
}

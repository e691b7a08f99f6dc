//! The blobs.

use async_trait::async_trait;
use callboard_stdx::digest::sha256_hex;
use callboard_substrate::Blobs;
use callboard_substrate::blobs::{BlobError, BlobInfo};
use callboard_substrate::name::BlobName;

use crate::plan::{Delay, Plan};
use crate::shared::{Blob, State};
use crate::store::{Store, Write};

impl Store {
    /// Carries a write to the store, unless a fault keeps it or its acknowledgement away.
    async fn write_blob<T>(
        &self,
        name: &BlobName,
        write: impl FnOnce(&mut State) -> T,
    ) -> Result<T, BlobError> {
        let unavailable = |reason: &str| unavailable(name, reason);
        self.shared.reach_store(&self.node).await.map_err(|end| unavailable(end.reason()))?;
        self.travel(way).await;
        let outcome = {
            let mut state = self.shared.settled();
            match state.write_fault() {
                Write::Refused(reason) => Err(unavailable(reason)),
                Write::Goes { loses_ack } => {
                    let written = write(&mut state);
                    if loses_ack { Err(unavailable("no answer came")) } else { Ok(written) }
                }
            }
        };
        self.travel(way).await;
        self.still_up().map_err(|down| unavailable(down.reason()))?;
        outcome
    }
}

#[async_trait]
impl Blobs for Store {
    async fn put(&self, name: &BlobName, bytes: Vec<u8>) -> Result<BlobInfo, BlobError> {
        let (n, bytes_max) = (bytes.len() as u64, self.bytes_max());
        if n > bytes_max {
            return Err(BlobError::TooLarge { name: name.clone(), bytes: n, bytes_max });
        }
        let sha256 = sha256_hex(&bytes);
        let info = BlobInfo { name: name.clone(), bytes: n, sha256: sha256.clone() };
        self.write_blob(name, |state| {
            state.blobs.insert(name.clone(), Blob { bytes, sha256 });
        })
        .await?;
        Ok(info)
    }

    async fn get(&self, name: &BlobName) -> Result<Vec<u8>, BlobError> {
        let look = |state: &mut State| {
            let Some(blob) = state.blobs.get(name) else {
                return Err(BlobError::NotFound { name: name.clone() });
            };
            let actual = sha256_hex(&blob.bytes);
            if actual != blob.sha256 {
                let expected = blob.sha256.clone();
                return Err(BlobError::Damaged { name: name.clone(), expected, actual });
            }
            Ok(blob.bytes.clone())
        };
        let read = self.read(|| name.to_string(), way, look).await;
        read.map_err(|error| unavailable(name, &error.to_string()))?
    }

    async fn delete(&self, name: &BlobName) -> Result<(), BlobError> {
        self.write_blob(name, |state| drop(state.blobs.remove(name))).await
    }

    async fn list(&self, prefix: &BlobName) -> Result<Vec<BlobInfo>, BlobError> {
        let look = |state: &mut State| {
            let mut infos = Vec::new();
            for (name, blob) in &state.blobs {
                let rest = name.as_str().strip_prefix(prefix.as_str());
                if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
                    infos.push(BlobInfo {
                        name: name.clone(),
                        bytes: blob.bytes.len() as u64,
                        sha256: blob.sha256.clone(),
                    });
                }
            }
            infos
        };
        let read = self.read(|| prefix.to_string(), way, look).await;
        read.map_err(|error| unavailable(prefix, &error.to_string()))
    }

    fn bytes_max(&self) -> u64 {
        self.shared.config.blob_bytes_max
    }
}

fn way(plan: &Plan) -> Delay {
    plan.blobs
}

fn unavailable(name: &BlobName, reason: &str) -> BlobError {
    BlobError::Unavailable { name: name.clone(), reason: reason.to_owned() }
}

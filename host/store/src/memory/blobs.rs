//! Raw mail.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::{BlobId, Missing, StoreError};

#[derive(Default)]
pub(super) struct Blobs {
    all: HashMap<BlobId, Arc<Vec<u8>>>,
    /// What the last sweep found unnamed.
    suspects: BTreeSet<BlobId>,
    last: u64,
}

impl Blobs {
    pub(super) fn put(&mut self, bytes: &[u8]) -> BlobId {
        self.last += 1;
        let id = BlobId(self.last);
        self.all.insert(id, Arc::new(bytes.to_vec()));
        id
    }

    pub(super) fn get(&self, id: BlobId) -> Result<Arc<Vec<u8>>, StoreError> {
        self.all.get(&id).cloned().ok_or(StoreError::NotFound(Missing::Blob))
    }

    /// Removes what two sweeps in turn found unnamed; how many.
    pub(super) fn sweep(&mut self, named: &BTreeSet<BlobId>) -> u64 {
        let unnamed: BTreeSet<BlobId> = self.all.keys().filter(|blob| !named.contains(blob)).copied().collect();
        let (twice, once): (BTreeSet<BlobId>, BTreeSet<BlobId>) =
            unnamed.into_iter().partition(|blob| self.suspects.contains(blob));
        self.all.retain(|blob, _| !twice.contains(blob));
        self.suspects = once;
        twice.len() as u64
    }
}

//! Which of the packs there are serve.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use easel_plugin::hooks::PackVersion;

use super::{Seen, whole};
use crate::load::hex;
use crate::{FolderEvent, InstallError, Pack, PackFolder, PackSet};

impl PackFolder {
    /// The packs that are to serve: one file for an id, none that is disabled, and in place of one that failed in service
    /// the one before it.
    pub(super) fn choose(
        &self,
        files: &mut BTreeMap<PathBuf, Seen>,
        fresh: &[PathBuf],
        events: &mut Vec<FolderEvent>,
    ) -> Result<PackSet, InstallError> {
        let mut by_id: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (file, seen) in files.iter() {
            if let Some(pack) = &seen.pack {
                by_id.entry(pack.version.id.clone()).or_default().push(file.clone());
            }
        }
        let mut chosen = Vec::new();
        for (id, mut of_id) in by_id {
            if let [first, second, ..] = &of_id[..] {
                let (first, second) = (first.clone(), second.clone());
                let conflict = InstallError::Conflict { id: id.clone(), first, second }.to_string();
                // One that served before goes on; of those that are new none is taken.
                let refused: Vec<PathBuf> = of_id.iter().filter(|file| fresh.contains(file)).cloned().collect();
                of_id.retain(|file| !refused.contains(file));
                let serves = of_id.first().and_then(|file| files.get(file)?.pack.as_ref());
                let serves = serves.map(|pack| pack.version.clone());
                for file in refused {
                    if let Some(seen) = files.get_mut(&file) {
                        *seen = Seen { stamp: seen.stamp, ..Seen::default() };
                    }
                    events.push(FolderEvent::Refused { file, reason: conflict.clone(), serves: serves.clone() });
                }
            }
            let pack = of_id.first().and_then(|file| files.get(file)).and_then(|seen| seen.pack.clone());
            let Some(pack) = pack else { continue };
            let ledger = self.loader.ledger();
            if ledger.get(&format!("disabled/{id}"))?.is_some() {
                continue;
            }
            if ledger.get(&format!("refused/{}", hex(&pack.hash)))?.is_none() {
                chosen.push(pack);
            } else if let Some(serving) = self.packs.set().get(&id).filter(|serving| serving.hash != pack.hash) {
                chosen.push(Arc::clone(serving));
            } else if let Some(before) = self.before(&pack.version) {
                chosen.push(Arc::new(before));
            }
        }
        Ok(PackSet::new(chosen))
    }

    /// The highest version before this one that is good.
    pub(super) fn before(&self, pack: &PackVersion) -> Option<Pack> {
        let version = semver::Version::parse(&pack.version).ok()?;
        let earlier = self.kept.all(&pack.id).into_iter().filter(|(other, _)| *other < version);
        let load = |(_, file): (_, PathBuf)| {
            let loaded = self.loader.load(&file);
            loaded.inspect_err(|error| tracing::warn!(error = whole(error), "an earlier version is not taken")).ok()
        };
        let is_refused = |pack: &Pack| {
            self.loader.ledger().get(&format!("refused/{}", hex(&pack.hash))).is_ok_and(|of| of.is_some())
        };
        earlier.filter_map(load).find(|pack| !is_refused(pack))
    }
}

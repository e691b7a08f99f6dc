//! Removing workspaces that nobody needs, without losing work.

use std::collections::BTreeSet;

use callboard_agent::workspace::{Cleanup, Error};
use callboard_domain::id::AgentId;

use crate::files::{self, exists, io_error, remove_folder};
use crate::keep::keep_leftovers;
use crate::locks::holding;
use crate::marker::Marker;
use crate::names::{AgentFolder, KEPT_PREFIX};
use crate::service::GitWorkspaces;

impl GitWorkspaces {
    pub(crate) async fn do_cleanup(&self, keep: &BTreeSet<AgentId>) -> Result<Cleanup, Error> {
        let mut cleanup = Cleanup::default();
        let mut failed = None;
        for agent in self.agents().await?.into_iter().filter(|agent| !keep.contains(agent)) {
            let lock = self.locks.agent(&agent).await;
            match holding(lock, self.remove_workspace(&agent)).await {
                Ok(kept) => {
                    cleanup.kept.extend(kept.into_iter().map(|name| format!("{agent} {name}")));
                    cleanup.removed.push(agent);
                }
                // The others must not wait for this one.
                Err(error) => {
                    tracing::warn!(agent = %agent, %error, "workspace not removed");
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(cleanup), Err)
    }

    async fn agents(&self) -> Result<Vec<AgentId>, Error> {
        let folder = self.layout.workspaces();
        if !exists(&folder).await {
            return Ok(Vec::new());
        }
        files::blocking("list", &folder.clone(), move || {
            let mut agents = Vec::new();
            for entry in std::fs::read_dir(folder)? {
                agents.extend(entry?.file_name().to_str().and_then(|name| name.parse().ok()));
            }
            agents.sort();
            Ok(agents)
        })
        .await
    }

    /// Its checkpoints go too. Returns the hidden refs of the mirror that hold the agent's work. Clones that were moved
    /// aside as unreadable stay, for a person to look at.
    async fn remove_workspace(&self, agent: &AgentId) -> Result<Vec<String>, Error> {
        let folder = self.layout.agent(agent);
        let mut kept = Vec::new();
        let marker = Marker::read(&folder).await;
        if let Some(marker) = &marker
            && self.usable_tree(&folder).await?
        {
            keep_leftovers(&self.git.tree(folder.tree()), marker).await?;
            kept = self.move_kept(&folder, marker).await?;
        }
        // After the work is kept, and before the folder, by which a next call finds the agent.
        for info in self.checkpoints_before(agent, u64::MAX).await? {
            self.delete_blob(info.name.as_str()).await?;
        }
        remove_folder(&folder.tree()).await?;
        remove_folder(&folder.new_tree()).await?;
        remove_folder(&folder.scratch()).await?;
        remove_folder(&folder.home()).await?;
        files::remove_file(&folder.last_checkpoint()).await?;
        files::remove_file(&folder.marker()).await?;
        match tokio::fs::remove_dir(folder.path()).await {
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(kept),
            Err(error) => Err(io_error("remove", folder.path())(error)),
            Ok(()) => Ok(kept),
        }
    }

    /// Copies the hidden refs of an agent's clone to the mirror that it borrows from. Returns the
    /// agent's refs there.
    pub(crate) async fn move_kept(
        &self,
        folder: &AgentFolder,
        marker: &Marker,
    ) -> Result<Vec<String>, Error> {
        let tree = self.git.tree(folder.tree());
        let key = marker.mirror_key();
        let _lock = self.locks.mirror(&key).await;
        let mirror = self.git.bare(self.layout.mirror(&key));
        let prefix = format!("{KEPT_PREFIX}/{}", marker.agent);
        mirror
            .git("keep an agent's work")
            .slow()
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--update-shallow"])
            .arg("--")
            .arg(tree.folder())
            .arg(format!("+{KEPT_PREFIX}/*:{prefix}/*"))
            .done()
            .await?;
        let format = "--format=%(refname)";
        let args = ["for-each-ref", format, &prefix];
        let text = mirror.git("list what is kept").args(args).text().await?;
        Ok(text.lines().map(ToOwned::to_owned).collect())
    }
}

//! Tells when one of some files has changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::warn;

/// A change is acted on once nothing has happened for this long: editors write in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// Some files, and what was in them.
pub(super) struct Changes {
    files: Vec<PathBuf>,
    contents: Vec<Option<Vec<u8>>>,
    watcher: Option<RecommendedWatcher>,
    directories: BTreeSet<PathBuf>,
    events: mpsc::UnboundedReceiver<()>,
}

impl Changes {
    /// Follows these files from now on. Where the system cannot watch them that is said once, and no change is ever
    /// told.
    pub(super) fn of(files: Vec<PathBuf>) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let told = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // Nobody follows any more.
                sender.send(()).ok();
            }
        };
        let watcher = notify::recommended_watcher(told)
            .inspect_err(|error| warn!(%error, "changed files go unnoticed; SIGHUP still works"))
            .ok();
        let mut changes =
            Self { files: Vec::new(), contents: Vec::new(), watcher, directories: BTreeSet::new(), events };
        changes.follow(files);
        changes
    }

    /// Follows these files in place of the former ones.
    pub(super) fn follow(&mut self, files: Vec<PathBuf>) {
        // What is known of a file that was followed before stays: it may have changed since it was loaded.
        let known = |file: &PathBuf| self.files.iter().position(|other| other == file);
        self.contents = files
            .iter()
            .map(|file| known(file).map_or_else(|| std::fs::read(file).ok(), |at| self.contents[at].clone()))
            .collect();
        // The directories, not the files: a file that is replaced by another is a new one to the system.
        let wanted: BTreeSet<PathBuf> = files.iter().filter_map(|file| directory(file)).collect();
        if let Some(watcher) = &mut self.watcher {
            for gone in self.directories.difference(&wanted) {
                // It may not even exist any more.
                drop(watcher.unwatch(gone));
            }
            for new in wanted.difference(&self.directories) {
                if let Err(error) = watcher.watch(new, RecursiveMode::NonRecursive) {
                    warn!(%error, directory = %new.display(), "changes here go unnoticed; SIGHUP still works");
                }
            }
        }
        self.directories = wanted;
        self.files = files;
    }

    /// Resolves when the content of one of the files is not what it was.
    pub(super) async fn next(&mut self) {
        loop {
            if self.events.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            sleep(SETTLE).await;
            while matches!(timeout(SETTLE, self.events.recv()).await, Ok(Some(()))) {}
            let now = contents(&self.files);
            // A file that is away for a moment is being replaced.
            if now.iter().all(Option::is_some) && now != self.contents {
                self.contents = now;
                return;
            }
        }
    }
}

fn contents(files: &[PathBuf]) -> Vec<Option<Vec<u8>>> {
    files.iter().map(|file| std::fs::read(file).ok()).collect()
}

fn directory(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_is_told_and_a_touch_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("wakegate.yaml");
        std::fs::write(&file, "one").unwrap();
        let mut changes = Changes::of(vec![file.clone()]);
        std::fs::write(&file, "one").unwrap();
        std::fs::write(directory.path().join("other"), "x").unwrap();
        let none = timeout(Duration::from_secs(1), changes.next()).await;
        assert!(none.is_err(), "nothing has changed");

        // As editors do it: a new file takes the old one's place.
        let new = directory.path().join("new");
        std::fs::write(&new, "two").unwrap();
        std::fs::rename(&new, &file).unwrap();
        timeout(Duration::from_secs(30), changes.next()).await.expect("told");
    }

    #[tokio::test]
    async fn a_change_between_the_load_and_the_next_look_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("wakegate.yaml");
        std::fs::write(&file, "one").unwrap();
        let mut changes = Changes::of(vec![file.clone()]);
        std::fs::write(&file, "two").unwrap();
        timeout(Duration::from_secs(30), changes.next()).await.expect("told");
        std::fs::write(&file, "three").unwrap();
        changes.follow(vec![file]);
        timeout(Duration::from_secs(30), changes.next()).await.expect("told again");
    }
}

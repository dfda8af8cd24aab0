//! On a terminal: a bar per concurrent migration, and one line for what is
//! waited for now. Everything that stays is printed above them.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::line::VERB_WIDTH;
use super::pace::Pace;
use super::tell::rest;
use crate::apply::backfill::News;
use crate::apply::{Event, human};
use crate::diagnostic::render::Style;
use crate::migration::{Kind, Name};

/// Lines that move.
pub(crate) struct Live {
    display: MultiProgress,
    style: Style,
    bars: BTreeMap<Name, ProgressBar>,
    pace: Pace,
    /// The batch: how many migrations of the block have run.
    block: Option<ProgressBar>,
}

/// A block of fewer migrations is over before a bar can be read.
const BLOCK_MIN: usize = 50;

const TICK: Duration = Duration::from_millis(120);

impl Live {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            display: MultiProgress::new(),
            style,
            bars: BTreeMap::new(),
            pace: Pace::default(),
            block: None,
        }
    }

    /// Prints above the bars.
    pub(crate) fn print(&self, text: &str) {
        // An empty line would be swallowed.
        let text = if text.is_empty() { " " } else { text };
        // A terminal that is gone is no reason to stop a migration.
        let _ = self.display.println(text);
    }

    /// Takes in an event; whether that was all that has to be shown of it.
    pub(crate) fn show(&mut self, event: &Event, at: Duration) -> bool {
        match event {
            Event::MigrationBegan {
                name,
                kind: Kind::Concurrent,
                ..
            } => {
                self.bar(name).set_message("beginning");
                false
            }
            Event::Progress {
                name,
                phase,
                done,
                total,
            } => {
                let reading = self.pace.read(name, phase, *done, *total, at);
                let bar = self.bar(name);
                bar.set_style(self.bar_style(reading.percent.is_some()));
                bar.set_length(total.unwrap_or(0));
                bar.set_position(done.unwrap_or(0));
                bar.set_message(rest(phase, &reading));
                true
            }
            Event::BuildWaits {
                name,
                blockers,
                since,
            } => {
                let pids: Vec<_> = blockers.iter().map(|one| one.pid.to_string()).collect();
                self.bar(name).set_message(format!(
                    "has waited {} for pid {}",
                    human(since),
                    pids.join(", ")
                ));
                false
            }
            Event::Backfill { name, news } => {
                match news {
                    News::Paused { .. } | News::Throttled { .. } => {
                        self.bar(name).set_message(news.to_string());
                    }
                    News::GoesOn { .. } => self.bar(name).set_message("goes on"),
                    News::Began { .. }
                    | News::SetAside { .. }
                    | News::Unseen { .. }
                    | News::Impossible { .. } => {}
                }
                false
            }
            Event::RunsElsewhere { name, holder } => {
                self.bar(name).set_message(format!("runs in {holder}"));
                false
            }
            Event::MigrationDone { name, .. }
            | Event::MigrationFailed { name, .. }
            | Event::Preempted { name, .. } => {
                self.end(name);
                false
            }
            Event::Detached { builds } => {
                for (name, _) in builds {
                    self.end(name);
                }
                false
            }
            Event::BlockBegan { migrations, .. } if *migrations >= BLOCK_MIN => {
                self.end_block();
                let bar = self.add(*migrations as u64);
                bar.set_prefix(format!("{:>VERB_WIDTH$}", "Applying"));
                self.block = Some(bar);
                false
            }
            Event::MigrationRan { name, .. } => {
                if let Some(bar) = &self.block {
                    bar.inc(1);
                    bar.set_message(name.to_string());
                    return true;
                }
                false
            }
            Event::BlockCommitted { .. }
            | Event::BlockRetried { .. }
            | Event::BlockCut { .. }
            | Event::Unfolded { .. }
            | Event::ConnectionLost { .. } => {
                self.end_block();
                false
            }
            _ => false,
        }
    }

    fn bar(&mut self, name: &Name) -> ProgressBar {
        if let Some(bar) = self.bars.get(name) {
            return bar.clone();
        }
        let bar = self.add(0);
        bar.set_prefix(name.to_string());
        self.bars.insert(name.clone(), bar.clone());
        bar
    }

    /// Without a total there is nothing that a bar could show.
    fn bar_style(&self, has_total: bool) -> ProgressStyle {
        let prefix = match self.style {
            Style::Plain => "{prefix}",
            Style::Colour => "{prefix:.bold.cyan}",
        };
        let template = if has_total {
            format!("{prefix} [{{bar:24}}] {{wide_msg}}")
        } else {
            format!("{prefix} {{spinner}} {{wide_msg}}")
        };
        // The template is ours; without it the default one is shown.
        ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ")
    }

    fn add(&self, length: u64) -> ProgressBar {
        let bar = self.display.add(ProgressBar::new(length));
        bar.set_style(self.bar_style(length > 0));
        bar.enable_steady_tick(TICK);
        bar
    }

    fn end(&mut self, name: &Name) {
        self.pace.end(name);
        if let Some(bar) = self.bars.remove(name) {
            bar.finish_and_clear();
        }
    }

    fn end_block(&mut self) {
        if let Some(bar) = self.block.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end_block();
        for bar in self.bars.values() {
            bar.finish_and_clear();
        }
    }
}

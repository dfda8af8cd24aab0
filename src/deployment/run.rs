//! One run, as `segue up` and `segue settle` make it, with its events.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::{Deployment, Error, Event};
use crate::apply::{self, ApplyError, Interrupt, Outcome, Run, Settings, Signal, Signals, Until};
use crate::apply::{survey, up};
use crate::diagnostic::{Diagnostic, Severity};
use crate::history::History;
use crate::migration::Migration;
use crate::plan::Options;
use crate::postgres::Target;
use crate::postgres::target::Environment;
use crate::project::Project;
use crate::text::Variables;
use crate::version::Version;

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// The batch, until ready.
    Batch,
    /// The tail.
    Tail,
}

/// How a run ended well, and what it told on the way.
#[derive(Debug)]
pub(super) struct Ran {
    pub outcome: Outcome,
    /// The deployment that is ready by now.
    pub deployment: Option<i64>,
    /// The version of the schema then.
    pub schema_version: Option<Version>,
    /// What runs after ready, as planned last.
    pub tail: Vec<String>,
}

/// Everything that has to be looked up before a connection is made.
pub(super) struct Prepared {
    pub target: Target,
    pub environment: Environment,
    pub migrations: Vec<Migration>,
}

impl Deployment {
    /// Understands the connection string and reads the migrations.
    pub(super) async fn prepare(&self) -> Result<Prepared, Error> {
        let environment = self.environment.clone().unwrap_or_default();
        if self.database.is_none() && self.environment.is_none() {
            return Err(Error::refused(
                "no database is named",
                "`Deployment::database` takes a connection string, `Deployment::environment` the variables that name one",
            ));
        }
        let target = Target::resolve(self.database.as_deref(), &environment)?;
        let of = self.clone();
        // Large files take a while to read and hash.
        let reading = tokio::task::spawn_blocking(move || of.read());
        let (mut migrations, diagnostics) = match reading.await {
            Ok(read) => read?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and we with it.
                Err(_) => std::future::pending().await,
            },
        };
        for diagnostic in &diagnostics {
            self.tell(Event::Noted {
                text: diagnostic.message.clone(),
            });
        }
        for warning in target.warnings() {
            self.tell(Event::Noted {
                text: warning.clone(),
            });
        }
        apply::connections::look_up(&mut migrations, &environment);
        Ok(Prepared {
            target,
            environment,
            migrations,
        })
    }

    /// All headers, and what is to be told of them. Blocks.
    fn read(&self) -> Result<(Vec<Migration>, Vec<Diagnostic>), Error> {
        if let Err(error) = self.project.parse::<Project>() {
            return Err(Error::refused(
                error.to_string(),
                "`Deployment::project` names it",
            ));
        }
        let variables = Variables::new(self.variables.clone());
        let (migrations, diagnostics) = self.migrations.read(&variables)?;
        if diagnostics
            .iter()
            .any(|one| one.severity == Severity::Error)
        {
            return Err(Error::invalid(diagnostics));
        }
        Ok((migrations, diagnostics))
    }

    /// Reads everything and plans for a database that holds nothing.
    pub(super) fn rehearse_reading(&self) -> Result<(), Error> {
        let (mut migrations, _) = self.read()?;
        let environment = self.environment.clone().unwrap_or_default();
        apply::connections::look_up(&mut migrations, &environment);
        let (history, options) = (History::default(), Options::default());
        survey::absent(history, &self.project, &mut migrations, &options)?;
        let rules = &self.rules.0;
        if let Some(verification) = self.migrations.verification(rules, self.on_mismatch) {
            for major in verification.majors()? {
                verification.read(major)?;
            }
        }
        Ok(())
    }

    /// Does `work`; a run of the batch ends after [`Deployment::timeout`].
    pub(super) async fn run(&self, work: Work) -> Result<Ran, Error> {
        let Prepared {
            target,
            environment,
            migrations,
        } = self.prepare().await?;
        let (events, receiver) = apply::Events::channel();
        let (signals, interrupt) = Interrupt::channel();
        let run = Run {
            target,
            connect_wait: self.connect_wait,
            environment,
            project: self.project.clone(),
            owner: self.owner.clone(),
            verification: self
                .migrations
                .verification(&self.rules.0, self.on_mismatch),
            settings: Settings {
                until: match work {
                    Work::Batch => Until::Ready,
                    Work::Tail => Until::Settled,
                },
                ..self.settings.clone()
            },
            events,
            interrupt,
        };
        let working = async move {
            let ended: Result<Outcome, ApplyError> = match work {
                Work::Batch => Box::pin(up::up(&run, migrations)).await,
                Work::Tail => Box::pin(up::settle(&run, migrations)).await,
            };
            // The last sender: without it the events would never end.
            drop(run);
            ended
        };
        let bound = match work {
            Work::Batch => self.timeout,
            Work::Tail => None,
        };
        let both = async { tokio::join!(working, self.follow(receiver)) };
        let mut is_late = false;
        let (ended, told) = tokio::select! {
            both = both => both,
            never = self.pass_signals(&signals, bound, &mut is_late) => match never {},
        };
        match ended {
            Ok(outcome) => Ok(Ran { outcome, ..told }),
            Err(error) => Err(match error.into() {
                Error::Stopped { committed } if is_late => Error::TimedOut {
                    what: "the deployment to be ready".to_owned(),
                    after: bound.unwrap_or_default(),
                    committed: Some(committed),
                },
                error => error,
            }),
        }
    }

    /// Tells events until the run has ended.
    async fn follow(&self, mut events: UnboundedReceiver<apply::Event>) -> Ran {
        let mut told = Ran {
            outcome: Outcome::Settled,
            deployment: None,
            schema_version: None,
            tail: Vec::new(),
        };
        while let Some(event) = events.recv().await {
            match &event {
                apply::Event::Reached {
                    deployment: Some(deployment),
                    schema_version,
                    ..
                }
                | apply::Event::Ready {
                    deployment,
                    schema_version,
                    ..
                } => {
                    told.deployment = Some(*deployment);
                    told.schema_version = *schema_version;
                }
                _ => {}
            }
            let Some(event) = Event::of(&event) else {
                continue;
            };
            if let Event::Planned { tail, .. } = &event {
                told.tail.clone_from(tail);
            }
            self.tell(event);
        }
        told
    }

    /// That nobody listens is no reason to do anything else.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Hands on what [`Stopper`](super::Stopper) says, and asks to end after
    /// `bound`.
    async fn pass_signals(
        &self,
        signals: &watch::Sender<Signals>,
        bound: Option<Duration>,
        is_late: &mut bool,
    ) -> Infallible {
        let stopping = async {
            self.interrupt.first().await;
            signals.send_modify(|run| *run = self.interrupt.signals());
            self.interrupt.again().await;
            signals.send_modify(|run| *run = self.interrupt.signals());
            std::future::pending::<Infallible>().await
        };
        let timing = async {
            match bound {
                Some(bound) => tokio::time::sleep(bound).await,
                None => std::future::pending().await,
            }
            *is_late = self.interrupt.signals().first.is_none();
            signals.send_modify(|run| {
                run.first.get_or_insert(Signal::Terminate);
            });
        };
        tokio::join!(stopping, timing).0
    }
}

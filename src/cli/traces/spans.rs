//! Events → spans: run → batch → block → migration, and run → tail →
//! migration → statement, with waits where they happen.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::Extent;
use crate::apply::Event;
use crate::migration::{Kind, Name};

/// The spans that are open.
pub(super) struct Spans {
    tracer: SdkTracer,
    project: String,
    /// What the environment says we are a part of.
    parent: Context,
    run: Option<Context>,
    batch: Option<Context>,
    block: Option<Context>,
    tail: Option<Context>,
    members: BTreeMap<Name, Member>,
    waits: BTreeMap<Wait, Context>,
    /// Migrations of the block, told one behind the other when all have run.
    ran: Vec<(Name, usize, Duration)>,
    ran_at: SystemTime,
}

/// A standalone or concurrent migration under way.
struct Member {
    migration: Context,
    statement: Option<Context>,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wait {
    /// Another run's batch.
    Batch,
    /// A lock of the server's.
    Lock,
    /// A migration that runs elsewhere.
    Migration(Name),
}

/// The span that `TRACEPARENT` names, in the form of W3C's trace context.
pub(super) fn parent(variable: Option<&String>) -> Context {
    let read = |text: &String| {
        let mut parts = text.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        if version != "00" {
            return None;
        }
        let context = SpanContext::new(
            TraceId::from_hex(trace).ok()?,
            SpanId::from_hex(span).ok()?,
            TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
            true,
            TraceState::default(),
        );
        context
            .is_valid()
            .then(|| Context::new().with_remote_span_context(context))
    };
    variable.and_then(read).unwrap_or_default()
}

impl Spans {
    pub(super) fn new(tracer: SdkTracer, parent: Context, project: &str, extent: Extent) -> Self {
        let mut spans = Self {
            tracer,
            project: project.to_owned(),
            parent,
            run: None,
            batch: None,
            block: None,
            tail: None,
            members: BTreeMap::new(),
            waits: BTreeMap::new(),
            ran: Vec::new(),
            ran_at: SystemTime::now(),
        };
        if extent == Extent::Run {
            let project = KeyValue::new("segue.project", spans.project.clone());
            let run = spans.open(&spans.parent, "run", vec![project], SystemTime::now());
            spans.run = Some(run);
        }
        spans
    }

    /// Takes in an event that is told `now`.
    pub(super) fn heed(&mut self, event: &Event, now: SystemTime) {
        if let Event::MigrationRan {
            name,
            kind: Kind::Batch,
            statements,
            duration,
        } = event
        {
            self.ran.push((name.clone(), *statements, *duration));
            self.ran_at = now;
            return;
        }
        self.place_ran();
        match event {
            Event::DeploymentBegan { deployment } => {
                self.note_deployment(*deployment);
                self.end_wait(&Wait::Batch, now);
                self.begin_batch(now);
            }
            Event::BlockBegan {
                migrations,
                attempt,
            } => {
                self.end_wait(&Wait::Lock, now);
                self.begin_batch(now);
                let attributes = vec![
                    number("segue.migrations", *migrations),
                    number("segue.attempt", *attempt),
                ];
                self.block = Some(self.open(&self.current(), "block", attributes, now));
            }
            Event::BlockCommitted { .. } => end(self.block.take(), None, now),
            Event::BlockRetried { cause, .. } => end(self.block.take(), Some(cause), now),
            Event::BlockCut { .. } | Event::Unfolded { .. } => {
                end(
                    self.block.take(),
                    Some("it is run again in another way"),
                    now,
                );
            }
            Event::Ready { deployment, .. } => {
                self.note_deployment(*deployment);
                self.end_wait(&Wait::Lock, now);
                end(self.batch.take(), None, now);
                self.mark("ready", Vec::new(), now);
            }
            Event::TailBegan { names } => {
                let attributes = vec![
                    KeyValue::new("segue.project", self.project.clone()),
                    number("segue.migrations", names.len()),
                ];
                self.tail = Some(self.open(&self.root(), "tail", attributes, now));
            }
            Event::Settled { .. } => {
                self.mark("settled", Vec::new(), now);
                end(self.tail.take(), None, now);
            }
            Event::ServiceRetries { reason, .. } => self.end_tail(reason, now),
            Event::ConnectionLost { reason } => {
                let reason = KeyValue::new("segue.reason", reason.clone());
                self.mark("connection lost", vec![reason], now);
            }
            Event::WaitingForBatch { holder } => {
                self.begin_wait(Wait::Batch, "another run's batch", holder.pid, now);
            }
            Event::WaitingForLock {
                relation, blockers, ..
            } => {
                let what = relation.as_deref().unwrap_or("a lock");
                let pid = blockers.first().map_or(0, |blocker| blocker.pid);
                self.begin_wait(Wait::Lock, what, pid, now);
            }
            Event::RunsElsewhere { name, holder } => {
                let what = name.to_string();
                self.begin_wait(Wait::Migration(name.clone()), &what, holder.pid, now);
            }
            other => self.heed_member(other, now),
        }
    }

    fn heed_member(&mut self, event: &Event, now: SystemTime) {
        match event {
            Event::MigrationBegan { name, kind, pid } => {
                self.end_wait(&Wait::Migration(name.clone()), now);
                let parent = match (&self.tail, kind) {
                    (Some(tail), Kind::Concurrent) => tail.clone(),
                    _ => self.current(),
                };
                let attributes = vec![
                    KeyValue::new("segue.migration", name.to_string()),
                    KeyValue::new("segue.kind", kind.as_str()),
                    KeyValue::new("segue.pid", i64::from(*pid)),
                ];
                let migration = self.open(&parent, "migration", attributes, now);
                let member = Member {
                    migration,
                    statement: None,
                };
                if let Some(before) = self.members.insert(name.clone(), member) {
                    before.end(Some("begun again"), now);
                }
            }
            Event::StatementBegan {
                name, number: at, ..
            } => {
                let Some(member) = self.members.get_mut(name) else {
                    return;
                };
                end(member.statement.take(), None, now);
                let attributes = vec![
                    number("segue.statement", *at),
                    KeyValue::new("db.system.name", "postgresql"),
                ];
                let builder = builder("statement", attributes, now);
                let span = self.tracer.build_with_context(builder, &member.migration);
                member.statement = Some(Context::new().with_span(span));
            }
            Event::BuildWaits { name, blockers, .. } => {
                if let Some(member) = self.members.get(name) {
                    let pids = blockers.iter().map(|blocker| blocker.pid.to_string());
                    let pids = pids.collect::<Vec<_>>().join(", ");
                    let pids = vec![KeyValue::new("segue.blockers", pids)];
                    let span = member.migration.span();
                    span.add_event_with_timestamp("waits for other sessions", now, pids);
                }
            }
            Event::MigrationDone { name, .. } | Event::MigrationRan { name, .. } => {
                self.end_member(name, None, now);
            }
            Event::MigrationFailed { name, diagnostic } => {
                self.end_member(name, Some(&diagnostic.message), now);
            }
            Event::Preempted { name, .. } => self.end_member(name, Some("pre-empted"), now),
            Event::Detached { builds } => {
                for (name, _) in builds {
                    self.end_member(name, Some("left to the server"), now);
                }
            }
            _ => {}
        }
    }

    /// Ends all that is open.
    pub(super) fn end(mut self, error: Option<&str>, now: SystemTime) {
        self.place_ran();
        self.end_tail(error.unwrap_or_default(), now);
        end(self.block.take(), error, now);
        end(self.batch.take(), error, now);
        end(self.run.take(), error, now);
    }

    fn end_tail(&mut self, reason: &str, now: SystemTime) {
        let error = (!reason.is_empty()).then_some(reason);
        for (_, member) in std::mem::take(&mut self.members) {
            member.end(error, now);
        }
        for (_, wait) in std::mem::take(&mut self.waits) {
            end(Some(wait), error, now);
        }
        end(self.tail.take(), error, now);
    }

    /// Spans of a block's migrations, which ran one behind the other.
    fn place_ran(&mut self) {
        let parent = self.block.clone().unwrap_or_else(|| self.current());
        let mut ended = self.ran_at;
        for (name, statements, duration) in std::mem::take(&mut self.ran).into_iter().rev() {
            let began = ended - duration;
            let attributes = vec![
                KeyValue::new("segue.migration", name.to_string()),
                KeyValue::new("segue.kind", Kind::Batch.as_str()),
                number("segue.statements", statements),
            ];
            end(
                Some(self.open(&parent, "migration", attributes, began)),
                None,
                ended,
            );
            ended = began;
        }
    }

    fn note_deployment(&self, deployment: i64) {
        if let Some(run) = &self.run {
            run.span()
                .set_attribute(KeyValue::new("segue.deployment", deployment));
        }
    }

    fn begin_batch(&mut self, now: SystemTime) {
        if self.batch.is_none() {
            self.batch = Some(self.open(&self.root(), "batch", Vec::new(), now));
        }
    }

    fn begin_wait(&mut self, wait: Wait, what: &str, pid: i32, now: SystemTime) {
        if !self.waits.contains_key(&wait) {
            let attributes = vec![
                KeyValue::new("segue.waits_for", what.to_owned()),
                KeyValue::new("segue.pid", i64::from(pid)),
            ];
            let span = self.open(&self.current(), "wait", attributes, now);
            self.waits.insert(wait, span);
        }
    }

    fn end_wait(&mut self, wait: &Wait, now: SystemTime) {
        end(self.waits.remove(wait), None, now);
    }

    fn end_member(&mut self, name: &Name, error: Option<&str>, now: SystemTime) {
        self.end_wait(&Wait::Migration(name.clone()), now);
        if let Some(member) = self.members.remove(name) {
            member.end(error, now);
        }
    }

    /// Something happened, at the span at hand.
    fn mark(&self, what: &'static str, attributes: Vec<KeyValue>, now: SystemTime) {
        self.current()
            .span()
            .add_event_with_timestamp(what, now, attributes);
    }

    fn open(
        &self,
        parent: &Context,
        name: &'static str,
        attributes: Vec<KeyValue>,
        now: SystemTime,
    ) -> Context {
        let span = builder(name, attributes, now);
        Context::new().with_span(self.tracer.build_with_context(span, parent))
    }

    fn root(&self) -> Context {
        self.run.clone().unwrap_or_else(|| self.parent.clone())
    }

    fn current(&self) -> Context {
        let open = self.batch.as_ref().or(self.tail.as_ref());
        open.cloned().unwrap_or_else(|| self.root())
    }
}

impl Member {
    fn end(self, error: Option<&str>, now: SystemTime) {
        end(self.statement, error, now);
        end(Some(self.migration), error, now);
    }
}

fn builder(name: &'static str, attributes: Vec<KeyValue>, now: SystemTime) -> SpanBuilder {
    SpanBuilder::from_name(name)
        .with_start_time(now)
        .with_attributes(attributes)
}

fn end(span: Option<Context>, error: Option<&str>, now: SystemTime) {
    if let Some(span) = span {
        if let Some(error) = error {
            span.span().set_status(Status::error(error.to_owned()));
        }
        span.span().end_with_timestamp(now);
    }
}

fn number(name: &'static str, count: usize) -> KeyValue {
    KeyValue::new(name, i64::try_from(count).unwrap_or(i64::MAX))
}

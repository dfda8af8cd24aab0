//! What is answered to which request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Given};
use axum::http::StatusCode;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap,
    HeaderName, HeaderValue, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use super::drift::Measured;
use super::state::{Moment, State};
use super::{Course, Phase, Settings, events, metrics};
use crate::page;
use crate::status::{JSON_VERSION, View};

/// Connections at a time; the next ones wait in the system's queue.
pub(super) const CONNECTIONS_MAX: usize = 10_000;

/// Of these, streams of events: they last, and `/ready` must always find a place.
const STREAMS_MAX: usize = 8_000;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// What all requests share; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    state: watch::Receiver<Arc<State>>,
    course: watch::Receiver<Course>,
    drift: watch::Receiver<Option<Measured>>,
    streams: Arc<Semaphore>,
    connections: Arc<AtomicUsize>,
    /// Names that a request may call us by; `None` if any.
    hosts: Option<Arc<[String]>>,
}

/// Counted while it lasts.
pub(super) struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn new(
        settings: &Settings,
        address: SocketAddr,
        state: watch::Receiver<Arc<State>>,
        course: watch::Receiver<Course>,
        drift: watch::Receiver<Option<Measured>>,
    ) -> Self {
        // What only this machine can reach must not be read by a web page that
        // has its own name lead here.
        let is_choosy = address.ip().is_loopback() || !settings.hosts.is_empty();
        Self {
            state,
            course,
            drift,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            connections: Arc::new(AtomicUsize::new(0)),
            hosts: is_choosy.then(|| settings.hosts.clone().into()),
        }
    }

    pub(super) fn course(&self) -> watch::Receiver<Course> {
        self.course.clone()
    }

    /// A connection more.
    pub(super) fn connection(&self) -> Open {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.connections))
    }

    fn now(&self) -> (Arc<State>, Course) {
        (Arc::clone(&self.state.borrow()), *self.course.borrow())
    }

    /// Whether a request that calls us `host` is meant for us.
    fn is_known(&self, host: &str) -> bool {
        let Some(hosts) = &self.hosts else {
            return true;
        };
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        name.parse::<std::net::IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// All routes.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(page))
        .route(
            "/page.css",
            get(async || answer(StatusCode::OK, CSS, page::STYLE)),
        )
        .route(
            "/page.js",
            get(async || answer(StatusCode::OK, SCRIPT, page::SCRIPT)),
        )
        .route("/ready", get(ready))
        .route("/health", get(health))
        .route("/status", get(status))
        .route("/events", get(events))
        .route("/metrics", get(metrics))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(shared.clone(), around))
        .with_state(shared)
}

/// What holds for every request and every answer.
async fn around(Given(shared): Given<Shared>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST);
    let is_known = host.is_none_or(|host| host.to_str().is_ok_and(|host| shared.is_known(host)));
    let mut response = if is_known {
        next.run(request).await
    } else {
        let text = "segue serve is not known by this name: `--host NAME` makes it so\n";
        answer(StatusCode::MISDIRECTED_REQUEST, TEXT, text)
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(CACHE_CONTROL, "no-store");
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    if shared.course.borrow().phase != Phase::Serving {
        set(CONNECTION, "close");
    }
    response
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, kind)], body.into()).into_response()
}

fn answer_json(status: StatusCode, value: &Value) -> Response {
    answer(status, JSON, format!("{value}\n"))
}

async fn ready(Given(shared): Given<Shared>, headers: HeaderMap) -> Response {
    let (state, course) = shared.now();
    let mut view = state.view.clone();
    if course.drains {
        view.is_ready = false;
        "segue serve is stopping".clone_into(&mut view.reason);
    }
    let status = if view.is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    if wants_text(&headers) {
        let word = if view.is_ready { "ready" } else { "not ready" };
        return answer(status, TEXT, format!("{word}: {}\n", view.reason));
    }
    answer_json(status, &ready_json(&view))
}

/// By `#/$defs/ready` of `docs/json/served.schema.json`.
fn ready_json(view: &View) -> Value {
    let mut value = view.summary();
    value["version"] = json!(JSON_VERSION);
    value["project"] = json!(view.project);
    value
}

/// Whether a client asks for text and not for JSON.
fn wants_text(headers: &HeaderMap) -> bool {
    let asked = headers.get_all(ACCEPT).iter();
    let asked: Vec<&str> = asked
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim())
        .collect();
    let asks = |kinds: &[&str]| asked.iter().any(|asked| kinds.contains(asked));
    asks(&["text/plain", "text/*"]) && !asks(&[JSON])
}

/// That this process lives, whatever the database does.
async fn health(Given(shared): Given<Shared>) -> Response {
    let (state, _) = shared.now();
    answer_json(StatusCode::OK, &health_json(&state.view))
}

/// By `#/$defs/health` of `docs/json/served.schema.json`.
fn health_json(view: &View) -> Value {
    let database = match &view.stale {
        None => "up".to_owned(),
        Some(stale) => format!("away: {}", stale.reason),
    };
    json!({
        "version": JSON_VERSION,
        "alive": true,
        "database": database,
    })
}

/// What people look at.
async fn page(Given(shared): Given<Shared>) -> Response {
    let (state, _) = shared.now();
    answer(StatusCode::OK, HTML, state.page())
}

async fn status(Given(shared): Given<Shared>) -> Response {
    let (state, _) = shared.now();
    answer(StatusCode::OK, JSON, state.json())
}

async fn events(Given(shared): Given<Shared>) -> Response {
    let Ok(place) = Arc::clone(&shared.streams).try_acquire_owned() else {
        let text = format!("{STREAMS_MAX} streams are open already\n");
        let mut refusal = answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, text);
        refusal
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("10"));
        return refusal;
    };
    let body = events::body(shared.state.clone(), shared.course.clone(), place);
    let mut response = answer(StatusCode::OK, "text/event-stream", body);
    // nginx collects an answer otherwise until it has a few kilobytes.
    response.headers_mut().insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

async fn metrics(Given(shared): Given<Shared>) -> Response {
    let (state, course) = shared.now();
    let clients = metrics::Clients {
        connections: shared.connections.load(Ordering::Relaxed),
        streams: STREAMS_MAX - shared.streams.available_permits(),
    };
    let drift = *shared.drift.borrow();
    let text = metrics::text(&state, course, drift, clients, &Moment::now());
    answer(StatusCode::OK, metrics::CONTENT_TYPE, text)
}

async fn nothing() -> Response {
    let text = "not here; see /, /ready, /status, /events, /metrics and /health\n";
    answer(StatusCode::NOT_FOUND, TEXT, text)
}

#[cfg(test)]
mod tests;

//! Where traces go: a collector, by OTLP over HTTP, as the variables of the
//! OpenTelemetry specification say.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

/// Sends spans in the background, from a thread of the SDK's.
pub(super) struct Exporter {
    provider: SdkTracerProvider,
    failure: Failure,
}

/// Why something could not be sent, the last time.
type Failure = Arc<Mutex<Option<String>>>;

/// How long the last spans may take, at the end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// How long a request may take where no variable says so, as the
/// specification has it.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// The variables that name a collector. The specification's default, a
/// collector on this machine, is not taken: most have none.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

impl Exporter {
    /// One, if the environment names a collector.
    pub(super) fn new(environment: &BTreeMap<String, String>) -> Option<Self> {
        let is = |name: &str, value: &str| {
            environment
                .get(name)
                .is_some_and(|found| found.eq_ignore_ascii_case(value))
        };
        let is_set = |name: &&str| environment.get(*name).is_some_and(|url| !url.is_empty());
        if is("OTEL_SDK_DISABLED", "true")
            || is("OTEL_TRACES_EXPORTER", "none")
            || !ENDPOINTS.iter().any(is_set)
        {
            return None;
        }
        let failure = Failure::default();
        let client = Client::new(timeout(environment), Arc::clone(&failure));
        let built = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .build();
        let exporter = match built {
            Ok(exporter) => exporter,
            Err(error) => {
                tracing::warn!(%error, "traces cannot be sent");
                return None;
            }
        };
        let resource = Resource::builder();
        let names_service = environment.contains_key("OTEL_SERVICE_NAME")
            || environment
                .get("OTEL_RESOURCE_ATTRIBUTES")
                .is_some_and(|attributes| attributes.contains("service.name="));
        let resource = if names_service {
            resource
        } else {
            resource.with_service_name("segue")
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        Some(Self { provider, failure })
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("segue")
    }

    /// Sends what is left.
    pub(super) fn end(self) {
        let ended = self.provider.shutdown_with_timeout(END_WITHIN);
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = failure.as_ref() {
            tracing::warn!(reason, "traces could not be sent");
        } else if let Err(error) = ended {
            tracing::warn!(%error, "traces could not be sent");
        }
    }
}

fn timeout(environment: &BTreeMap<String, String>) -> Duration {
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ];
    names
        .iter()
        .find_map(|name| environment.get(*name)?.parse().ok())
        .map_or(REQUEST_WITHIN, Duration::from_millis)
}

/// Speaks HTTP. It blocks, which is as well in a thread of its own.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    failure: Failure,
}

impl Client {
    fn new(timeout: Duration, failure: Failure) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            failure,
        }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = request.map(|body| body.to_vec());
        let mut response = self.agent.run(request)?;
        let body = response.body_mut().read_to_vec()?;
        let mut answer = Response::new(Bytes::from(body));
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        Ok(answer)
    }
}

impl HttpClient for Client {
    fn send_bytes<'life, 'future>(
        &'life self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            let answer = self.send(request);
            let reason = match &answer {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("the collector answers {}", answer.status())),
                Err(error) => Some(error.to_string()),
            };
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = reason;
            answer
        })
    }
}

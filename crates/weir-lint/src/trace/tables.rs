//! What is known of the world outside the project: which calls use the network, queue a job,
//! wait. By full path, because a method's name says little (`.send` is mostly a Django signal).

use super::Limit;

/// A family of calls that use the network.
pub(super) struct NetworkCall {
    /// Path or, with a final `.`, the start of paths.
    pub(super) path: &'static str,
    /// Methods that send, when `path` is a client object; empty when calling it sends.
    pub(super) methods: &'static [&'static str],
    /// What happens without a `timeout` argument.
    pub(super) default: Limit,
    /// Position of the timeout argument, if it can be positional.
    pub(super) position: Option<usize>,
}

const VERBS: &[&str] =
    &["get", "post", "put", "patch", "delete", "head", "options", "request", "send", "stream"];

const fn function(path: &'static str, default: Limit, position: Option<usize>) -> NetworkCall {
    NetworkCall { path, methods: &[], default, position }
}

const fn client(
    path: &'static str,
    methods: &'static [&'static str],
    default: Limit,
) -> NetworkCall {
    NetworkCall { path, methods, default, position: None }
}

/// The calls, first match wins. Clients whose methods are an open set name none and match any.
pub(super) const NETWORK: &[NetworkCall] = &[
    function("requests.get", Limit::Missing, None),
    function("requests.post", Limit::Missing, None),
    function("requests.put", Limit::Missing, None),
    function("requests.patch", Limit::Missing, None),
    function("requests.delete", Limit::Missing, None),
    function("requests.head", Limit::Missing, None),
    function("requests.options", Limit::Missing, None),
    function("requests.request", Limit::Missing, None),
    client("requests.Session", VERBS, Limit::Missing),
    client("requests.session", VERBS, Limit::Missing),
    client("requests.sessions.Session", VERBS, Limit::Missing),
    client("requests_oauthlib.OAuth2Session", VERBS, Limit::Missing),
    client("requests_oauthlib.OAuth1Session", VERBS, Limit::Missing),
    function("httpx.get", Limit::Given, None),
    function("httpx.post", Limit::Given, None),
    function("httpx.put", Limit::Given, None),
    function("httpx.patch", Limit::Given, None),
    function("httpx.delete", Limit::Given, None),
    function("httpx.head", Limit::Given, None),
    function("httpx.request", Limit::Given, None),
    function("httpx.stream", Limit::Given, None),
    client("httpx.Client", VERBS, Limit::Given),
    client("httpx.AsyncClient", VERBS, Limit::Given),
    client("aiohttp.ClientSession", VERBS, Limit::Given),
    function("urllib.request.urlopen", Limit::Missing, Some(2)),
    function("urllib.request.urlretrieve", Limit::Unknown, None),
    client("urllib3.PoolManager", &["request", "urlopen"], Limit::Missing),
    client("http.client.HTTPConnection", &["request"], Limit::Unknown),
    client("http.client.HTTPSConnection", &["request"], Limit::Unknown),
    function("smtplib.SMTP", Limit::Missing, Some(3)),
    function("smtplib.SMTP_SSL", Limit::Missing, Some(5)),
    function("ftplib.FTP", Limit::Missing, Some(4)),
    function("socket.create_connection", Limit::Missing, Some(1)),
    function("django.core.mail.send_mail", Limit::Unknown, None),
    function("django.core.mail.send_mass_mail", Limit::Unknown, None),
    function("django.core.mail.mail_admins", Limit::Unknown, None),
    function("django.core.mail.mail_managers", Limit::Unknown, None),
    client("django.core.mail.EmailMessage", &["send"], Limit::Unknown),
    client("django.core.mail.EmailMultiAlternatives", &["send"], Limit::Unknown),
    client("django.core.mail.message.EmailMessage", &["send"], Limit::Unknown),
    client("boto3.client", &[], Limit::Unknown),
    client("boto3.resource", &[], Limit::Unknown),
    client("slack_sdk.WebClient", &[], Limit::Unknown),
    client("twilio.rest.Client", &[], Limit::Unknown),
    client("openai.OpenAI", &[], Limit::Unknown),
    client("anthropic.Anthropic", &[], Limit::Unknown),
    client("sendgrid.SendGridAPIClient", &["send"], Limit::Unknown),
    client("paramiko.SSHClient", &["connect", "exec_command"], Limit::Unknown),
    client("docker.from_env", &[], Limit::Unknown),
];

/// Outside packages whose calls reach a service when the last part is one of these words.
pub(super) const SDK_PACKAGES: &[&str] = &["stripe"];

/// What an SDK's function must be called to be a request.
pub(super) const SDK_VERBS: &[&str] = &[
    "create",
    "retrieve",
    "modify",
    "delete",
    "list",
    "cancel",
    "capture",
    "confirm",
    "refund",
    "search",
    "update",
    "finalize_invoice",
    "pay",
    "attach",
    "detach",
    "construct_session",
];

/// Functions that wait.
pub(super) const SLEEPS: &[&str] =
    &["time.sleep", "gevent.sleep", "eventlet.sleep", "asyncio.sleep"];

/// Names a transaction is opened by; projects add theirs in the configuration.
pub(super) const ATOMIC: &[&str] = &[
    "django.db.transaction.atomic",
    "django.db.transaction.Atomic",
    "django_subatomic.db.transaction",
    "django_subatomic.db.transaction_required",
];

/// Functions that defer their argument until the commit.
pub(super) const ON_COMMIT: &[&str] =
    &["django.db.transaction.on_commit", "django_subatomic.db.run_after_commit"];

/// Decorators that make a function a background job.
pub(super) const TASK_DECORATORS: &[&str] = &[
    "shared_task",
    "task",
    "actor",
    "db_task",
    "job",
    "background",
    "periodic_task",
    "shared_dedicated_worker_task",
    "shared_log_insert_task",
    "dedicated_worker_task",
];

/// Packages whose queues live outside the database.
pub(super) const BROKERS: &[&str] = &["celery", "dramatiq", "huey", "django_rq", "django_q"];

/// Methods that hand a job to its queue at once.
pub(super) const ENQUEUE_METHODS: &[&str] = &["delay", "apply_async"];

/// Functions outside that hand a job to a queue.
pub(super) const ENQUEUE_FUNCTIONS: &[&str] =
    &["django_q.tasks.async_task", "celery.current_app.send_task", "django_rq.enqueue"];

/// Decorators after which a function is asked once per argument, or rarely.
pub(crate) const MEMO_DECORATORS: &[&str] = &[
    "lru_cache",
    "cache",
    "cached",
    "memoize",
    "cached_property",
    "cache_memoize",
    "cache_with_key",
    "cachedproperty",
    "ttl_cache",
];

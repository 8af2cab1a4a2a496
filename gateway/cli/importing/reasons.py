"""Why a field of LiteLLM's was not carried, in one line that says what to do instead."""

from __future__ import annotations

from gateway.cli.importing.paper import Step

_NO_CALLBACK = "nobody else is told of requests; send the audit log on: sekisho audit export, or audit.anchors"
_TARGETS = "all engines with one `model` stand in for each other, as policy allows; set further fleet.engines"
_ADMIN = "people get roles with their keys: sekisho keys create --role admin"
_FILES = "keys, limits and log are files in data_dir, no database"
_DETECTION = "personal data are found and redacted by policy: rules.csv"
_CACHE = "answers are not cached; prompts are reused within a tenant by the engine"
_WAIT = "choosing, retries and pauses follow from what is measured; see fleet.routes and fleet.failures"
_REFUSED = "wildcards name no model: name each one that may be used"

_REASONS = {
    "callbacks": _NO_CALLBACK,
    "success_callback": _NO_CALLBACK,
    "failure_callback": _NO_CALLBACK,
    "service_callback": _NO_CALLBACK,
    "alerting": _NO_CALLBACK,
    "alerting_threshold": _NO_CALLBACK,
    "fallbacks": _TARGETS,
    "default_fallbacks": _TARGETS,
    "context_window_fallbacks": _TARGETS,
    "content_policy_fallbacks": _TARGETS,
    "routing_strategy": _WAIT,
    "num_retries": "at most three targets are tried, before the first byte of an answer",
    "max_retries": "at most three targets are tried, before the first byte of an answer",
    "allowed_fails": "set fleet.failures",
    "cooldown_time": "set fleet.longest_pause_seconds",
    "cache": _CACHE,
    "cache_params": _CACHE,
    "master_key": _ADMIN,
    "proxy_admin_email": _ADMIN,
    "database_url": _FILES,
    "store_model_in_db": _FILES,
    "guardrails": _DETECTION,
    "presidio_analyzer_api_base": _DETECTION,
    "presidio_anonymizer_api_base": _DETECTION,
    "redis_host": "set limits.redis.url",
    "redis_port": "set limits.redis.url",
    "redis_url": "set limits.redis.url",
    "redis_password": "set limits.redis.password_file",
    "environment_variables": "secrets lie in files that settings name, such as fleet.engines[].api_key_file",
    "spend": "what was used until now is not carried: budgets begin anew",
    "token": "only its hash is known: the program gets a new key",
    "blocked": "a blocked key is not made again",
    "key_alias": "the key is blocked: it is not made again",
    "key_name": "shows how the old key ends; the new one is another",
    "user_id": "the end user comes with each request, from keys made with --vouches-for-users",
    "metadata": "keys carry no free fields",
    "expires": "give a date: sekisho keys create --expires",
    "models": "name each model that the key may use: sekisho keys create --model",
    "max_budget": "budgets are by day or month: limits.keys.NAME.money_per_day or money_per_month",
    "budget_duration": "budgets are by day or month: limits.keys.NAME.money_per_day or money_per_month",
    "soft_budget": "bounds refuse; a warning before them is read from sekisho limits show",
    "input_cost_per_token": "a price needs both sides: set limits.prices",
    "output_cost_per_token": "a price needs both sides: set limits.prices",
    "rpm": "each deployment of the model needs one: set limits.models",
    "tpm": "each deployment of the model needs one: set limits.models",
    "model_group_alias": "there is no deployment of the model that it means",
    "request_timeout": "set fleet.engines[].read_timeout_seconds",
    "model_name": _REFUSED,
    "model": _REFUSED,
    "weight": _WAIT,
    "order": _WAIT,
}
_OTHER = "Sekisho has no such setting"


def of(steps: tuple[Step, ...]) -> str:
    """Return the reason for the innermost part of a path that there is a reason for."""
    return next((_REASONS[step] for step in reversed(steps) if isinstance(step, str) and step in _REASONS), _OTHER)

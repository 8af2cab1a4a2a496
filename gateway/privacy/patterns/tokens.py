"""Keys and tokens that vendors mark with a prefix of their own, so that they can be found.

One row each: name, what the token begins with (for Vectorscan), and its whole form (for :mod:`re`, bounded). A token
ends where its alphabet does; one of four different characters or fewer is a placeholder (``ghp_xxxxxxxx…``).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule

FEWEST_CHARACTERS: Final = 5  # different ones

VENDORS_IN_A_RULE: Final = 12

_HEX: Final = "[0-9a-f]"
_W: Final = "[A-Za-z0-9]"
_S: Final = r"[A-Za-z0-9_\-]"

VENDORS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "aws_access_key",
        f"(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|A3T[A-Z0-9]){_W}{{16}}",
        "A(?:[A-Z]{3}|3T[A-Z0-9])[A-Z0-9]{16}",
    ),
    ("aws_bedrock_key", "ABSK[A-Za-z0-9+/]{20}", "ABSK[A-Za-z0-9+/]{90,280}={0,2}"),
    ("aws_bedrock_session_key", "bedrock-api-key-YmVkcm9jay", "bedrock-api-key-[A-Za-z0-9+/]{28,4000}={0,2}"),
    ("google_api_key", f"AIza{_S}{{35}}", f"AIza{_S}{{35}}"),
    ("google_oauth_token", rf"ya29\.{_S}{{20}}", rf"ya29\.{_S}{{20,400}}"),
    ("google_client_secret", f"GOCSPX-{_S}{{20}}", f"GOCSPX-{_S}{{20,40}}"),
    ("azure_client_secret", r"[0-9]Q~[A-Za-z0-9_~.\-]{31}", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}"),
    ("alibaba_access_key", f"LTAI{_W}{{12}}", f"LTAI{_W}{{12,26}}"),
    ("tencent_secret_id", f"AKID{_W}{{28}}", f"AKID{_W}{{28,48}}"),
    ("volcengine_access_key", f"AKLT{_W}{{28}}", f"AKLT{_S}{{28,64}}"),
    ("baidu_cloud_key", rf"bce-v3/ALTAK-{_W}{{16}}", rf"bce-v3/ALTAK-{_W}{{16,32}}/{_HEX}{{32,64}}"),
    ("github_token", f"gh[pousr]_{_W}{{30}}", f"gh[pousr]_{_W}{{30,251}}"),
    ("github_fine_grained_token", "github_pat_[A-Za-z0-9_]{20}", "github_pat_[A-Za-z0-9_]{22,251}"),
    (
        "gitlab_token",
        f"gl(?:pat|dt|ft|rt|ptt|oas|soat|cbt|imt|agent|ffct|rtr)-{_S}{{20}}",
        rf"gl[a-z]{{2,5}}-{_S}{{20,300}}(?:\.[0-9a-z]{{2}}\.?[0-9a-z]{{7,9}})?",
    ),
    ("gitlab_runner_token", f"GR1348941{_S}{{20}}", f"GR1348941{_S}{{20,40}}"),
    ("slack_token", r"xox[abeoprsd]-[0-9A-Za-z\-]{10}", r"xox[abeoprsd](?:\.xox[bp])?-[0-9A-Za-z\-]{10,250}"),
    ("slack_app_token", r"xapp-[0-9]-[A-Z0-9]{8}", r"xapp-[0-9]-[A-Z0-9]{8,16}-[0-9]{8,16}-[0-9a-zA-Z]{20,80}"),
    ("stripe_key", f"(?:sk|rk)_(?:live|test|prod)_{_W}{{10}}", f"[sr]k_[a-z]{{4}}_{_W}{{10,250}}"),
    ("stripe_webhook_secret", f"whsec_{_W}{{24}}", "whsec_[A-Za-z0-9+/]{24,90}={0,2}"),
    ("huggingface_token", f"(?:hf|api_org)_{_W}{{30}}", f"(?:hf|api_org)_{_W}{{30,50}}"),
    ("npm_token", f"npm_{_W}{{36}}", f"npm_{_W}{{36}}"),
    ("pypi_token", f"pypi-A{_S}{{30}}", f"pypi-A{_S}{{30,500}}"),
    ("docker_token", f"dckr_[po]at_{_S}{{20}}", f"dckr_[po]at_{_S}{{20,60}}"),
    ("vault_token", rf"hv[sbr]\.{_S}{{24}}", rf"hv[sbr]\.{_S}{{24,300}}"),
    ("terraform_token", r"\.atlasv1\.[A-Za-z0-9_\-=]{50}", rf"{_W}{{14}}\.atlasv1\.[A-Za-z0-9_\-=]{{50,80}}"),
    ("telegram_bot_token", f"[0-9]{{8,10}}:AA{_S}{{32}}", f"[0-9]{{8,10}}:AA{_S}{{32,34}}"),
    ("twilio_key", f"(?:SK|AC){_HEX}{{32}}", f"(?:SK|AC){_HEX}{{32}}"),
    ("sendgrid_key", rf"SG\.{_S}{{20}}", rf"SG\.{_S}{{20,24}}\.{_S}{{39,50}}"),
    ("mailgun_key", f"key-{_HEX}{{32}}", f"key-{_HEX}{{32}}"),
    ("mailchimp_key", f"{_HEX}{{32}}-us[0-9]", f"{_HEX}{{32}}-us[0-9]{{1,2}}"),
    ("discord_bot_token", rf"[MNO]{_S}{{23}}\.{_S}{{6}}\.", rf"[MNO]{_S}{{23,25}}\.{_S}{{6}}\.{_S}{{27,38}}"),
    ("databricks_token", f"dapi{_HEX}{{32}}", f"dapi{_HEX}{{32}}(?:-[0-9])?"),
    ("digitalocean_token", f"do[opr]_v1_{_HEX}{{40}}", f"do[opr]_v1_{_HEX}{{40,64}}"),
    (
        "doppler_token",
        rf"dp\.(?:pt|st|ct|sa|scim|audit)\.{_W}{{20}}",
        rf"dp\.[a-z]{{2,5}}\.(?:[a-z0-9_\-]{{2,35}}\.)?{_W}{{40,44}}",
    ),
    ("dynatrace_token", r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}", r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    ("grafana_token", "gl(?:c|sa)_[A-Za-z0-9+/_]{30}", r"gl(?:c|sa)_[A-Za-z0-9+/_]{30,400}={0,2}"),
    ("heroku_key", f"HRKU-{_S}{{30}}", f"HRKU-{_S}{{30,70}}"),
    ("linear_key", f"lin_(?:api|oauth)_{_W}{{40}}", f"lin_[a-z]{{3,5}}_{_W}{{40,64}}"),
    ("new_relic_key", f"NR(?:AK|JS|II)-{_S}{{19}}", f"NR[A-Z]{{2}}-{_S}{{19,40}}"),
    ("notion_token", f"(?:ntn_|secret_){_W}{{43}}", f"(?:ntn_|secret_){_W}{{43,50}}"),
    ("postman_key", f"PMAK-{_HEX}{{24}}-", f"PMAK-{_HEX}{{24}}-{_HEX}{{34}}"),
    ("pulumi_token", f"pul-{_HEX}{{40}}", f"pul-{_HEX}{{40}}"),
    ("rubygems_key", f"rubygems_{_HEX}{{48}}", f"rubygems_{_HEX}{{48}}"),
    ("sentry_token", "sntry[su]_[A-Za-z0-9+/=]{30}", r"sntry[su]_[A-Za-z0-9+/=_]{30,300}"),
    ("shopify_token", f"shp(?:at|ca|pa|ss)_{_W}{{32}}", f"shp[a-z]{{2}}_{_W}{{32}}"),
    ("sonar_token", f"sq[upa]_{_HEX}{{40}}", f"sq[upa]_{_HEX}{{40}}"),
    ("square_token", f"sq0[a-z]{{3}}-{_S}{{22}}", f"sq0[a-z]{{3}}-{_S}{{22,60}}"),
    ("tailscale_key", f"tskey-[a-z]{{3,8}}-{_W}{{10}}", rf"tskey-[a-z]{{3,8}}-{_S}{{10,80}}"),
    ("age_secret_key", "AGE-SECRET-KEY-1[A-Z0-9]{50}", "AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("atlassian_token", f"AT[AC]TT3{_S}{{40}}", r"AT[AC]TT3[A-Za-z0-9_\-=]{40,240}"),
    ("airtable_token", rf"pat{_W}{{14}}\.{_HEX}{{64}}", rf"pat{_W}{{14}}\.{_HEX}{{64}}"),
    ("artifactory_key", f"AKCp{_W}{{60}}", f"AKCp{_W}{{60,72}}"),
    ("facebook_token", f"EAA[A-Z]{_W}{{60}}", f"EAA{_W}{{61,300}}"),
    ("fly_token", f"(?:fo1_|fm[12][ar]?_){_S}{{40}}", r"(?:fo1_|fm[12][ar]?_)[A-Za-z0-9+/_\-=]{40,500}"),
    ("groq_key", f"gsk_{_W}{{40}}", f"gsk_{_W}{{40,60}}"),
    ("xai_key", f"xai-{_W}{{60}}", f"xai-{_W}{{60,90}}"),
    ("perplexity_key", f"pplx-{_W}{{32}}", f"pplx-{_W}{{32,64}}"),
    ("replicate_token", f"r8_{_W}{{37}}", f"r8_{_W}{{37}}"),
    ("nvidia_key", f"nvapi-{_S}{{40}}", f"nvapi-{_S}{{40,80}}"),
    ("onepassword_token", "ops_eyJ[A-Za-z0-9+/_-]{40}", r"ops_eyJ[A-Za-z0-9_\-+/=]{40,1500}"),
    ("openshift_token", f"sha256~{_S}{{43}}", f"sha256~{_S}{{43}}"),
    ("model_api_key", rf"sk-{_S}{{20}}", rf"sk-{_S}{{20,250}}"),
    ("adobe_client_secret", f"p8e-{_W}{{8}}", f"p8e-{_S}{{32}}"),
    ("artifactory_reference_token", f"cmVmd{_W}{{20}}", f"cmVmd{_W}{{59}}"),
    ("bitbucket_app_password", f"ATBB{_W}{{12}}", f"ATBB{_W}{{28,32}}"),
    ("brevo_key", f"xkeysib-{_HEX}{{8}}", f"xkeysib-{_HEX}{{64}}-{_W}{{16}}"),
    ("buildkite_token", f"bk(?:ua|at|aj|pt|ct)_{_HEX}{{8}}", f"bk[a-z]{{2}}_{_HEX}{{30,64}}"),
    ("circleci_token", f"CCIP(?:AT|RJ)_{_W}{{8}}", f"CCIP(?:AT|RJ)_{_W}{{22}}_{_HEX}{{40}}"),
    ("clickhouse_key", f"4b1d{_W}{{16}}", f"4b1d{_W}{{38}}"),
    ("clojars_token", "CLOJARS_[0-9a-z]{8}", "CLOJARS_[0-9a-z]{60}"),
    ("cloudflare_origin_key", rf"v1\.0-{_HEX}{{8}}", rf"v1\.0-{_HEX}{{24}}-{_HEX}{{146}}"),
    ("confluent_secret", "cflt[A-Za-z0-9+/]{16}", "cflt[A-Za-z0-9+/]{60}"),
    ("contentful_token", f"CFPAT-{_S}{{8}}", f"CFPAT-{_S}{{43}}"),
    ("coze_token", f"pat_{_W}{{20}}", f"pat_{_W}{{64}}"),
    ("dify_key", f"(?:app|dataset)-{_W}{{20}}", f"[a-z]{{3,7}}-{_W}{{24}}"),
    ("dropbox_token", rf"sl\.(?:u\.)?{_S}{{24}}", rf"sl\.(?:u\.)?{_S}{{100,1500}}"),
    ("duffel_token", f"duffel_(?:test|live)_{_S}{{8}}", r"duffel_[a-z]{4}_[A-Za-z0-9_\-=]{43}"),
    ("easypost_key", f"EZ[AT]K{_W}{{12}}", f"EZ[AT]K{_W}{{54}}"),
    ("elastic_cloud_key", "essu_[A-Za-z0-9+/]{12}", "essu_[A-Za-z0-9+/]{40,200}={0,2}"),
    ("figma_token", f"fig[dou]_{_S}{{12}}", f"fig[a-z]_{_S}{{38,60}}"),
    ("firebase_server_key", rf"AAAA{_S}{{7}}:APA91b", rf"AAAA{_S}{{7}}:APA91b{_S}{{120,180}}"),
    ("flutterwave_key", "FLWSECK(?:_TEST)?-[0-9a-h]{12}", "FLWSECK(?:_TEST)?-[0-9a-h]{12}(?:[0-9a-h]{20}-X)?"),
    ("frameio_token", f"fio-u-{_S}{{8}}", r"fio-u-[A-Za-z0-9_\-=]{64}"),
    ("grafana_legacy_key", "eyJrIjoi[A-Za-z0-9+/]{8}", "eyJrIjoi[A-Za-z0-9+/]{50,400}={0,3}"),
    ("harness_token", rf"[ps]at\.{_S}{{22}}[.]", rf"[ps]at\.{_S}{{22}}\.{_W}{{24}}\.{_W}{{20}}"),
    (
        "hubspot_token",
        f"pat-(?:na|eu|ap)[0-9]-{_HEX}{{8}}-",
        f"pat-[a-z]{{2}}[0-9]-{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}",
    ),
    ("infracost_key", f"ico-{_W}{{16}}", f"ico-{_W}{{32}}"),
    ("langsmith_key", f"lsv2_(?:pt|sk)_{_HEX}{{8}}", f"lsv2_[a-z]{{2}}_{_HEX}{{32}}_{_HEX}{{10}}"),
    ("llamacloud_key", f"llx-{_W}{{12}}", f"llx-{_W}{{40,64}}"),
    ("lob_key", f"(?:live|test)_{_HEX}{{16}}", f"[a-z]{{4}}_{_HEX}{{35}}"),
    ("mapbox_token", rf"[spt]k\.eyJ{_S}{{8}}", rf"[spt]k\.eyJ{_S}{{40,200}}\.{_S}{{20,24}}"),
    ("netlify_token", f"nf[pcou]_{_W}{{16}}", f"nf[a-z]_{_W}{{36,40}}"),
    ("nuget_key", "oy2[a-p][0-9a-z]{16}", "oy2[a-p][0-9a-z]{42}"),
    ("octopus_key", "API-[A-Z0-9]{20}", "API-[A-Z0-9]{26}"),
    (
        "onepassword_secret_key",
        "A3-[A-Z0-9]{6}-",
        "A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
    ),
    ("pinecone_key", f"pcsk_{_W}{{4}}", f"pcsk_{_W}{{4,8}}_{_W}{{50,80}}"),
    (
        "plaid_token",
        f"access-(?:sandbox|development|production)-{_HEX}{{8}}-",
        f"access-[a-z]{{7,11}}-{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}",
    ),
    (
        "planetscale_token",
        r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_.=\-]{8}",
        r"pscale_[a-z]{2,5}_[A-Za-z0-9_.=\-]{32,64}",
    ),
    ("prefect_key", f"pn[ub]_{_W}{{16}}", f"pn[ub]_{_W}{{36}}"),
    ("readme_key", "rdme_[0-9a-z]{8}", "rdme_[0-9a-z]{60,80}"),
    ("scalingo_token", f"tk-us-{_S}{{12}}", f"tk-us-{_S}{{48}}"),
    ("settlemint_token", f"sm_[aps]at_{_W}{{8}}", f"sm_[aps]at_{_W}{{16}}"),
    ("shippo_token", "shippo_(?:live|test)_[0-9A-Fa-f]{8}", "shippo_[a-z]{4}_[0-9A-Fa-f]{40}"),
    (
        "sourcegraph_token",
        "sgp_(?:local_)?[0-9A-Fa-f]{16}",
        "sgp_(?:local_|[0-9A-Fa-f]{16}_)?[0-9A-Fa-f]{40}",
    ),
    ("square_access_token", f"EAAA{_S}{{24}}", f"EAAA{_S}{{56,64}}"),
    (
        "supabase_key",
        f"sbp_(?:v0_|oauth_)?{_HEX}{{8}}|sb_secret_{_S}{{8}}",
        f"sbp_(?:v0_|oauth_)?{_HEX}{{40}}|sb_secret_{_S}{{20,60}}",
    ),
    ("trello_token", f"ATTA{_HEX}{{16}}", f"ATTA{_HEX}{{60,76}}"),
    ("typeform_token", f"tfp_{_W}{{8}}", r"tfp_[A-Za-z0-9_.=\-]{40,80}"),
    ("yandex_key", f"AQVN{_S}{{16}}", f"AQVN{_S}{{35,38}}"),
    (
        "youtrack_token",
        "perm[:-][A-Za-z0-9+/]{4}",
        r"perm[:-][A-Za-z0-9+/]{4,100}={0,2}\.[A-Za-z0-9+/-]{2,40}={0,2}\.[A-Za-z0-9]{20,60}",
    ),
    ("zoho_token", rf"1000\.{_HEX}{{32}}\.", rf"1000\.{_HEX}{{32}}\.{_HEX}{{32}}"),
    ("azure_annotated_key", f"JQQJ9[9D]{_W}{{26}}", f"{_W}{{52}}JQQJ9[9D]{_W}{{26}}"),
    ("azure_devops_token", f"AZDO{_W}{{4}}", f"{_W}{{76}}AZDO{_W}{{4}}"),
    ("azure_function_key", rf"AzFu{_S}{{5}}[AQgw]==", rf"{_S}{{44}}AzFu{_S}{{5}}[AQgw]=="),
    (
        "azure_storage_key",
        r"(?:APIM|ACDb|\+(?:ABa|AMC|ASt))[A-Za-z0-9+/]{5}[AQgw]==",
        r"[A-Za-z0-9+/]{76}(?:APIM|ACDb|\+(?:ABa|AMC|ASt))[A-Za-z0-9+/]{5}[AQgw]==",
    ),
    (
        "azure_bus_key",
        r"(?:AIoT|\+(?:ASb|AEh|ARm))[A-P][A-Za-z0-9+/]{5}=",
        r"[A-Za-z0-9+/]{33}(?:AIoT|\+(?:ASb|AEh|ARm))[A-P][A-Za-z0-9+/]{5}=",
    ),
    ("maxmind_key", "_mmk", f"{_W}{{6}}_{_W}{{29}}_mmk"),
    ("azure_sas_signature", r"sig=[A-Za-z0-9%+/]{40}", r"sig=(?P<token>[A-Za-z0-9%+/]{40,90}={0,2})"),
    (
        "slack_webhook",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9]",
        r"hooks\.slack\.com/[a-z]{8,9}/[A-Za-z0-9+/]{20,120}",
    ),
    (
        "teams_webhook",
        r"webhook\.office\.com/webhookb2/[0-9a-f]{8}",
        r"webhook\.office\.com/webhookb2/[A-Za-z0-9@/\-]{60,260}",
    ),
    (
        "discord_webhook",
        r"discord(?:app)?\.com/api/webhooks/[0-9]{8}",
        rf"discord(?:app)?\.com/api/webhooks/[0-9]{{8,22}}/{_S}{{30,90}}",
    ),
    (
        "dingtalk_webhook",
        r"oapi\.dingtalk\.com/robot/send\?access_token=[0-9a-f]{16}",
        r"oapi\.dingtalk\.com/robot/send\?access_token=[0-9a-f]{16,64}",
    ),
    (
        "feishu_webhook",
        r"open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook/[0-9a-f\-]{16}",
        r"open\.[a-z.]{9,13}/open-apis/bot/v2/hook/[0-9a-f\-]{16,40}",
    ),
    (
        "wecom_webhook",
        r"qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=[0-9a-f\-]{16}",
        r"qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=[0-9a-f\-]{16,40}",
    ),
)
"""Name, beginning, whole form."""

_BEFORE: Final = {
    "azure_client_secret": 3,
    "terraform_token": 14,
    "azure_annotated_key": 52,
    "azure_devops_token": 76,
    "azure_function_key": 44,
    "azure_storage_key": 76,
    "azure_bus_key": 33,
    "maxmind_key": 36,
}
"""How many characters before what it is found by a token begins."""


def _is_model_key(token: str) -> bool:
    """``sk-`` begins keys of many model makers and names of packages: a key has a long part of letters and digits."""
    if token.startswith("sk-sekisho-"):
        return is_own_key(token)
    body = token[3:]
    words = [part for part in re.split("[-_]", body) if part]
    random = [part for part in words if len(part) >= 12 and any(map(str.isdigit, part)) and any(map(str.isalpha, part))]
    return bool(random)


def is_own_key(token: str) -> bool:
    """Whether it is an API key of this gateway: 32 characters of base32 and six of SHA-256 over all before them."""
    body, checksum = token[:-6], token[-6:]
    digest = base64.b32encode(hashlib.sha256(body.encode()).digest()).decode().lower()
    return len(token) == 49 and digest.startswith(checksum)


def _is_mixed(token: str) -> bool:
    """Whether its random part has capitals, small letters and digits: what a hash or a name lacks."""
    part = token[-16:]
    return any(map(str.isupper, part)) and any(map(str.islower, part)) and any(map(str.isdigit, part))


def _has_digits_and_letters(token: str) -> bool:
    part = token[-24:]
    return sum(map(str.isdigit, part)) >= 2 and sum(map(str.isalpha, part)) >= 2


_EXTRA: Final[dict[str, Callable[[str], bool]]] = {
    "model_api_key": _is_model_key,
    "clickhouse_key": _is_mixed,
    "coze_token": _is_mixed,
    "dify_key": _is_mixed,
    "octopus_key": _has_digits_and_letters,
}


class _Form(NamedTuple):
    """A vendor's token, ready to be looked for."""

    name: str
    whole: re.Pattern[str]
    before: int


def _form(name: str, whole: str) -> _Form:
    return _Form(name, re.compile(rf"(?<![A-Za-z0-9_])(?:{whole})(?![A-Za-z0-9])"), _BEFORE.get(name, 0))


def _confirmer(forms: Sequence[_Form]) -> Confirm:
    """Return a confirmer that finds how far a token reaches, whichever of ``forms`` it has.

    A group called ``token`` is what is found, where not all of the form is secret.
    """

    def confirm(text: str, start: int, end: int) -> Proof | None:
        for form in forms:
            held = form.whole.match(text, max(0, start - form.before))
            if held and held.end() >= end:
                return _proof(form, held)
        return None

    return confirm


def _proof(form: _Form, held: re.Match[str]) -> Proof | None:
    group = "token" if "token" in form.whole.groupindex else 0
    token = held[group]
    if len(set(token[-24:])) < FEWEST_CHARACTERS or not _EXTRA.get(form.name, _is_any)(token):
        return None
    return Proof(*held.span(group), f"prefix, alphabet and length: {form.name.replace('_', ' ')}")


def _is_any(token: str) -> bool:
    return True


def _rules() -> Iterator[Rule]:
    """Yield rules of a handful of vendors each: few expressions, for every shard of them is one more pass."""
    webhooks = [row for row in VENDORS if row[0].endswith("webhook")]
    keys = [row for row in VENDORS if row not in webhooks and row[0] not in _BEFORE]
    odd = [row for row in VENDORS if row[0] in _BEFORE]
    for at in range(0, len(keys), VENDORS_IN_A_RULE):
        group = keys[at : at + VENDORS_IN_A_RULE]
        yield _rule(f"vendor_key_{at // VENDORS_IN_A_RULE + 1}", "API_KEY", group, Boundary.START)
    yield _rule("vendor_key_inside", "API_KEY", odd, Boundary.NONE)
    yield _rule("webhook", "ACCESS_TOKEN", webhooks, Boundary.START)


def _rule(name: str, type: str, rows: Sequence[tuple[str, str, str]], boundary: Boundary) -> Rule:
    return Rule(
        name=name,
        type=type,
        expression="|".join(beginning for _, beginning, _ in rows),
        confirm=_confirmer([_form(vendor, whole) for vendor, _, whole in rows]),
        family="secrets",
        score=1.0,
        context_score=1.0,
        boundary=boundary,
    )


RULES: tuple[Rule, ...] = tuple(_rules())

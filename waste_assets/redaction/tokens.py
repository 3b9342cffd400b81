"""Secrets that are known by their own shape: tokens of providers, key blocks, credentials in URLs.

Least lengths are below what providers hand out, for a token may have been cut.
"""

from __future__ import annotations

from waste_assets.redaction.rule import START, Rule
from waste_assets.redaction.values import is_literal, looks_random


def _token(name: str, needles: str, pattern: str, needs_digit: bool = False) -> Rule:
    accepts = _has_digit if needs_digit else None
    return Rule(name, tuple(needles.split()), f"(?a){START}{pattern}", accepts)


def _has_digit(value: str) -> bool:
    return any("0" <= char <= "9" for char in value)


_W = r"[A-Za-z0-9_-]"
_A = r"[A-Za-z0-9]"

_PROVIDERS = (
    _token("anthropic-key", "sk-ant-", rf"sk-ant-{_W}{{8,}}+"),
    _token("openai-key", "sk-", rf"sk-(?:proj|svcacct|admin|or-v1|lf|None)-{_W}{{12,}}+", True),
    _token("api-key", "sk-", rf"[cp]?sk-{_A}{{18,}}+", True),
    _token("github-token", "gh", rf"gh[oprsu]_{_A}{{16,}}+(?:\.{_W}{{8,}}+)*+"),
    _token("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{16,}+"),
    _token(
        "gitlab-token",
        "gl",
        rf"gl(?:pat|oas|dt|rtr?|cbt|ptt|ft|imt|agent|soat|ffct|wt)-{_W}{{16,}}+(?:\.{_W}++)*+",
    ),
    _token("gitlab-token", "gr1348941", rf"GR1348941{_W}{{16,}}+"),
    _token("slack-token", "xox", rf"xox[a-z](?:\.xox[a-z])?-{_W}{{10,}}+"),
    _token("slack-token", "xapp-", rf"xapp-\d-{_W}{{10,}}+"),
    _token(
        "aws-key",
        "akia asia abia acca",
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    ),
    _token("aws-key", "absk bedrock-api-key-", r"(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=]{40,}+"),
    _token(
        "aws-session-token",
        "iqojb3jpz2lu fwogzxivyxdz",
        r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[A-Za-z0-9+/=%]{16,}+",
    ),
    _token("google-key", "aiza", rf"AIza{_W}{{20,}}+"),
    _token("google-key", "aq.a", rf"AQ\.A{_W}{{30,}}+"),
    _token("google-token", "ya29.", r"ya29\.[A-Za-z0-9._-]{16,}+"),
    _token("google-token", "1//0", rf"1//0{_W}{{24,}}+"),
    _token("google-secret", "gocspx-", rf"GOCSPX-{_W}{{16,}}+"),
    _token("azure-secret", "q~", r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{30,40}"),
    _token("stripe-key", "_live_ _test_", rf"[rs]k_(?:live|test)_{_A}{{10,}}+"),
    _token("webhook-secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{16,}+"),
    _token("npm-token", "npm_", rf"npm_{_A}{{24,}}+"),
    _token("pypi-token", "pypi-ag", rf"pypi-Ag{_W}{{16,}}+"),
    _token("huggingface-token", "hf_ api_org_", rf"(?:hf|api_org)_{_A}{{20,}}+"),
    _token(
        "api-key",
        "xai- pplx- tvly- gsk_ fc-",
        rf"(?:xai-|pplx-|tvly-(?:dev-|prod-)?|gsk_|fc-){_A}{{20,}}+",
        True,
    ),
    _token(
        "api-key",
        "r8_ fw_ lsv2_ phx_ phc_",
        rf"(?:r8_|fw_|lsv2_[a-z]{{2}}_|phx_){_A}{{20,}}+",
        True,
    ),
    _token(
        "api-key",
        "lin_ ntn_ figd_ sntry glsa_ glc_",
        rf"(?:lin_(?:api|oauth)_|ntn_|figd_|sntry[su]_|glsa_|glc_){_W}{{20,}}+",
        True,
    ),
    _token(
        "api-key",
        "sbp_ sb_secret_ nfp_ hrku- nrak- pmak- pul- rubygems_",
        rf"(?:sbp_|sb_secret_|nfp_|HRKU-|NRAK-|PMAK-|pul-|rubygems_){_W}{{20,}}+",
        True,
    ),
    _token(
        "api-key",
        "pscale_ shp dp. tskey- fm1r fm2 ops_ey",
        rf"(?:pscale_(?:tkn|pw|oauth)_|shp(?:at|ss|ca|pa)_|dp\.[a-z]{{2,5}}\.|tskey-[a-z]+-|fm(?:1r|2)_|ops_ey){_W}{{20,}}+",
        True,
    ),
    _token("docker-token", "dckr_", rf"dckr_[a-z]{{3}}_{_W}{{16,}}+"),
    _token("digitalocean-token", "_v1_", rf"do[opr]_v1_{_A}{{24,}}+"),
    _token("databricks-token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?(?![A-Za-z0-9])"),
    _token(
        "vault-token",
        "hvs. hvb. hvr. .atlasv1.",
        rf"(?:hv[brs]\.|{_A}{{14}}\.atlasv1\.){_W}{{20,}}+",
    ),
    _token("atlassian-token", "atatt3 atctt3 atbb", r"(?:AT[AC]TT3|ATBB)[A-Za-z0-9_=-]{16,}+"),
    Rule("airtable-token", ("pat",), rf"(?a)pat(?<![A-Za-z0-9]pat){_A}{{14}}\.[0-9a-f]{{32,64}}"),
    _token("sendgrid-key", "sg.", rf"SG\.{_W}{{16,32}}\.{_W}{{16,64}}"),
    _token("mailgun-key", "key-", r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    _token("twilio-key", "sk", r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _token("telegram-token", ":aa", rf"\d{{8,10}}:AA{_W}{{30,36}}"),
    Rule(
        "discord-token",
        (".",),
        rf"(?a)[MNO](?<![A-Za-z0-9].){_A}{{23,27}}\.{_W}{{6,7}}\.{_W}{{27,40}}",
    ),
    _token("age-key", "age-secret-key-1", r"AGE-SECRET-KEY-1[A-Z0-9]{20,}+"),
    # Three parts, or the first alone where it was cut: it starts with the name of a header.
    _token("jwt", "eyj", rf"eyJ{_W}{{8,}}+\.eyJ{_W}{{4,}}+(?:\.{_W}*+)*+"),
    _token(
        "jwt",
        "eyjhbgcioi eyj0exaioi eyjrawqioi",
        rf"eyJ(?:hbGciOi|0eXAiOi|raWQiOi){_W}{{6,}}+(?:\.{_W}*+)*+",
    ),
)

# Between lines of a key block: quotes and escapes of a language, numbers of lines, marks of diffs.
_BETWEEN = r"""(?:\\[nrt]|[\s"'`,+|>#*;\\-]|\d{1,6}[→\t:|])"""
# Groups repeat greedily: possessive ones that hold choices give up too soon before Python 3.11.5.
_PRIVATE_KEY = rf"""(?ax)-----BEGIN\ [A-Z0-9 ]{{0,32}}PRIVATE\ KEY(?:\ BLOCK)?-----
    (?P<secret>
        (?:{_BETWEEN}{{1,24}}+
            (?:(?:Version|Comment|Hash|Proc-Type|DEK-Info):[^\n\\]{{0,128}}|=?[A-Za-z0-9+/=]{{16,}}+)
        )+
        (?:{_BETWEEN}{{1,24}}+=?[A-Za-z0-9+/=]{{1,15}}+(?=\s*…|\.\.\.|[\s"'\\]*(?:-----END|\Z)))?
    )"""

_HOOKS = (
    r"(?ai)(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks/\d{5,24}"
    r"|[a-z0-9-]{1,64}\.webhook\.office\.com/webhookb2|api\.telegram\.org/bot)"
    r"/?(?P<secret>[A-Za-z0-9][A-Za-z0-9_/@:-]{15,}+)"
)

# '@' may stand in the password too: the last one before the host ends it.
_URL_PASSWORD = (
    r"""(?a)://(?:\[REDACTED:[a-z-]{1,32}\]|[^\s/?\#:@"'`<>\\\[]){0,128}:"""
    r"""(?P<secret>[^\s/"'`<>\\]{1,256})(?=@[\w\[$%{-])"""
)
_URL_USER = r"""(?a)://(?P<secret>[^\s/?\#:@"'`<>\\]{12,256})@"""
_QUERY = (
    r"(?ai)[?&;](?:sig|signature|x-amz-(?:signature|security-token)|x-goog-signature|code|key|auth|sid)="
    r"(?P<secret>[^\s&\"'`<>#;,)\]}\\]{12,}+)"
)

_HEADER = r"""(?aix)authorization(?:["'`\\]{1,4}\s{0,2},|["'`\\]{0,4}\s{0,2}[:=])\s{0,4}[\\"'`]{0,4}
        (?>(?:bearer|basic|token|digest|negotiate|apikey|api-key|aws4-hmac-sha256|bot)\s{1,4}|)
        (?P<secret>[^\s"'`\\,;<>]{6,}+)"""
_BEARER = r"(?ai)\b(?:bearer|basic)[\s:=]{1,4}[\"']?(?P<secret>[A-Za-z0-9_.~+/=-]{12,}+)"
_COOKIE = r"""(?aix)\b(?<!set-)cookie["'`\\]{0,4}\s{0,2}:\s{0,4}[\\"'`]{0,4}
        (?P<secret>[^\s"'`\\=;]{1,128}=[^\n"'`\\]{4,}+)"""
_SET_COOKIE = r"""(?aix)\bset-cookie["'`\\]{0,4}\s{0,2}[:,]\s{0,4}[\\"'`]{0,4}
        [^\s"'`\\=;]{1,128}=(?P<secret>[^\s"'`\\;]{4,}+)"""

# Commands that take a password where no name of it stands.
_CURL_USER = r"""(?ax)\b(?:curl|wget|https?|xh)\s(?:[^\n|;]{0,256}?\s)?
        (?:-u|--user|--proxy-user|-a)[\s=]{1,3}["']?
        [^\s"':]{1,128}:(?P<secret>[^\s"']{1,256})"""
_COMMAND = r"""(?ax)\b(?:sshpass\s{1,4}-p\s{0,4}|mysql(?:dump|admin)?\s[^\n|;]{0,256}?\s-p
        |redis-cli\s[^\n|;]{0,256}?\s-a\s{1,4}|docker\ login\s[^\n|;]{0,256}?\s-p\s{1,4}
        |machine\s{1,4}\S{1,128}\s{1,8}login\s{1,4}\S{1,128}\s{1,8}password\s{1,4})
        ["']?(?P<secret>[^\s"']{1,256})"""
_PIPED = r"""(?ax)\b(?:echo|printf)\s{1,4}(?:-\w{1,3}\s{1,4})?["']?
        (?P<secret>[^\s"'|]{4,256})["']?\s{0,4}\|\s{0,4}
        (?:sudo\s[^\n|;]{0,64}?-\w{0,8}S|[^\n|;]{0,128}?(?:--password-stdin|--with-token))"""


def _is_url_secret(value: str) -> bool:
    # A port and a path with '@' ("localhost:3000@…") never have letters in front of the '@'.
    return is_literal(value) and not value.isdigit()


_PLACES = (
    Rule("private-key", ("private key",), _PRIVATE_KEY),
    Rule(
        "webhook",
        ("hooks.slack.com", "/api/webhooks/", ".webhook.office.com", "api.telegram.org"),
        _HOOKS,
    ),
    Rule("password", ("://",), _URL_PASSWORD, _is_url_secret),
    Rule("token", ("://",), _URL_USER, looks_random),
    Rule(
        "signature",
        ("sig", "code=", "key=", "auth=", "sid=", "security-token="),
        _QUERY,
        looks_random,
    ),
    Rule("cookie", ("set-cookie",), _SET_COOKIE, is_literal),
    Rule("cookie", ("cookie",), _COOKIE, is_literal),
    Rule("authorization", ("authorization",), _HEADER, _is_url_secret),
    Rule("authorization", ("bearer", "basic"), _BEARER, looks_random),
    Rule("password", ("curl", "wget", "http", "xh "), _CURL_USER, is_literal),
    Rule(
        "password",
        ("sshpass", "mysql", "redis-cli", "docker login", "password"),
        _COMMAND,
        is_literal,
    ),
    Rule("password", ("sudo", "--password-stdin", "--with-token"), _PIPED, is_literal),
)

#: In the order in which they are applied: what says more of a secret goes first.
RULES = (*_PLACES[:2], *_PROVIDERS, *_PLACES[2:])

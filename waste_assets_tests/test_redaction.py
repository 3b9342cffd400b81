# ruff: noqa: E501, SIM905
"""Secrets that must go and look-alikes that must stay, rule by rule.

No secret stands here whole, not even an invented one: `<A36>` is 36 random letters and digits,
`<H…>` of hexadecimal, `<U…>` of capitals and digits, and prefixes are broken by `·`.
"""

from __future__ import annotations

import random
import re
import string
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from waste_assets.redaction import people, redact, redact_all, tokens

_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "H": string.digits + "abcdef",
    "U": string.ascii_uppercase + "234567",
}


def made(template: str) -> tuple[str, list[str]]:
    """A text from a template, and the random parts in it."""
    chance = random.Random(template)
    parts: list[str] = []

    def part(match: re.Match[str]) -> str:
        parts.append("".join(chance.choices(_ALPHABETS[match[1]], k=int(match[2]))))
        return parts[-1]

    return re.sub(r"<([AHU])(\d+)>", part, template).replace("·", ""), parts


# What is taken away, a text, and one that looks like it and stays.
SHAPES = [
    ("anthropic-key", "key sk-·ant-api03-<A93>AA", "sk-·ant-... goes here"),
    ("anthropic-key", r"export X\nsk-·ant-oat01-<A40>", "task-ant-colony-optimisation"),
    ("openai-key", "sk-·proj-<A40>_<A30>T3BlbkFJ<A40>", 'class="sk-proj-container-fluid"'),
    ("api-key", "using sk-·<A24> now", "task-<A24> done"),
    ("github-token", "gh·p_<A36>", "highp_precision_of_everything_here"),
    ("github-token", "github·_pat_<A22>_<A59>", "github_pat_rotation"),
    ("gitlab-token", "gl·pat-<A20>", "glsl-shader-compiler-version-2"),
    ("slack-token", "xox·b-1234567890-<A24>", "xoxb- tokens"),
    ("aws-key", "AK·IA<U16> is", "AKIA<A40>"),
    ("aws-session-token", "IQoJ·b3JpZ2lu<A90>", "IQoJb3JpZ2lu"),
    ("google-key", "AI·za<A35>", "AIzawa"),
    ("google-token", "ya·29.<A60>", "ya29.1"),
    ("google-secret", "GOC·SPX-<A28>", "GOCSPX-"),
    ("azure-secret", "<A3>8·Q~<A34>", "FAQ~ish"),
    ("stripe-key", "s·k_live_<A24>", "sk_live_mode"),
    ("webhook-secret", "wh·sec_<A32>", "whsec_..."),
    ("npm-token", "np·m_<A36>", "npm_config_registry and npm_lifecycle_event"),
    ("pypi-token", "pyp·i-AgEIcHlwaS5vcmc<A100>", "pypi-Agent"),
    ("huggingface-token", "h·f_<A34>", "hf_hub_download"),
    ("docker-token", "dckr·_pat_<A27>", "dckr_pat"),
    ("digitalocean-token", "do·p_v1_<H64>", "loop_v1_final"),
    ("databricks-token", "da·pi<H32>", "dapi<H8>"),
    ("vault-token", "hv·s.<A90>", "hvs.read()"),
    ("atlassian-token", "AT·ATT3<A60>", "ATATT3"),
    ("airtable-token", "pa·t<A14>.<H64>", "path<A14>.<H64>"),
    ("sendgrid-key", "S·G.<A22>.<A43>", "MSG.header.body"),
    ("mailgun-key", "key·-<H32>", "monkey-<H32>"),
    ("twilio-key", "S·K<H32>", "TASK<H32>"),
    ("telegram-token", "1234567890:A·A<A33>", "12:AA"),
    ("discord-token", "M<A24>.<A6>.<A30>", "Module.Name.function_name_of_thirty_letters"),
    ("age-key", "AGE-SECRET-·KEY-1<U58>", "AGE-SECRET-KEY-"),
    ("jwt", "ey·J<A20>.ey·J<A40>.<A43>", "sourceMappingURL=data:application/json;base64,eyJ<A60>"),
    ("jwt", "eyJ·hbGciOi<A12>", "eyJhb"),
    ("webhook", "https://hooks.slack.com/services/T0<U8>/B0<U8>/<A24>", "https://hooks.slack.com/services"),
    ("password", "postgres://app:<A9>@db:5432/x", "http://localhost:3000/@vite/client"),
    ("password", "redis://:p@<A9>@db:6379", "postgres://app:${PASSWORD}@db"),
    ("token", "https://<A30>@github.com/o/r", "https://git@github.com/o/r"),
    ("signature", "https://x/f?sv=2022&sig=<A40>%3D&se=1", "https://x/f?sig=on&key=row"),
    ("authorization", 'curl -H "Authorization: Bearer <A40>" https://x', "Authorization: Bearer $TOKEN"),
    ("authorization", "set('Authorization', 'Bearer <A24>')", "[:policies, :authorization, :domain]"),
    ("authorization", "authorization: Basic <A24>", "Authorization: Bearer <token>"),
    ("authorization", "sent Bearer <A32>", "a bearer token authenticates"),
    ("cookie", "Cookie: theme=dark; session=<A32>", "Cookie: ${cookie}"),
    ("cookie", "Set-Cookie: sid=<A32>; Path=/", "Set-Cookie: sid=$SID; Path=/"),
    ("password", "curl -sS -u admin:<A8> https://x", "curl -u $USER:$PASS https://x"),
    ("password", "sshpass -p <A8> ssh host", "mkdir -p build/output"),
    ("password", "machine x login bob password <A8>", "login and password fields"),
    ("password", "echo <A8> | docker login -u x --password-stdin", "echo $P | docker login --password-stdin"),
]  # fmt: skip

NAMED = [
    ("password", "export DB_PASSWORD=<A8>", "export DB_PASSWORD=$SECRET"),
    ("password", "PASSWORD=x<A8>", "PASSWORD_FILE=/run/secrets/db"),
    ("password", "PGPASSWORD='with <A4> blanks'", "password: 'Password must have 8 characters'"),
    ("password", "Server=db;User Id=sa;Password=<A8>;Encrypt=yes", "password: string;"),
    ("password", "host=db password=<A8> dbname=x", "connect(password=password, host=host)"),
    ("password", "tool --password <A8> run", "tool --password-stdin run"),
    ("password", "tool --password=<A8> run", "tool --password $PASSWORD"),
    ("password", '{"user":"a","password":"<A8>"}', '{"type":"password","name":"pw"}'),
    ("password", r"{\"password\":\"<A8>\"}", r"{\"password\":\"${PW}\"}"),
    ("password", "  password: x<A8>1\n", "password: self.config.password"),
    ("password", 'password: str = "<A8>"', "def login(user: str, password: str) -> Token:"),
    ("password", "<password><A8></password>", "<label>Password</label>"),
    ("password", "the password is 1<A8>", "the password is required"),
    ("password", '{"name": "DB_PASSWORD", "value": "<A8>"}', "PWD=/workspace/app --pwd '/x y' setPwd:102"),
    ("secret", "aws_secret_access_key = <A40>", "aws_secret_access_key = var.secret"),
    ("secret", "AccountKey=<A60>==;EndpointSuffix=x", "StorageKey: user-settings-v2"),
    ("secret", "//registry.npmjs.org/:_authToken=<H8>-<H4>-<H4>", "max_tokens=4096, tokens: 123456"),
    ("secret", "const clientSecret = '<A32>';", "const token = await getToken(request)"),
    ("secret", 'api_key="<H32>"', "apiKey: process.env.API_KEY"),
    ("secret", 'os.environ["OPENAI_API_KEY"] = "<A30>"', 'os.environ["OPENAI_API_KEY"]'),
    ("secret", "-H 'x-api-key: <H32>'", "cache key <H32>"),
    ("secret", "gh auth --token <A30>", "Unexpected token: 'export' (1:0)"),
    ("secret", "the api key is <A32>, use it", "the key is a longName_withUnderscores2 here"),
    ("secret", "JWT_SECRET=<A12>", "CACHE_KEY=<A12>"),
    ("secret", "refresh_token=<H32>", '"session_id": "<H8>-<H4>-<H4>-<H4>-<H12>"'),
]  # fmt: skip

PEOPLE = [
    ("email", "by <A6>@mail.invalid-name.io", "icon@2x.png and react@18.2.0"),
    ("email", "<<A6>@users.noreply.github.com>", "<noreply@anthropic.com>"),
    ("email", "to <A6>@163.com", "postgresql@14.plist getty@tty1.service"),
    ("email", "user.<A6>@x.co.uk", "git@github.com:o/r.git user@example.com"),
    ("email", "write to <A6>@acme-parcels.io.", "left-pad@1.3.0. and then"),
]


@pytest.mark.parametrize(("name", "secret", "near_miss"), [*SHAPES, *NAMED, *PEOPLE])
def test_a_secret_goes_and_what_looks_like_it_stays(name: str, secret: str, near_miss: str) -> None:
    text, parts = made(secret)
    redacted = redact(text)
    assert f"[REDACTED:{name}]" in redacted
    assert [part for part in parts if part in redacted] == []
    text, _ = made(near_miss)
    assert redact(text) == text


def test_every_rule_has_an_example() -> None:
    shown = {name for name, *_ in SHAPES} | {"private-key", "api-key"}
    assert {rule.name for rule in tokens.RULES} == shown
    # Alone, each pattern of providers takes one of the examples or of the prefixes below.
    texts = [made(text)[0] for _, text, _ in SHAPES] + [made(text)[0] for text in _PREFIXES]
    texts.append(_key_block("\n"))
    for rule in tokens.RULES:
        assert any(rule.apply(text, text.lower()) != text for text in texts), rule
    assert {rule.name for rule in people.RULES} == {"email", "home"}


_PREFIXES = [
    prefix + "<A30>7"
    for prefix in (
        "xa·i- ppl·x- tvl·y-dev- gs·k_ f·c- r·8_ f·w_ lsv·2_pt_ ph·x_ lin_·api_ nt·n_ fig·d_ sntry·s_ "
        "gls·a_ gl·c_ sb·p_ sb_·secret_ nf·p_ HRK·U- NRA·K- PMA·K- pu·l- ruby·gems_ pscale·_tkn_ "
        "shp·at_ dp.p·t. tskey·-auth- fm·2_ AB·SKxxxxxxxxxx bedrock-·api-key-xxxxxxxxx GR13·48941 "
        "xapp·-1- 1//·0 AQ.·A c·sk-"
    ).split()
]


@pytest.mark.parametrize("template", _PREFIXES)
def test_keys_of_other_providers_go(template: str) -> None:
    text, (secret,) = made(template)
    assert secret not in redact(f"with {text} it works")


def _key_block(
    end: str, kind: str = "RSA PRIVATE KEY", lines: str = "<A64>|<A64>|<A64>|<A20>="
) -> str:
    body, _ = made(lines)
    return end.join([f"-----BEGIN {kind}-----", *body.split("|"), f"-----END {kind}-----"])


@pytest.mark.parametrize("end", ["\n", "\\n", "\n     7→", "\n+", '\\n",\n  "'])
def test_a_private_key_goes_however_its_lines_are_joined(end: str) -> None:
    block = _key_block(end)
    redacted = redact(f"before {block} after")
    assert redacted.startswith("before -----BEGIN RSA PRIVATE KEY-----[REDACTED:private-key]")
    assert redacted.endswith("-----END RSA PRIVATE KEY----- after")
    assert not re.search(r"[A-Za-z0-9]{15}", redacted)


def test_a_private_key_that_was_cut_goes_and_what_is_told_of_keys_stays() -> None:
    cut = _key_block("\n")[:150]
    assert not re.search(r"[A-Za-z0-9]{12}", redact(cut))
    for text in (
        "if '-----BEGIN RSA PRIVATE KEY-----' in line: raise ValueError(line)",
        _key_block("\n", "PUBLIC KEY"),
    ):
        assert redact(text) == text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cat /home/alice/app/x.py", "cat ~/app/x.py"),
        ("/Users/alice.smith", "~"),
        ("file:///home/alice/x", "file://~/x"),
        ("gcc -I/home/alice/include", "gcc -I~/include"),
        (r'{"cwd":"/tmp\n/home/alice/x"}', r'{"cwd":"/tmp\n~/x"}'),
        ("ls /mnt/c/Users/alice/x /c/Users/alice/y", "ls ~/x ~/y"),
        (r"C:\Users\Alice Smith\x", r"~\x"),
        (r"\"C:\\Users\\alice\\x\"", r"\"~\\x\""),
        ("c:/users/alice/x", "~/x"),
        ("~/.claude/projects/-Users-alice-code-x/s.jsonl", "~/.claude/projects/-~-code-x/s.jsonl"),
        ("/tmp/claude-1000/-home-alice-x", "/tmp/claude-1000/-~-x"),
    ],
)
def test_home_directories_name_nobody(path: str, expected: str) -> None:
    assert redact(path) == expected


@pytest.mark.parametrize(
    "text",
    [
        "src/home/index.ts and ./home/x and https://site.org/home/about",
        "/home/$USER/x /home/<user>/x /Users/Shared/x",
        "GET /users/123 and app/Users/List.tsx",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b, id 550e8400-e29b-41d4-a716-446655440000",
        '"integrity": "sha512-z9JEHnbEHyGVd5hWXpyzO7QYVAWn0IcZ3LkmGTT3pIpx2lgXgN6pqNtgPzYh4Pz3A1ZPMB=="',
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "toolu_01A09q90qw90lq917835lq9 failed; tool_use_id: toolu_01A09q90qw90lq917835lq9",
        "3rd read of src/auth/token.py lines 1-200, unchanged since line 14",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 comment",
        "secretKeyRef: {name: db-credentials, key: password}",
        "AbstractTokenAuthenticationFilterConfigurationProviderFactoryBean2",
        "token_type: bearer, next_page_token: null, token_count=123456, tokenizer: cl100k_base",
    ],
)
def test_what_developers_write_stays(text: str) -> None:
    assert redact(text) == text


_FRAGMENTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from([made(text)[0] for _, text, _ in (*SHAPES, *NAMED, *PEOPLE)]),
    st.sampled_from(
        "password token secret api_key = : \" ' \\ \n / @ :// -- [REDACTED:secret] ~ /home/a \\n "
        "Bearer Authorization: Cookie: echo | C:\\Users\\ -Users- -----BEGIN …".split(" ")
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_FRAGMENTS, max_size=8).map("".join))
@example("İK ſecret=ſ\ud800")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "unit",
    [
        "a", " ", "\n", "\\", '"', "=", "@", "a@", "a.", "a@a.", "://", "://a:", "://a:b@", "password",
        "password=", "password: ", 'password="', "token=token:", "secret ", "api key ", "PASSWORD_A",
        "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n1\n", "-----BEGIN A", "eyJa", "eyJaaaaaaaa.",
        "eyJaaaaaaaa.eyJaaaa", "sk-", "sk-ant-", "sk-proj-a-", "/home/", "/home/a", "C:\\Users\\", "C:\\Users\\a ",
        "-Users-", "curl ", "curl -u ", "curl a ", "mysql ", "docker login ", "login a password", "echo a |", "echo ",
        "echo a|sudo -", "cookie: a=", "set-cookie: a", "authorization: ", "authorization: basic ", "bearer ", "x.x",
        "M" * 24 + ".", "pat", "1:AA", "?sig=", "x.webhook.office.com", "a-.webhook.office.com/", '\\"password\\":\\"',
        "key=your_a_", "token=a_a_", "token='a_b-", "password = a.b.", "1→", "…",
    ],
)  # fmt: skip
def test_time_is_linear_in_hostile_texts(unit: str) -> None:
    text = (unit * (100_000 // len(unit) + 1))[:100_000]
    start = time.process_time()
    redact(text)
    redact(f"{text} password {text[:1000]} @ sig ://")
    # What is quadratic takes minutes.
    assert time.process_time() - start < 4


def test_a_batch_is_each_of_its_texts() -> None:
    secret, _ = made("PASSWORD=<A9>")
    assert redact_all([secret, None, "", "plain", secret]) == [
        "PASSWORD=[REDACTED:password]",
        None,
        "",
        "plain",
        "PASSWORD=[REDACTED:password]",
    ]

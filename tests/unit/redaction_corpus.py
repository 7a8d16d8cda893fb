"""Labelled samples for redaction, made from a seed: what is private in many spellings, and what only looks alike."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from stdnum import iban as library
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"
POD = "bcdfghjklmnpqrstvwxz2456789"
PNG = b"\x89PNG"


@dataclass(frozen=True)
class Sample:
    """One text. `core` must not survive; an empty one means that nothing may change."""

    kind: str
    place: str
    text: str
    core: str = ""
    encoded: str = ""


def of(rng: random.Random, length: int, chars: str = ALNUM) -> str:
    return "".join(rng.choice(chars) for _ in range(length))


def digits(rng: random.Random, length: int) -> str:
    return of(rng, length, string.digits)


def b64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def jwt(rng: random.Random) -> str:
    claims = {"sub": of(rng, 8), "jti": of(rng, 12), "exp": rng.randrange(10**9, 2 * 10**9)}
    return ".".join((b64url('{"alg":"RS256","typ":"JWT"}'), b64url(json.dumps(claims)), of(rng, 43, URLSAFE)))


def pan(rng: random.Random) -> str:
    start, length = rng.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3530", 16)]
    )
    body = start + of(rng, length - len(start) - 1, string.digits)
    number = body + luhn.calc_check_digit(body)
    groups = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    mark, parts, place = rng.choice(["", "", " ", "-", " "]), list[str](), 0
    for size in groups:
        parts.append(number[place : place + size])
        place += size
    return mark.join(parts)


def iban(rng: random.Random) -> str:
    forms = {
        "DE": "n" * 18, "FR": "n" * 10 + "c" * 11 + "nn", "GB": "aaaa" + "n" * 14, "NL": "aaaa" + "n" * 10,
        "ES": "n" * 20,
        "IT": "a" + "n" * 10 + "c" * 12, "AT": "n" * 16, "CH": "n" * 5 + "c" * 12, "BE": "n" * 12, "SE": "n" * 20,
        "NO": "n" * 11, "DK": "n" * 14, "FI": "n" * 14, "PL": "n" * 24, "PT": "n" * 21, "IE": "aaaa" + "n" * 14,
        "CZ": "n" * 20, "HU": "n" * 24, "GR": "n" * 7 + "c" * 16, "LU": "nnn" + "c" * 13, "SA": "nn" + "c" * 18,
        "AE": "n" * 19, "TR": "n" * 6 + "c" * 16, "BR": "n" * 23 + "a" + "c", "RO": "aaaa" + "c" * 16,
    }  # fmt: skip
    country = rng.choice(sorted(forms))
    chars = {"n": string.digits, "a": string.ascii_uppercase, "c": string.ascii_uppercase + string.digits}
    while True:
        bban = "".join(rng.choice(chars[char]) for char in forms[country])
        number = country + mod_97_10.calc_check_digits(bban + country) + bban
        if library.is_valid(number):
            break
        if country in ("BE", "ES", "FI", "NO", "PL", "PT", "CZ", "HU", "IT", "FR", "SE", "DK"):
            country = rng.choice(sorted(forms))  # national check digits inside: another country is found sooner
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4)) if rng.random() < 0.5 else number


def email(rng: random.Random) -> str:
    name = rng.choice(["anna.{}", "{}", "j.{}+tag", "o'{}", "first_{}", "{}-x"]).format(
        of(rng, 7, string.ascii_lowercase)
    )
    return f"{name}@{rng.choice(['mail', 'corp', 'sub.mail'])}.{rng.choice(['com', 'de', 'co.uk', 'io', 'museum'])}"


def phone(rng: random.Random) -> str:
    def tail() -> str:
        return of(rng, 4, string.digits)

    return rng.choice(
        [
            f"+49 170 {of(rng, 7, string.digits)}",
            f"+1415555{tail()}",
            f"+1 (415) 555-{tail()}",
            f"(212) 555-{tail()}",
            f"415-555-{tail()}",
            f"+44 20 7946 {tail()}",
            f"+33 6 12 34 {tail()[:2]} {tail()[2:]}",
            f"0049 170 {of(rng, 7, string.digits)}",
            f"+91-98765-4{tail()}",
            f"+55 11 9{tail()}-{tail()}",
        ]
    )


def ssn(rng: random.Random) -> str:
    area = rng.choice([number for number in range(1, 899) if number not in (666, 219, 78)])
    return f"{area:03d}-{rng.randrange(1, 99):02d}-{rng.randrange(1, 9999):04d}"


def cpf(rng: random.Random) -> str:
    found = [rng.randrange(10) for _ in range(9)]
    for _ in range(2):
        total = sum(digit * weight for digit, weight in zip(found, range(len(found) + 1, 1, -1), strict=True))
        found.append((total * 10 % 11) % 10)
    text = "".join(map(str, found))
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"


def dni(rng: random.Random) -> str:
    number = rng.randrange(10**7, 10**8)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def aws_secret(rng: random.Random) -> str:
    while True:
        made = of(rng, 40, ALNUM + "+/")
        if made.count("/") <= 3 and any(map(str.isdigit, made)):
            return made


def pem(rng: random.Random) -> str:
    lines = "\n".join(of(rng, 64, ALNUM + "+/") for _ in range(3))
    name = rng.choice(["RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY"])
    return f"-----BEGIN {name}-----\n{lines}\n-----END {name}-----"


Maker = Callable[[random.Random], str]
# What speaks for itself, wherever it stands.
VALUES: dict[str, Maker] = {
    "jwt": jwt,
    "aws_key": lambda rng: rng.choice(["AKIA", "ASIA"]) + of(rng, 16, string.ascii_uppercase + "234567"),
    "github": lambda rng: rng.choice(["ghp_", "gho_", "ghs_"]) + of(rng, 36),
    "github_pat": lambda rng: f"github_pat_{of(rng, 22)}_{of(rng, 59)}",
    "gitlab": lambda rng: "glpat-" + of(rng, 20, URLSAFE),
    "slack": lambda rng: f"xoxb-{of(rng, 12, string.digits)}-{of(rng, 12, string.digits)}-{of(rng, 24)}",
    "slack_hook": lambda rng: f"https://hooks.slack.com/services/T{of(rng, 8)}/B{of(rng, 8)}/{of(rng, 24)}",
    "stripe": lambda rng: rng.choice(["sk_live_", "rk_live_", "sk_test_"]) + of(rng, 24),
    "sendgrid": lambda rng: f"SG.{of(rng, 22, URLSAFE)}.{of(rng, 43, URLSAFE)}",
    "twilio": lambda rng: "SK" + of(rng, 32, HEX),
    "npm": lambda rng: "npm_" + of(rng, 36),
    "pypi": lambda rng: "pypi-AgEIcHlwaS5vcmc" + of(rng, 90, URLSAFE),
    "telegram": lambda rng: f"{of(rng, 10, '123456789')}:AA{of(rng, 33, URLSAFE)}",
    "discord": lambda rng: f"M{of(rng, 25)}.{of(rng, 6)}.{of(rng, 38)}",
    "openai": lambda rng: f"sk-{of(rng, 20)}T3BlbkFJ{of(rng, 20)}",
    "google": lambda rng: "AIza" + of(rng, 35, URLSAFE),
    "azure": lambda rng: f"{of(rng, 3)}8Q~{of(rng, 34)}",
    "shopify": lambda rng: "shpat_" + of(rng, 32, HEX),
    "vault": lambda rng: "hvs." + of(rng, 30),
    "pem": pem,
    "pan": pan,
    "iban": iban,
    "email": email,
    "phone": phone,
    "ssn": ssn,
    "cpf": cpf,
    "dni": dni,
    "url": lambda rng: f"https://{of(rng, 6, string.ascii_lowercase)}:{of(rng, 14)}@db.example.com/x",
}


def _basic(rng: random.Random) -> tuple[str, str]:
    core = base64.b64encode(f"{of(rng, 6)}:{of(rng, 12)}".encode()).decode()
    return f"Authorization: Basic {core}", core


def _cookie(rng: random.Random) -> tuple[str, str]:
    core = of(rng, 26)
    return f"Cookie: lang=en; {rng.choice(['sid', 'session', 'JSESSIONID'])}={core}", core


def _named(form: str, chars: str = ALNUM, length: int = 18) -> Callable[[random.Random], tuple[str, str]]:
    def make(rng: random.Random) -> tuple[str, str]:
        core = of(rng, length, chars)
        return form.replace("CORE", core), core

    return make


# What only its name or context gives away.
NAMED: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "basic": _basic,
    "cookie": _cookie,
    "set_cookie": _named("Set-Cookie: id=CORE; Path=/; HttpOnly"),
    "bearer": _named("Authorization: Bearer CORE", length=32),
    "x_api_key": _named("X-Api-Key: CORE"),
    "proxy": _named("Proxy-Authorization: CORE"),
    "password": _named("password=CORE"),
    "db_password": _named("DB_PASSWORD: CORE"),
    "client_secret": _named("client_secret=CORE", length=30),
    "access_token": _named("access_token=CORE", length=40),
    "account_key": _named("AccountKey=CORE==", ALNUM + "+/", 86),
    "sas": _named("https://x.blob.core.windows.net/c?sv=2022-11-02&sig=CORE%3D", ALNUM, 43),
    "presigned": _named("https://b.s3.amazonaws.com/k?X-Amz-Signature=CORE", HEX, 64),
    "otp": _named("otp=CORE", string.digits, 6),
}
NAMED["aws_secret"] = lambda rng: (lambda core: (f"aws_secret_access_key = {core}", core))(aws_secret(rng))


def _u_escapes(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


def _entities(text: str) -> str:
    return "".join(char if char.isalnum() else f"&#{ord(char)};" for char in text)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PLACES: dict[str, tuple[Callable[[str], str], str]] = {
    # place: (how it is written there, the sentence around it)
    "plain": (str, "The response showed {} to anybody."),
    "log": (str, "2026-03-18T12:00:00Z WARN gateway: value {} seen 3 times"),
    "json": (lambda text: json.dumps(text)[1:-1], '{{"level": "high", "message": "got {} back", "count": 3}}'),
    "nested_json": (
        lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
        '{{"_raw": "{{\\"msg\\": \\"got {} back\\", \\"n\\": 1}}"}}',
    ),
    "u_escapes": (_u_escapes, '{{"message": "got {} back"}}'),
    "url": (lambda text: quote(text, safe=""), "https://api.example.com/search?q={}&page=2"),
    "url_twice": (lambda text: quote(quote(text, safe=""), safe=""), "https://api.example.com/r?to=%2Fa%3Fq%3D{}"),
    "base64": (lambda text: _b64(f"GET /x HTTP/1.1\r\nX-Note: a\r\n\r\n{text}\r\n"), "request (base64): {}"),
    "markdown": (str, "## Seen\n\n- value: `{}`\n- count: 3\n"),
    "table": (str, "| what | value |\n| --- | --- |\n| seen | {} |\n"),
    "header": (str, "HTTP/1.1 200 OK\r\nX-Debug: {}\r\nContent-Length: 12\r\n\r\n"),
    "curl": (str, "curl -sS -X POST -d '{}' https://api.example.com/v1/users"),
    "html": (html.escape, "<html><body><td>{}</td></body></html>"),
    "entities": (_entities, "<p>value {} was returned</p>"),
}


def positives(seed: int, rounds: int) -> Iterator[Sample]:
    """Samples that hold something private."""
    rng = random.Random(seed)
    for _ in range(rounds):
        for place, (write, sentence) in PLACES.items():
            for kind, make in VALUES.items():
                core = make(rng)
                yield Sample(kind, place, sentence.format(write(core)), core, write(core))
            for kind, make_named in NAMED.items():
                text, core = make_named(rng)
                yield Sample(kind, place, sentence.format(write(text)), core, write(text))


def negatives(seed: int, count: int) -> Iterator[Sample]:
    """Samples that hold nothing private and must stay as they are."""
    rng = random.Random(seed)
    kinds = sorted(_NEGATIVES)
    places = ["plain", "log", "json", "markdown", "table", "html", "nested_json"]
    for number in range(count):
        kind, place = kinds[number % len(kinds)], places[number // len(kinds) % len(places)]
        write, sentence = PLACES[place]
        yield Sample(kind, place, sentence.format(write(_NEGATIVES[kind](rng))))


def _order_id(rng: random.Random) -> str:
    number = digits(rng, rng.choice([6, 8, 9, 10, 12]))
    return rng.choice([f"order {number}", f"ORD-{number}", f"#{number}", f"INV-2026-{number[:6]}"])


_NEGATIVES: dict[str, Maker] = {
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "sha256": lambda rng: hashlib.sha256(of(rng, 9).encode()).hexdigest(),
    "sha1": lambda rng: hashlib.sha1(of(rng, 9).encode(), usedforsecurity=False).hexdigest(),
    "md5": lambda rng: hashlib.md5(of(rng, 9).encode(), usedforsecurity=False).hexdigest(),
    "epoch_ms": lambda rng: str(rng.randrange(1_500_000_000_000, 1_800_000_000_000)),
    "epoch": lambda rng: str(rng.randrange(1_500_000_000, 1_800_000_000)),
    "iso_date": lambda rng: f"202{rng.randrange(9)}-0{rng.randrange(1, 9)}-11T10:11:12.{digits(rng, 6)}+02:00",
    "version": lambda rng: f"{rng.randrange(20)}.{rng.randrange(100)}.{rng.randrange(999)}-rc.1+build.{digits(rng, 8)}",
    "order_id": _order_id,
    "path": lambda rng: f"/api/v{rng.randrange(9)}/users/{rng.randrange(10**6)}/orders/{rng.randrange(10**6)}",
    "url": lambda rng: f"https://owasp.org/API-Security/editions/2023/en/0xa{rng.randrange(1, 9)}-broken-auth/",
    "cve": lambda rng: f"CVE-20{rng.randrange(10, 26)}-{rng.randrange(1000, 99999)} (CWE-{rng.randrange(1, 1400)})",
    "decimal": lambda rng: f"{rng.random():.16f}",
    "amount": lambda rng: f"{rng.randrange(10**6):,}.{rng.randrange(10, 99)} EUR",
    "stack": lambda rng: f"at com.example.api.OrderController.get(OrderController.java:{rng.randrange(900)})",
    "python": lambda rng: f'File "/srv/app/handlers/orders.py", line {rng.randrange(900)}, in get_order_by_identifier',
    "arn": lambda rng: f"arn:aws:lambda:eu-central-1:{of(rng, 12, string.digits)}:function:order-handler-prod",
    "secret_arn": lambda rng: f"arn:aws:secretsmanager:us-east-1:{digits(rng, 12)}:secret:prod/db-{of(rng, 6)}",
    "ip": lambda rng: f"203.0.113.{rng.randrange(255)}:{rng.randrange(1024, 65535)}",
    "ipv6": lambda rng: f"2001:db8:{of(rng, 4, HEX)}:{of(rng, 4, HEX)}::{of(rng, 4, HEX)}",
    "package": lambda rng: f"lodash@{rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(40)}",
    "purl": lambda rng: f"pkg:maven/org.apache.logging.log4j/log4j-core@2.{rng.randrange(20)}.1",
    "image": lambda rng: f"registry.example.com/shop/orders:1.{rng.randrange(90)}.0 with icon@2x.png",
    "prose": lambda rng: rng.choice(
        [
            "Tokens are not checked for expiry; the password policy is weak",
            "Cookie: flag missing",
            "The bearer authentication scheme is used without a token",
            "Missing Authorization header is accepted",
            "A secret is missing: rotate keys and sessions",
            "The parameter token is reflected, see token_type",
        ]
    ),
    "template": lambda rng: rng.choice(["/users/{userId}/cards/{cardId}", "password: ${DB_PASS}", "token={{token}}"]),
    "phone_like": lambda rng: f"build 2026.03.{rng.randrange(10, 28)}.{digits(rng, 4)} took {digits(rng, 5)} ms",
    "mac": lambda rng: ":".join(of(rng, 2, HEX) for _ in range(6)),
    "etag": lambda rng: f'W/"{of(rng, 16, HEX)}"',
    "base64_png": lambda rng: f"data:image/png;base64,{base64.b64encode(PNG + rng.randbytes(60)).decode()}",
    "trace": lambda rng: f"00-{of(rng, 32, HEX)}-{of(rng, 16, HEX)}-01",
    "snowflake": lambda rng: str(rng.randrange(10**17, 2 * 10**17)),
    "k8s": lambda rng: f"orders-api-{of(rng, 10, POD)}-{of(rng, 5, POD)}",
    "coords": lambda rng: f"{rng.uniform(-90, 90):.6f},{rng.uniform(-180, 180):.6f}",
}  # fmt: skip

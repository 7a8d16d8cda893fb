"""More than ten thousand changed deliveries, signed by other people's signers: none is believed, each original is."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from proof_support import judged
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook

from stanch.errors import IntakeError
from stanch.intake.proofs import Scheme, Terms
from stanch.slack.signing import verify as verify_interaction

VARIANTS = 5000
SLOW_VARIANTS = 500
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
LETTERS = string.ascii_letters + string.digits + "+/=-_.,: "


@dataclass(frozen=True)
class Sent:
    """One signed delivery, taken apart into what can be changed."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


Change = Callable[[random.Random, Sent], Sent]
Signer = Callable[[random.Random, str], Sent]


def standard(rng: random.Random, secret: str) -> Sent:
    body, name = text_body(rng), f"msg_{rng.getrandbits(64):x}"
    signature = Webhook(secret).sign(name, NOW, body.decode())
    seconds = str(int(NOW.timestamp()))
    return Sent(body, (("webhook-id", name), ("webhook-timestamp", seconds), ("webhook-signature", signature)))


def public(rng: random.Random, secret: str) -> Sent:
    """The same signed with the private half of `secret`."""
    body, name, seconds = text_body(rng), f"msg_{rng.getrandbits(64):x}", str(int(NOW.timestamp()))
    signature = base64.b64encode(PRIVATE[secret].sign(f"{name}.{seconds}.".encode() + body)).decode()
    return Sent(body, (("webhook-id", name), ("webhook-timestamp", seconds), ("webhook-signature", "v1a," + signature)))


def slack(rng: random.Random, secret: str) -> Sent:
    body, seconds = text_body(rng), str(int(NOW.timestamp()) - rng.randrange(200))
    signature = SignatureVerifier(secret).generate_signature(timestamp=seconds, body=body)
    assert signature is not None
    return Sent(body, (("x-slack-request-timestamp", seconds), ("x-slack-signature", signature)))


def text_body(rng: random.Random) -> bytes:
    text = "".join(rng.choice(string.printable) for _ in range(rng.randrange(1, 120)))
    return f'{{"title": "{text}", "n": {rng.random()}}}'.encode()


def change_bytes(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    match rng.randrange(4):
        case 0 if data and place < len(data):
            return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]
        case 1:
            return data[:place] + bytes([rng.randrange(256)]) + data[place:]
        case 2 if data and place < len(data):
            return data[:place] + data[place + 1 :]
        case _:
            return data[: rng.randrange(len(data))] if data else b"x"


def change_text(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text) + 1)
    letter = rng.choice(LETTERS)
    match rng.randrange(5):
        case 0 if place < len(text):
            return text[:place] + letter + text[place + 1 :]
        case 1:
            return text[:place] + letter + text[place:]
        case 2 if place < len(text):
            return text[:place] + text[place + 1 :]
        case 3 if place < len(text):
            return text[:place] + text[place].swapcase() + text[place + 1 :]
        case _:
            return text[: rng.randrange(len(text))]


def with_value(sent: Sent, number: int, value: str) -> Sent:
    name = sent.headers[number][0]
    return replace(sent, headers=(*sent.headers[:number], (name, value), *sent.headers[number + 1 :]))


def body(rng: random.Random, sent: Sent) -> Sent:
    return replace(sent, body=change_bytes(rng, sent.body))


def value(rng: random.Random, sent: Sent) -> Sent:
    number = rng.randrange(len(sent.headers))
    return with_value(sent, number, change_text(rng, sent.headers[number][1]))


def parts(signature: str) -> tuple[str, str]:
    """The label with its mark, and the signature itself."""
    end = min(place for mark in ",=" if (place := signature.find(mark)) > 0) + 1
    return signature[:end], signature[end:]


def label(rng: random.Random, sent: Sent) -> Sent:
    """Another name of the algorithm before the same bytes."""
    number = len(sent.headers) - 1
    start, rest = parts(sent.headers[number][1])
    names = ["v1", "v1a", "v0", "v2", "V1", "v", "", "v01", "V0", "v1 ", "sha256", "sha1", "none", start[:-1] * 2]
    return with_value(sent, number, rng.choice([name for name in names if name != start[:-1]]) + start[-1] + rest)


def encoding(rng: random.Random, sent: Sent) -> Sent:
    """The same signature in other letters."""
    number = len(sent.headers) - 1
    start, rest = parts(sent.headers[number][1])
    as_bytes = bytes.fromhex(rest) if start == "v0=" else base64.b64decode(rest)
    forms = [as_bytes.hex(), base64.b64encode(as_bytes).decode(), base64.urlsafe_b64encode(as_bytes).decode()]
    forms += [
        rest.upper(),
        rest.lower(),
        rest.rstrip("="),
        rest + "=",
        rest[::-1],
        "0x" + rest,
        rest + "\n",
        as_bytes.decode("latin-1"),
    ]
    return with_value(sent, number, start + rng.choice([form for form in forms if form != rest]))


def twice(rng: random.Random, sent: Sent) -> Sent:
    """A header given twice, with another value, before or after."""
    name, given = sent.headers[rng.randrange(len(sent.headers))]
    other = (rng.choice([name, name.upper(), name.title()]), change_text(rng, given))
    return replace(sent, headers=(other, *sent.headers) if rng.random() < 0.5 else (*sent.headers, other))


def missing(rng: random.Random, sent: Sent) -> Sent:
    number = rng.randrange(len(sent.headers))
    return replace(sent, headers=(*sent.headers[:number], *sent.headers[number + 1 :]))


def odd_time(rng: random.Random, sent: Sent) -> Sent:
    number = next(n for n, (name, _) in enumerate(sent.headers) if name.endswith("timestamp"))
    given = sent.headers[number][1]
    eastern = given.translate({ord("0") + n: chr(0x660 + n) for n in range(10)})
    odd = ["", "-" + given, "+" + given, given + ".0", " " + given, "0" + given, "9" * rng.randrange(13, 400), eastern]
    return with_value(sent, number, rng.choice([*odd, hex(int(given)), "NaN", "1e9", given + "\x00"]))


CHANGES: tuple[Change, ...] = (body, value, value, label, encoding, twice, missing, odd_time)


def tampered(
    make: Callable[[random.Random, str], Sent], secret: str, *, seed: int, count: int = VARIANTS
) -> Iterator[tuple[str, Sent, Sent]]:
    rng = random.Random(seed)
    done = 0
    while done < count:
        original = make(rng, secret)
        for _ in range(10):
            change = rng.choice(CHANGES)
            changed = change(rng, original)
            if meaning(changed) != meaning(original):
                done += 1
                yield change.__name__, original, changed


def meaning(sent: Sent) -> tuple[bytes, frozenset[tuple[str, str]]]:
    """What HTTP says that a request is: the same value twice is that value."""
    return sent.body, frozenset((name.lower(), text) for name, text in sent.headers)


def key(number: int) -> str:
    return "whsec_" + base64.b64encode(bytes([number]) * 24).decode()


def public_key(private: Ed25519PrivateKey) -> str:
    return "whpk_" + base64.b64encode(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


PRIVATE = {public_key(each): each for each in (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(3))}


@pytest.mark.parametrize(
    ("scheme", "make", "secrets"),
    [
        (Scheme.STANDARD_WEBHOOKS, standard, (key(1), key(2), key(3))),
        (Scheme.STANDARD_WEBHOOKS, public, tuple(PRIVATE)),
        (Scheme.SLACK, slack, ("8f742231b10e8888abcd99yyyzzz85a5", "9" * 32, "7" * 32)),
    ],
)
def test_every_change_is_refused_and_every_original_believed(
    scheme: Scheme, make: Signer, secrets: tuple[str, str, str]
) -> None:
    first, second, stranger = secrets
    count = SLOW_VARIANTS if make is public else VARIANTS
    seen: dict[str, int] = {}
    for number, secret in enumerate((first, second)):
        for kind, original, changed in tampered(make, secret, seed=number, count=count):
            terms = Terms(scheme, (first, second))
            assert judged(terms, original.body, original.headers, now=NOW), original
            assert judged(terms, changed.body, changed.headers, now=NOW) is None, (kind, original, changed)
            assert judged(Terms(scheme, (stranger,)), original.body, original.headers, now=NOW) is None
            seen[kind] = seen.get(kind, 0) + 1
    assert sum(seen.values()) >= 2 * count
    assert set(seen) == {change.__name__ for change in CHANGES}


def believed(sent: Sent, *secrets: str) -> bool:
    try:
        verify_interaction(sent.body, Several(sent.headers), secrets=secrets, now=NOW, seen=lambda signature: False)
    except IntakeError as error:
        if error.status != 401:
            raise
        return False
    return True


class Several(dict[str, str]):
    """Headers as a mapping that still tells of repeated names."""

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        return list(self._pairs)


def test_interactions_of_slack_are_as_strict() -> None:
    first, second = "8f742231b10e8888abcd99yyyzzz85a5", "9" * 32
    for number, secret in enumerate((first, second)):
        for kind, original, changed in tampered(slack, secret, seed=10 + number):
            assert believed(original, first, second), original
            assert not believed(changed, first, second), (kind, original, changed)
            assert not believed(original, "7" * 32)

"""A signed request to any other device: typed values, proof by looking, undo of what is ours, and hostile answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from glue import NOW, Glue, job
from raw_server import RawServer

from activities._run import perform
from activities._webhook import send as _webhook_send
from activities._webhook.device import WebhookDevice
from activities.webhook import IMPLEMENTATIONS, build
from stanch.errors import AuthBlocked, ConfigError, ConnectorError, Refused, Rejected, RetrySafe, Uncertain
from stanch.sandbox._server import Fault
from stanch.sandbox.device import DeviceStandin

IP = "203.0.113.7"
KEY = "k" * 32
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def device() -> Iterator[DeviceStandin]:
    with DeviceStandin() as standin:
        yield standin


def built(device: DeviceStandin, **more: Any) -> WebhookDevice:
    return build("firewall", device.section() | more)


def values(made: WebhookDevice, **more: Any) -> dict[str, Any]:
    return made.values({"ip": IP, "zone": "dmz", **more}, key=KEY, case="case-1")


def apply(made: WebhookDevice, *, again: bool = False, **more: Any) -> Any:
    return made.apply(values(made, **more), key=KEY, again=again)


def test_a_change_is_made_once_shown_and_taken_back(device: DeviceStandin) -> None:
    made = built(device)
    done = apply(made)
    assert (done.already, dict(done.kept)) == (False, {"number": 1})
    assert device.denies[IP]["reference"] == KEY
    assert device.denies[IP]["note"] == "asked by {ip}"  # a text of a body is a text, whatever is in it
    assert apply(made, again=True).already is False  # the same call again finds its own change
    assert [entry["event"] for entry in device.ledger.entries()] == ["device.denied"]
    assert made.take_back(values(made), kept=done.kept, key=KEY)["state"] == "taken back"
    assert device.denies == {}
    assert made.take_back(values(made), kept=done.kept, key=KEY)["state"] == "nothing stood"


def test_what_stood_before_is_not_ours_and_stays(device: DeviceStandin) -> None:
    device.put(IP)
    made = built(device)
    for again in (False, True):
        assert apply(made, again=again).already is True
    assert made.take_back(values(made), kept={}, key=KEY)["state"] == "not ours any more"
    assert IP in device.denies


def test_without_a_key_the_first_attempt_claims_nothing(device: DeviceStandin) -> None:
    device.put(IP)
    look = device.section()["verify"] | {"key": ""}
    assert apply(built(device, verify=look)).already is True
    later = apply(built(device, verify=look), again=True)
    assert (later.already, later.proof["owner"]) == (False, "assumed")


@pytest.mark.parametrize("mode", ["drop_after", "status_after"])
def test_an_answer_that_did_not_come_is_settled_by_looking(device: DeviceStandin, mode: str) -> None:
    device.faults.script("add", Fault(mode, status=502))
    done = apply(built(device))
    assert (done.already, done.proof["settled_by"]) == (False, "look")
    assert len(device.ledger.entries("device.denied")) == 1


def test_another_2xx_than_expected_is_no_refusal(device: DeviceStandin) -> None:
    section = device.section()
    done = apply(built(device, apply=section["apply"] | {"expect": [202]}))
    assert (done.already, done.proof["settled_by"]) == (False, "look")


def test_nothing_happened_is_told_as_such(device: DeviceStandin) -> None:
    device.faults.script("add", Fault("drop_before"))
    with pytest.raises(RetrySafe):
        apply(built(device, settle=0.0))
    assert device.denies == {}


def test_a_device_that_says_yes_and_does_nothing_is_not_believed(device: DeviceStandin) -> None:
    device.forget = True
    with pytest.raises(Uncertain) as error:
        apply(built(device, settle=0.0))
    assert error.value.code == "V043"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 410, 503])
@pytest.mark.parametrize("answered", [True, False])
def test_what_a_look_meets_after_the_change_was_sent_is_no_outcome_of_the_change(
    device: DeviceStandin, status: int, answered: bool
) -> None:
    """It stands and nobody may forget it: a refused look must not pass for a refused change."""
    if not answered:
        device.faults.script("add", Fault("drop_after"))
    device.faults.script("get", Fault("delay"), Fault("status", status=status))
    with pytest.raises(Uncertain) as error:
        apply(built(device))
    assert (error.value.sent, list(device.denies)) == (True, [IP])
    device.faults.script("get", Fault("delay"), Fault("status", status=status))
    with pytest.raises(Uncertain):  # nor of what takes it back
        built(device).take_back(values(built(device)), kept={"number": 1}, key=KEY)


def test_a_change_that_was_accepted_and_shows_as_anothers_is_uncertain(device: DeviceStandin) -> None:
    section = device.section()
    section["apply"]["body"]["reference"] = "somebody else"
    with pytest.raises(Uncertain) as error:
        apply(built(device, apply=section["apply"]))
    assert error.value.code == "V043"


def test_without_a_key_what_may_yet_come_is_uncertain(device: DeviceStandin) -> None:
    """The next attempt could not tell it from a change of others."""
    device.faults.script("add", Fault("drop_before"))
    with pytest.raises(Uncertain):
        apply(built(device, settle=0.0, verify=device.section()["verify"] | {"key": ""}))


def test_an_attempt_that_sent_nothing_makes_no_change_ours(device: DeviceStandin, tmp_path: Path) -> None:
    """Two attempts, the first ended before anything went out: what stands is somebody else's, and stays."""
    device.put(IP)
    section = device.section() | {"kind": "webhook", "verify": device.section()["verify"] | {"key": ""}}
    call = {"to": "firewall", "ip": IP, "values": {"zone": "dmz"}}
    with Glue(tmp_path, webhooks={"firewall": section}) as glue:
        for unsure, already in ((None, True), (NOW, False)):
            task = replace(job("webhook.call", call, attempt=2), uncertain_since=unsure)
            outputs = perform(glue.world, task, IMPLEMENTATIONS["webhook.call"], lambda *_: None).outputs
            assert outputs["already"] is already


@pytest.mark.parametrize("verb", ["webhook.call", "webhook.once"])
def test_whom_the_device_would_not_hear_of_is_refused(device: DeviceStandin, tmp_path: Path, verb: str) -> None:
    """The step is about one user at an address; without the user everybody there would be denied."""
    call = {"to": "firewall", "ip": IP, "user_id": "mallory", "values": {"zone": "dmz"}}
    with Glue(tmp_path, webhooks={"firewall": device.section() | {"kind": "webhook"}}) as glue:
        with pytest.raises(Rejected, match="never sends user_id") as error:
            perform(glue.world, job(verb, call), IMPLEMENTATIONS[verb], lambda *_: None)
        assert (error.value.code, device.seen_ids) == ("V040", [])


def test_an_entry_that_shows_late_is_waited_for(device: DeviceStandin) -> None:
    device.lag = 2
    assert apply(built(device)).proof["state"] == "stands"


@pytest.mark.parametrize(
    ("status", "error"), [(302, Rejected), (400, Rejected), (401, AuthBlocked), (429, RetrySafe), (409, Rejected)]
)
def test_each_status_has_its_outcome_and_redirects_are_not_followed(
    device: DeviceStandin, status: int, error: type[ConnectorError]
) -> None:
    device.faults.script("add", Fault("status", status=status, retry_after="7"))
    with pytest.raises(error):
        apply(built(device))
    assert device.denies == {}


@pytest.mark.parametrize(
    "given",
    [
        {"ip": "203.0.113.7/0"},
        {"ip": "0.0.0.0/0"},
        {"ip": "::/0"},
        {"ip": "203.0.113.9/24"},
        {"ip": "no address"},
        {"zone": 3},
        {"zone": "a\nb"},
        {"zone": " "},
        {"minutes": "1; drop"},
        {"minutes": True},
        {"other": "x"},
        {"zone": "x" * 5000},
    ],
)
def test_a_value_is_what_its_kind_says_or_nothing_is_sent(device: DeviceStandin, given: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as error:
        apply(built(device), **given)
    assert error.value.code == "V040"
    assert device.seen_ids == []


def test_a_value_stays_one_segment_and_one_text(device: DeviceStandin) -> None:
    section = device.section() | {"parameters": {"zone": "text", "login": "text"}}
    section["apply"] = {"path": "/denies", "body": {"name": {"param": "login"}, "reference": {"param": "key"}}}
    section["apply"] |= {"expect": [201]}
    section["verify"] = {"path": "/denies/{login}", "key": "reference"}
    section["inverse"] = {"method": "DELETE", "path": "/denies/{login}"}
    made = build("firewall", section)
    name = '../"},?x=1#é'
    given = made.values({"login": name}, key=KEY, case="c")
    assert made.apply(given, key=KEY, again=False).already is False
    assert list(device.denies) == [name]
    for dots in ("..", "."):
        with pytest.raises(Rejected):
            made.apply(made.values({"login": dots}, key=KEY, case="c"), key=KEY, again=False)


def test_a_signature_names_method_and_address(device: DeviceStandin) -> None:
    made = built(device)
    apply(made)
    made.take_back(values(made), kept={"number": 1}, key=KEY)
    parts = {identity.split(".")[1] for identity in device.seen_ids}
    assert parts == {"apply", "verify", "undo"}
    assert len({identity for identity in device.seen_ids if ".apply." in identity or ".undo." in identity}) == 2


def test_another_secret_is_refused_by_the_device(device: DeviceStandin) -> None:
    with pytest.raises(AuthBlocked):
        apply(built(device, secret=SECRET))


@pytest.mark.parametrize("found", ["10.0.0.8", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.8", "64:ff9b::a00:8"])
def test_private_addresses_are_refused_unless_named(
    device: DeviceStandin, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(0, 0, 0, "", (found, 443))])
    made = built(device, url="https://firewall.example.com", networks=[])
    with pytest.raises(Rejected) as error:
        apply(made)
    assert error.value.code == "V028"
    assert [check.ok for check in made.doctor()] == [False]


def test_the_name_is_looked_up_once_and_that_address_is_called(
    device: DeviceStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolve(host: str, *_a: Any, **_k: Any) -> Any:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", device.port))]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: resolve(host) if host == "localhost" else real(host, *a, **k)
    )
    made = built(device, url=f"http://localhost:{device.port}")
    assert made.apply(values(made), key=KEY, again=False).already is False
    assert len(asked) == len(device.seen_ids)  # one look for each request, none by the library that connects


def test_the_next_address_is_tried_where_nothing_went_out(
    device: DeviceStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_webhook_send, "allowed_addresses", lambda *_: ["::1", "127.0.0.1"])
    assert apply(built(device)).already is False


def test_the_host_that_a_value_makes_must_be_allowed(device: DeviceStandin) -> None:
    section = device.section() | {"url": "https://{zone}.fw.example.com", "allow": ["*.gw.example.com"]}
    section["parameters"] = {"zone": "label"}
    made = build("firewall", section)
    with pytest.raises(Rejected) as error:
        made.apply(made.values({"ip": IP, "zone": "dmz"}, key=KEY, case="c"), key=KEY, again=False)
    assert error.value.code == "V041"
    with pytest.raises(Rejected):
        made.values({"ip": IP, "zone": "dmz.evil.example/"}, key=KEY, case="c")


def _answers(body: bytes, *, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


@pytest.mark.parametrize(
    "body", [b"[" * 60000, b'{"active": "yes"}', b"<html>", b"NaN", b'{"active": true}' + b" " * 2**20, b'{"active":']
)
def test_a_hostile_answer_to_a_look_is_neither_yes_nor_no(device: DeviceStandin, body: bytes) -> None:
    with RawServer(lambda *_: _answers(body)) as server, pytest.raises(RetrySafe):
        apply(built(device, url=server.url))


def test_an_answer_that_drips_is_cut(device: DeviceStandin) -> None:
    import time

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        for number in range(100):
            time.sleep(0.05)
            yield f"x-{number}: 1\r\n".encode()

    began = time.monotonic()
    with RawServer(lambda *_: drip()) as server, pytest.raises(RetrySafe):
        apply(built(device, url=server.url, timeout=0.3, connect_timeout=0.2))
    assert time.monotonic() - began < 3


def test_certificates_are_checked_against_the_name_not_the_address(
    device: DeviceStandin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl
    import threading

    from tls_support import certificate

    files = certificate(tmp_path, "firewall.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                    with plain, context.wrap_socket(plain, server_side=True) as secure:
                        secure.recv(65536)
                        secure.sendall(_answers(b'{"active": true, "reference": "", "number": 1}'))
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setattr(_webhook_send, "allowed_addresses", lambda *_: ["127.0.0.1"])
        more = {"ca_file": str(files[0]), "url": f"https://firewall.example.com:{port}"}
        assert apply(built(device, **more)).already is True
        for wrong in ({"url": f"https://other.example.com:{port}"}, {"ca_file": ""}):
            with pytest.raises(RetrySafe):
                apply(built(device, **(more | wrong)))
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://firewall.example.com"},
        {"url": "https://{zone}.example.com"},
        {"url": "https://fw.example.com/{zone}", "allow": ["fw.example.com"]},
        {"secret": "short"},
        {"headers": {"webhook-id": "x"}},
        {"headers": {"X-Key": "a\r\nb"}},
        {"apply": {"path": "/x/{nobody}"}},
        {"apply": {"path": "/x/../y"}},
        {"apply": {"path": "/x?y=1"}},
        {"apply": {"path": "/x", "expect": [500]}},
        {"verify": {"path": "/x", "stands": "]["}},
        {"inverse": {"path": "/x/{number2}"}},
        {"parameters": {"ip": "text"}},
        {"networks": ["10.0.0.1/8"]},
        {"surprise": 1},
    ],
)
def test_a_wrong_section_is_refused_without_showing_a_value(device: DeviceStandin, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as error:
        built(device, **wrong)
    assert device.secret not in str(error.value.problems)


def test_the_verbs_run_behind_guards_and_undo_their_own_only(device: DeviceStandin, tmp_path: Path) -> None:
    section = device.section() | {"kind": "webhook"}
    once = {name: value for name, value in section.items() if name != "inverse"}
    with Glue(tmp_path, webhooks={"firewall": section, "once": once}) as glue:
        call = {"to": "firewall", "ip": IP, "values": {"zone": "dmz"}}
        task = job("webhook.call", call)
        reply = perform(glue.world, task, IMPLEMENTATIONS["webhook.call"], lambda *_: None)
        assert (reply.outputs["already"], reply.outputs["undo_class"]) == (False, "A")
        subject = {"action": "webhook.call", "params": call, "outputs": reply.outputs}
        undo = job("webhook.undo", {"call": reply.outputs["call"]})
        with pytest.raises(Rejected) as stranger:
            perform(glue.world, undo, IMPLEMENTATIONS["webhook.undo"], lambda *_: None)
        assert stranger.value.code == "V044"
        undo = job("webhook.undo", {"call": reply.outputs["call"]}, subject=subject)
        perform(glue.world, undo, IMPLEMENTATIONS["webhook.undo"], lambda *_: None)
        assert device.denies == {}
        task = job("webhook.call", {**call, "to": "once"})
        with pytest.raises(Rejected) as undeclared:
            perform(glue.world, task, IMPLEMENTATIONS["webhook.call"], lambda *_: None)
        assert undeclared.value.code == "V042"
        told = json.dumps([item.data for item in glue.records.timeline(task.scene.case_id)], default=str)
        assert device.secret not in told


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"ip": "10.1.2.3"}, "G120"),
        ({"values": {"zone": "10.1.2.3"}}, "G120"),
        ({"values": {"zone": 0x0A010203}}, "G120"),  # the same address, as the number that some devices want
        ({"values": {"login": "svc-billing"}}, "G121"),
        ({"user_id": "break-glass"}, "G121"),
        ({"host": "id.example.com"}, "G125"),
    ],
)
def test_guards_judge_every_value_whatever_its_name(tmp_path: Path, given: dict[str, Any], code: str) -> None:
    from activities._guard import check_action

    with Glue(tmp_path) as glue:
        task = job("webhook.call", {"to": "firewall", "host": "api.example.com", **given})
        with pytest.raises(Refused) as error:
            check_action(glue.world, task, task.spec.params.model_validate(task.call.params))
        assert error.value.code == code

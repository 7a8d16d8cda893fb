"""Settings: file and variables, their precedence, and mistakes named by their place and never by their value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from stanch.cli import app as cli
from stanch.errors import ConfigError
from stanch.keys import Keys
from stanch.secrets import key_file
from stanch.settings import Settings, load_settings, origin_of, with_secrets
from stanch.settings_sections import Web

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-do-not-repeat"
TOML = f"""
data_dir = "kept"
verify_window = "3d"
records_url = "postgresql+psycopg://stanch:{SECRET}@db.example.com/stanch"

[web]
port = 9000

[trackers.jira]
kind = "jira"
url = "https://example.atlassian.net"
token = "{SECRET}"

[chat.slack]
signing_secrets = ["{SECRET}", "secret://env/SLACK_OLD"]

[inventory."*.example.com"]
criticality = "high"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with nothing of ours in the environment."""
    for name in [name for name in os.environ if name.startswith("STANCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(place: Path, text: str) -> Path:
    path = place / "stanch.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problem_of(place: Path, text: str) -> ConfigError:
    write(place, text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    shown = [str(caught.value), caught.value.hint, *map(str, caught.value.problems)]
    assert SECRET not in "\n".join(shown)
    assert caught.value.__cause__ is None, "a cause would bring the values into a traceback"
    return caught.value


def test_without_a_file_everything_has_a_default(place: Path) -> None:
    settings = load_settings()
    assert (settings.web.port, settings.verify_window) == (8321, timedelta(days=7))
    assert settings.url_of_records == f"sqlite:///{place}/.stanch/records.db"
    assert settings.public_url == "http://127.0.0.1:8321"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9000"),
        ("stanch.example.com", "http://stanch.example.com:9000"),
        ("::1", "http://[::1]:9000"),
        ("::", "http://[::]:9000"),
    ],
)
def test_an_address_of_the_sixth_version_is_in_brackets(place: Path, host: str, url: str) -> None:
    settings = Settings(data_dir=place, web=Web(host=host, port=9000))
    assert (settings.web.url, settings.public_url) == (url, url)
    named = Settings(data_dir=place, web=Web(host=host, public_url="https://stanch.example.com"))
    assert named.public_url == "https://stanch.example.com"


def test_the_file_beats_defaults_and_variables_beat_the_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, TOML)
    assert load_settings().web.port == 9000
    monkeypatch.setenv("STANCH_WEB__PORT", "9100")
    monkeypatch.setenv("STANCH_TRACKERS__JIRA__URL", "https://other.atlassian.net")
    monkeypatch.setenv("STANCH_DATA_DIR", str(place / "else"))
    settings = load_settings()
    assert (settings.web.port, settings.web.host) == (9100, "127.0.0.1")
    assert settings.trackers["jira"]["url"] == "https://other.atlassian.net"
    assert settings.trackers["jira"]["kind"] == "jira", "a variable changes one value, not the section"
    assert settings.data_dir == place / "else"


def test_the_file_may_be_elsewhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place / "deep" / "other.toml"
    path.parent.mkdir()
    path.write_text("[web]\nport = 9200\n", encoding="utf-8")
    monkeypatch.setenv("STANCH_CONFIG", str(path))
    assert load_settings().web.port == 9200
    monkeypatch.setenv("STANCH_CONFIG", str(place / "missing.toml"))
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.code == "C012"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f'webb = "{SECRET}"', "webb"),
        (f'[web]\npoort = "{SECRET}"', "web.poort"),
        (f'[web]\nport = "{SECRET}"', "web.port"),
        (f'verify_window = "{SECRET}"', "verify_window"),
        (f'[inventory."a.example.com"]\nowner = "{SECRET}"', "inventory.a.example.com.owner"),
        (f'trackers = "{SECRET}"', "trackers"),
        (f'[trackers]\njira = "{SECRET}"', "trackers.jira"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(place: Path, text: str, named: str) -> None:
    error = problem_of(place, text)
    assert error.code == "C011"
    (problem,) = error.problems
    assert problem.message.startswith(f"{named}: ")
    assert problem.file == "stanch.toml"


def test_every_mistake_is_named_at_once(place: Path) -> None:
    assert len(problem_of(place, "one = 1\ntwo = 2\n[web]\nport = 'x'\n").problems) == 3


@pytest.mark.parametrize(
    ("text", "place_of_it", "hint"),
    [
        ("data_dir = 'x'\npolicydir = 'y'\n", "stanch.toml:2:1: C011 policydir", "did you mean policy_dir?"),
        ("\n[web]\nprot = 1\n", "stanch.toml:3:1: C011 web.prot", "did you mean web.port?"),
        ("[trackerz.jira]\nkind = 'jira'\n", "stanch.toml:1:1: C011 trackerz", "did you mean trackers?"),
        ("[inventory.'a.b']\ncriticalty = 'low'\n", "stanch.toml:2:1: C011 inventory.a.b.criticalty", "criticality?"),
        ("[web]\nport = 1\ncase_key = 'k'\n", "stanch.toml:3:1: C011 web.case_key", "above the first [section]"),
        ("web = {port = 1, hots = 'h'}\n", "stanch.toml:1:1: C011 web.hots", "did you mean web.host?"),
        ("zzz = 1\n", "stanch.toml:1:1: C011 zzz: there is no such setting", ""),
    ],
)
def test_a_misspelt_setting_is_named_with_its_line_and_what_was_meant(
    place: Path, text: str, place_of_it: str, hint: str
) -> None:
    (problem,) = problem_of(place, text).problems
    assert str(problem).startswith(place_of_it)
    assert hint in problem.hint
    assert bool(problem.hint) == bool(hint)


def test_the_next_step_of_wrong_settings_is_not_a_command_that_needs_right_ones(place: Path) -> None:
    hint = problem_of(place, "zzz = 1\n").hint
    assert "docs/configuration.md" in hint
    assert "config show" not in hint


@pytest.mark.parametrize(
    ("text", "line"), [("[web\nport = 1\n", 1), (f'a = 1\nb = "{SECRET}\n', 2), (f"[web]\nport = {SECRET}\n", 2)]
)
def test_a_file_that_is_no_toml(place: Path, text: str, line: int) -> None:
    error = problem_of(place, text)
    assert error.code == "C010"
    assert (error.problems[0].file, error.problems[0].line) == ("stanch.toml", line)


def test_a_file_that_is_no_text(place: Path) -> None:
    (place / "stanch.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.code == "C010"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STANCH_WEB__PORT", SECRET),
        ("STANCH_WEB__POORT", SECRET),
        ("STANCH_WBE__PORT", SECRET),
        ("STANCH_INVENTORY", SECRET),
        ("STANCH_TRACKERS", f'{{"jira": {{"token": "{SECRET}"'),
        ("STANCH_VERIFY_WINDOW", SECRET),
    ],
)
def test_a_wrong_variable_is_named(place: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert name in problem_of(place, "").message


def test_variables_of_commands_are_no_settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STANCH_SOURCE_ZAP", "STANCH_QUEUES", "STANCH_URL", "STANCH_SEND_SECRET"):
        monkeypatch.setenv(name, "x")
    load_settings()


@pytest.mark.parametrize(
    ("host", "expected"), [("api.example.com", "high"), ("pay.example.com", "critical"), ("www.example.org", "")]
)
def test_the_inventory_knows_hosts_by_name_then_by_pattern(place: Path, host: str, expected: str) -> None:
    write(place, TOML + '\n[inventory."pay.example.com"]\ncriticality = "critical"\n')
    entry = load_settings().inventory_of(host)
    assert (entry.criticality if entry else "") == expected


# -- secrets in sections -----------------------------------------------------------------------------------------------


def test_references_are_resolved_wherever_they_stand(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLUE_TOKEN", SECRET)
    section = {
        "token": "secret://env/GLUE_TOKEN",
        "keys": ["secret://env/GLUE_TOKEN", "x"],
        "deep": {"a": "secret://env/GLUE_TOKEN"},
    }
    assert with_secrets(section) == {"token": SECRET, "keys": [SECRET, "x"], "deep": {"a": SECRET}}
    assert section["token"] == "secret://env/GLUE_TOKEN"


def test_the_case_key_is_a_reference_or_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as caught:
        Keys(Settings(data_dir=place, case_key=SECRET))
    assert (caught.value.code, SECRET in str(caught.value)) == ("C020", False)
    monkeypatch.setenv("GLUE_KEY", SECRET)
    given = Keys(Settings(data_dir=place, case_key="secret://env/GLUE_KEY"))
    made = Keys(Settings(data_dir=place))
    assert given.cases != made.cases
    assert Keys(Settings(data_dir=place)).cases == made.cases
    purposes = {made.cases, made.ledger, made.redaction, made.sessions, bytes.fromhex(made.buttons)}
    assert len(purposes) == 5


def test_a_made_key_is_its_owners_alone(place: Path) -> None:
    key = key_file(place / "new" / "case.key")
    assert len(key) == 64
    assert (place / "new" / "case.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (place / "new").iterdir()] == ["case.key"]


RACER = """
import sys, time
from pathlib import Path
from stanch.secrets import key_file
go = Path(sys.argv[2])
print("here", flush=True)
while not go.exists():
    pass
print(key_file(Path(sys.argv[1])))
"""


def test_processes_that_start_together_agree_on_the_key(place: Path) -> None:
    path, go = place / "k" / "case.key", place / "go"
    command = [sys.executable, "-c", RACER, str(path), str(go)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(8)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "here\n"
    go.touch()
    keys = {racer.communicate(timeout=30)[0].strip() for racer in racers}
    assert keys == {path.read_text()}
    assert [each.name for each in path.parent.iterdir()] == ["case.key"]


# -- stanch config show ------------------------------------------------------------------------------------------------


def test_origins(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, TOML)
    monkeypatch.setenv("STANCH_WEB__HOST", "127.0.0.2")
    monkeypatch.setenv("STANCH_IDENTITY", '{"okta": {"kind": "okta"}}')
    assert origin_of(("web", "host")) == "STANCH_WEB__HOST"
    assert origin_of(("web", "port")) == "stanch.toml"
    assert origin_of(("web", "login")) == "default"
    assert origin_of(("identity", "okta", "kind")) == "STANCH_IDENTITY"
    assert origin_of(("inventory", "*.example.com", "criticality")) == "stanch.toml"


def _run_cli(arguments: list[str]) -> int:
    return cli._run(arguments)


def test_config_show_hides_what_is_secret(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, TOML)
    monkeypatch.setenv("STANCH_WEB__HOST", "127.0.0.2")
    assert _run_cli(["config", "show", "--origin"]) == 0
    text = capsys.readouterr().out
    assert SECRET not in text
    assert "secret://env/SLACK_OLD" in text
    assert "postgresql+psycopg://********@db.example.com/stanch" in text
    assert 'web.host = "127.0.0.2"   # STANCH_WEB__HOST' in text
    assert "web.port = 9000   # stanch.toml" in text
    assert 'web.login = "token"   # default' in text
    assert _run_cli(["config", "show", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["trackers.jira.token"]["value"] == "********"
    assert rows["inventory.*.example.com.criticality"] == {
        "name": "inventory.*.example.com.criticality",
        "value": "high",
        "origin": "stanch.toml",
    }
    assert SECRET not in json.dumps(rows)


def test_config_show_of_a_broken_file(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(place, f'[web]\nport = "{SECRET}"\n')
    assert _run_cli(["config", "show"]) == 3
    captured = capsys.readouterr()
    assert "web.port" in captured.err
    assert SECRET not in captured.out + captured.err
    assert "Traceback" not in captured.err

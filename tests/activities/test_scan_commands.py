"""Nuclei and Schemathesis as commands: what a finding says never becomes an argument, and silence is no proof."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scan_support import HOST, HOSTILE, called_with, finding, program

from activities import nuclei, schemathesis
from activities._command import run
from activities._scan_places import target_of
from stanch.errors import ConfigError, Rejected, RetrySafe

STATS = json.dumps({"templates": "1", "requests": "3", "errors": "0", "matched": "0"}) + "\n"


def nuclei_of(folder: Path, *, binary: str, **more: Any) -> nuclei.Nuclei:
    section = {"kind": "nuclei", "binary": binary, "templates": str(folder), "hosts": [HOST], **more}
    made: nuclei.Nuclei = nuclei.CONNECTOR.build("n", section)
    return made


def schemathesis_of(folder: Path, *, binary: str, **more: Any) -> schemathesis.Schemathesis:
    (folder / "openapi.json").write_text("{}", encoding="utf-8")
    section = {"binary": binary, "schema_file": str(folder / "openapi.json"), "hosts": [HOST], **more}
    made: schemathesis.Schemathesis = schemathesis.CONNECTOR.build("s", section)
    return made


def complete_report(**more: Any) -> dict[str, Any]:
    """A report of Schemathesis 4.32 in its form."""
    counts = {"total": 1, "selected": 1, "tested": 1, "errored": 0, "skipped": 0}
    return {"complete": True, "operations": counts, "failures": [], "errors": [], **more}


def writes(report: object) -> str:
    """The program's body: write the report where the arguments say."""
    return (
        "name = next(a for a in sys.argv if a.startswith('--report-json-path=')).partition('=')[2]\n"
        f"open(name, 'w').write({json.dumps(report)!r})"
    )


BY_SCHEMA = finding(tool={"adapter": "schemathesis", "rule": "ST101"})


# -- how they are called


def test_nuclei_is_called_with_fixed_arguments_and_a_bare_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for scanners")
    binary, called = program(tmp_path, stderr=STATS)
    look = nuclei_of(tmp_path, binary=binary, args=["-rate-limit", "5"], port=8443).rescan(finding())
    assert (look.clean, "no longer matches" in look.why) == (True, True)
    seen = called_with(called)
    assert seen["argv"] == [
        *("-jsonl", "-silent", "-no-color", "-disable-update-check", "-disable-redirects"),
        *("-stats", "-stats-json", "-stats-interval", "1", "-rate-limit", "5"),
        *("-u", "https://localhost:8443", "-u", "https://localhost:8443/users"),
        *("-u", "https://localhost:8443/users/7", "-id", "CVE-2021-44228", "-t", str(tmp_path)),
    ]
    assert set(seen["env"]) - {"LC_CTYPE"} == {"PATH", "HOME", "LANG", "NO_COLOR"}
    assert seen["env"]["HOME"] == seen["cwd"]
    assert not Path(seen["cwd"]).exists()


def test_schemathesis_is_called_with_fixed_arguments(tmp_path: Path) -> None:
    binary, called = program(tmp_path, writes(complete_report()))
    look = schemathesis_of(tmp_path, binary=binary, scheme="http").rescan(BY_SCHEMA)
    assert (look.clean, look.why) == (
        True,
        "schemathesis no longer finds ST101 in GET /users/{id}, with at most 50 cases",
    )
    argv = called_with(called)["argv"]
    assert (argv[0], argv[-1]) == ("run", str(tmp_path / "openapi.json"))
    assert {"--url=http://localhost", "--include-path=/users/{id}", "--max-redirects=0", "--report=json"} <= set(argv)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("where", ["host", "method", "path", "rule"])
def test_a_finding_injects_nothing_into_nuclei(tmp_path: Path, hostile: str, where: str) -> None:
    """Nothing is run at all where a part is not what a careful person would have typed."""
    binary, called = program(tmp_path, stderr=STATS)
    told = finding(tool={"rule": hostile}) if where == "rule" else finding(api={where: hostile})
    if not hostile:
        told |= {"type": "-x"}
        told["tool"]["rule"] = ""
    with pytest.raises(Rejected) as error:
        nuclei_of(tmp_path, binary=binary).rescan(told)
    assert error.value.code == "V024"
    assert not called.exists()


@pytest.mark.parametrize("path", ["/-x", "/a;id", "/@file", "/$HOME", "/a'b", "/--config=x"])
def test_odd_characters_that_urls_may_have_stay_inside_the_url(tmp_path: Path, path: str) -> None:
    binary, called = program(tmp_path, stderr=STATS)
    nuclei_of(tmp_path, binary=binary).rescan(finding(api={"path": path}))
    argv = called_with(called)["argv"]
    assert argv[9:15] == ["-u", "https://localhost", "-u", f"https://localhost{path}", "-id", "CVE-2021-44228"]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("where", ["host", "path_template"])
def test_a_finding_injects_nothing_into_schemathesis(tmp_path: Path, hostile: str, where: str) -> None:
    binary, called = program(tmp_path, writes(complete_report()))
    told = finding(api={where: hostile}, tool={"adapter": "schemathesis", "rule": "ST101"})
    with pytest.raises(Rejected) as error:
        schemathesis_of(tmp_path, binary=binary).rescan(told)
    assert error.value.code == "V024"
    assert not called.exists()


@given(path=st.text(min_size=1, max_size=60), rule=st.text(min_size=1, max_size=40))
def test_no_text_at_all_becomes_another_argument(path: str, rule: str) -> None:
    made = nuclei.Nuclei(nuclei.NucleiConfig(binary="/bin/true", templates=Path("/t"), hosts=(HOST,)))
    try:
        target = target_of(made._config, finding(api={"path": f"/{path}"}, tool={"rule": rule}), tool="nuclei")
        urls = made.command(target, "x")[10:-4]
    except Rejected:
        return
    assert set(urls[::2]) == {"-u"}
    for url in urls[1::2]:
        assert url == "https://localhost" or url.startswith("https://localhost/")
        assert url.isascii()
        assert not set(url) & set(' \t\r\n"`\\<>|{}^')


@pytest.mark.parametrize(
    "host", ["other.example.com", "localhost.evil.example", "evil.example/localhost", "", "127.0.0.1", "*"]
)
def test_only_named_hosts_are_scanned(tmp_path: Path, host: str) -> None:
    binary, called = program(tmp_path, stderr=STATS)
    with pytest.raises(Rejected):
        nuclei_of(tmp_path, binary=binary).rescan(finding(api={"host": host}))
    assert not called.exists()


def test_a_finding_of_another_tool_is_for_another_scanner(tmp_path: Path) -> None:
    binary, _ = program(tmp_path, stderr=STATS)
    with pytest.raises(Rejected) as error:
        nuclei_of(tmp_path, binary=binary).rescan(finding(tool={"adapter": "zap"}))
    assert error.value.code == "V024"
    chosen = nuclei_of(tmp_path, binary=binary, sources=["scans"])
    with pytest.raises(Rejected):
        chosen.rescan(finding())
    assert chosen.rescan(finding(source="scans", tool={"adapter": "zap"})).clean


# -- what their answers mean


@pytest.mark.parametrize(
    ("more", "clean"),
    [
        ({}, False),
        ({"matched-at": "https://localhost/users/7"}, False),
        ({"matched-at": "https://localhost/users/7/?a=b"}, False),
        ({"matched-at": "https://[broken"}, False),
        ({"matched-at": "https://localhost/other"}, True),
        ({"matcher-status": False}, True),
        ({"template-id": "another"}, True),
    ],
)
def test_a_match_of_the_template_at_the_place_is_not_clean(tmp_path: Path, more: dict[str, Any], clean: bool) -> None:
    line = json.dumps({"template-id": "CVE-2021-44228", "matcher-status": True, **more}) + "\n"
    binary, _ = program(tmp_path, stdout=line, stderr=STATS)
    assert nuclei_of(tmp_path, binary=binary).rescan(finding()).clean is clean


def test_a_host_without_a_path_and_a_path_that_is_too_deep(tmp_path: Path) -> None:
    binary, called = program(tmp_path, stderr=STATS)
    made = nuclei_of(tmp_path, binary=binary)
    assert made.rescan(finding(api={"path": ""})).clean
    assert called_with(called)["argv"][9:12] == ["-u", "https://localhost", "-id"]
    with pytest.raises(Rejected):
        made.rescan(finding(api={"path": "/a" * 9}))


@pytest.mark.parametrize(
    ("stdout", "stderr", "status"),
    [
        ("", "", 0),
        ("", STATS, 1),
        ("", STATS.replace('"3"', '"0"'), 0),
        ("", STATS.replace('"errors": "0"', '"errors": "2"'), 0),
        ("", STATS.replace('"templates": "1"', '"templates": "0"'), 0),
        ("", "not json\n[1]\n" + "[" * 20_000, 0),
        ("", json.dumps({"requests": "9" * 50}), 0),
    ],
)
def test_silence_of_nuclei_is_no_proof(tmp_path: Path, stdout: str, stderr: str, status: int) -> None:
    binary, _ = program(tmp_path, stdout=stdout, stderr=stderr, status=status)
    with pytest.raises(RetrySafe):
        nuclei_of(tmp_path, binary=binary).rescan(finding())


FAILURE = {"code": "ST101", "type": "ServerError", "operations": ["GET /users/{id}"]}


@pytest.mark.parametrize(
    ("failures", "clean"),
    [
        ([FAILURE], False),
        ([{**FAILURE, "code": "x", "type": "ST101"}], False),
        ([{**FAILURE, "operations": ["TRACE /users/{id}"]}], True),
        ([{**FAILURE, "code": "ST103", "type": "Other"}], True),
        ([], True),
    ],
)
def test_only_the_same_check_on_the_same_operation_counts(tmp_path: Path, failures: list[Any], clean: bool) -> None:
    binary, _ = program(tmp_path, writes(complete_report(failures=failures)), status=1 if failures else 0)
    assert schemathesis_of(tmp_path, binary=binary).rescan(BY_SCHEMA).clean is clean


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (complete_report(), 2),
        (complete_report(complete=False), 0),
        (complete_report(operations={"tested": 0, "errored": 0}), 0),
        (complete_report(operations={"tested": 1, "errored": 1}), 0),
        (complete_report(operations=None), 0),
        (complete_report(failures=None), 0),
        ([], 0),
        ("x", 0),
    ],
)
def test_a_run_that_was_not_complete_is_no_proof(tmp_path: Path, report: object, status: int) -> None:
    binary, _ = program(tmp_path, writes(report), status=status)
    with pytest.raises(RetrySafe):
        schemathesis_of(tmp_path, binary=binary).rescan(BY_SCHEMA)


def test_a_report_that_was_never_written_is_no_proof(tmp_path: Path) -> None:
    binary, _ = program(tmp_path)
    with pytest.raises(RetrySafe):
        schemathesis_of(tmp_path, binary=binary).rescan(BY_SCHEMA)


# -- bounds


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"while True: open({str(alive)!r}, 'a').write('x'); time.sleep(0.02)"
    body = f"subprocess.Popen([sys.executable, '-c', 'import time\\n' + {child!r}])\ntime.sleep(60)"
    binary, _ = program(tmp_path, body)
    started = time.monotonic()
    with pytest.raises(RetrySafe) as error:
        nuclei_of(tmp_path, binary=binary, timeout=1.5).rescan(finding())
    assert error.value.code == "V026"
    assert time.monotonic() - started < 8
    assert alive.exists()
    size = alive.stat().st_size
    time.sleep(0.3)
    assert alive.stat().st_size == size


def test_a_program_that_writes_without_end_is_ended(tmp_path: Path) -> None:
    binary, _ = program(tmp_path, "while True: sys.stdout.write('x' * 65536)")
    with pytest.raises(RetrySafe) as error:
        run([binary], seconds=30, limit=1024 * 1024)
    assert error.value.code == "V026"


def test_a_file_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    binary, _ = program(tmp_path, f"os.symlink({str(tmp_path / 'secret')!r}, 'wanted')")
    assert run([binary], seconds=10, wanted=["wanted"]).files == {"wanted": ""}


@pytest.mark.parametrize("binary", ["nuclei", "/nonexistent/nuclei", "/etc/passwd"])
def test_a_program_that_is_not_there_is_said_by_doctor_and_run(tmp_path: Path, binary: str) -> None:
    made = nuclei_of(tmp_path, binary=binary)
    assert [check.ok for check in made.doctor()] == [False, True]
    with pytest.raises(Rejected) as error:
        made.rescan(finding())
    assert error.value.code == "V025"


@pytest.mark.parametrize("wrong", [{"hosts": []}, {"timeout": 600}, {"scheme": "file"}, {"unknown": 1}])
def test_sections_are_checked(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        nuclei_of(tmp_path, binary="/bin/true", **wrong)


def test_doctor_of_schemathesis(tmp_path: Path) -> None:
    made = schemathesis_of(tmp_path, binary="/bin/true")
    assert [check.ok for check in made.doctor()] == [True, True]
    (tmp_path / "openapi.json").unlink()
    assert [check.ok for check in made.doctor()] == [True, False]

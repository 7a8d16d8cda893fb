"""The commands that use the API: what they print, and the exit codes that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result
from web_support import Edge, eventually, finding

from stanch.cli import case, decide, lease
from stanch.sandbox.temporal import free_port

Run = Callable[..., Result]


def command(function: Callable[..., None]) -> typer.Typer:
    made = typer.Typer(pretty_exceptions_enable=False)
    made.command()(function)
    return made


@pytest.fixture
def run(whole: Edge) -> Run:
    def invoke(target: typer.Typer | Callable[..., None], *arguments: str, said: str = "") -> Result:
        environment = {"STANCH_URL": whole.url, "STANCH_API_TOKEN": whole.services.api_token}
        app = target if isinstance(target, typer.Typer) else command(target)
        return CliRunner().invoke(app, arguments, env=environment, input=said)

    return invoke


def open_case(whole: Edge, name: str, path: str, **more: Any) -> str:
    api = {"host": "shop.example.com", "method": "GET", "path": path}
    answer = whole.send(finding(uid=name, api=api, **more), delivery_id=name)
    case_id: str = answer.json()["results"][0]["case_id"]
    eventually(lambda: whole.case(case_id)["approvals"] and whole.case(case_id)["case"])
    return case_id


def test_from_a_listed_case_to_a_lifted_block(whole: Edge, run: Run) -> None:
    case_id = open_case(whole, "L-1", "/orders/1")
    listed = run(case.app, "list", "--text", "card numbers")
    assert case_id in listed.stdout

    approved = run(decide.approve, case_id, "--as", "user:maria", "--yes")
    assert (approved.exit_code, approved.stdout.strip()) == (0, "approved by user:maria")
    assert "block.scope" in approved.stderr
    assert "shop.example.com" in approved.stderr

    rows = eventually(lambda: run(lease.app, "list", "--case", case_id).stdout.strip())
    lease_id, state, left, point, what, of = rows.split("\t")
    assert (point, what, of) == ("edge", "GET shop.example.com/orders/{p}", case_id)
    assert left.startswith("1h59m")
    assert state in ("requested", "held")
    shown = run(lease.app, "show", lease_id)
    assert "user" not in shown.stdout or shown.exit_code == 0
    lifted = run(lease.app, "lift", lease_id, "--as", "user:tom", "--reason", "done")
    assert lifted.exit_code == 0
    assert eventually(lambda: run(lease.app, "list", "--case", case_id).stdout == "")


def test_a_script_that_does_not_say_yes_has_not_agreed(whole: Edge, run: Run) -> None:
    case_id = open_case(whole, "L-9", "/orders-nine/1")
    for said in ("n\n", ""):
        answer = run(decide.approve, case_id, "--as", "user:maria", said=said)
        assert (answer.exit_code, "shop.example.com" in answer.stderr) == (1, True)
    assert all(item["request"] for item in whole.case(case_id)["approvals"])
    assert run(decide.approve, case_id, "--as", "user:maria", said="y\n").exit_code == 0


def test_exit_codes_of_decisions(whole: Edge, run: Run) -> None:
    case_id = open_case(whole, "L-2", "/orders-two/1")
    assert run(decide.approve, case_id, "--yes").exit_code == 1  # nobody
    assert run(decide.approve, case_id, "--as", "user:tom", "--yes").exit_code == 1  # not an approver
    assert run(decide.approve, case_id, "other_step", "--as", "user:maria", "--yes").exit_code == 1
    assert run(decide.approve, case_id, "--digest", "ffff", "--as", "user:maria", "--yes").exit_code == 1
    assert run(decide.approve, case_id, "--choose", "maybe", "--as", "user:maria", "--yes").exit_code == 1
    denied = run(decide.deny, case_id, "--as", "user:maria", "--reason", "no", "--json", "--yes")
    assert denied.exit_code == 0
    assert json.loads(denied.stdout)["settled"]["outcome"] == "rejected"
    assert run(decide.deny, case_id, "--as", "user:maria", "--yes").exit_code == 1  # nothing is asked any more


def test_a_case_is_shown_and_told(whole: Edge, run: Run) -> None:
    case_id = open_case(whole, "L-3", "/orders-three/1")
    shown = run(case.app, "show", case_id).stdout
    assert "asks ok: Block GET /orders-three/{p} for 2 hours?" in shown
    assert run(case.app, "comment", case_id, "seen it", "--as", "user:tom").exit_code == 0
    assert run(case.app, "comment", case_id, " ", "--as", "user:tom").exit_code == 2
    assert eventually(lambda: "text=seen it" in run(case.app, "timeline", case_id).stdout)
    assert json.loads(run(case.app, "show", case_id, "--json").stdout)["case_id"] == case_id


def test_untrusted_text_cannot_drive_the_terminal(whole: Edge, run: Run) -> None:
    case_id = open_case(whole, "L-4", "/orders-four/1", title="\x1b[2J[red]x[/red]\u202e\nfake line")
    for result in (run(case.app, "list"), run(case.app, "show", case_id), run(case.app, "timeline", case_id)):
        assert "\x1b" not in result.stdout
        assert "\u202e" not in result.stdout
        assert "\nfake line" not in result.stdout


def test_halt_and_resume(run: Run) -> None:
    assert run(decide.halt, "point:edge", "--reason", "drill", "--as", "user:tom").stdout == "halted: point:edge\n"
    assert run(decide.resume, "point:edge").exit_code == 0
    assert run(decide.resume, "point:edge").exit_code == 1
    assert run(decide.halt, "everything please").exit_code == 2


def test_a_halt_says_when_nothing_has_the_name_and_a_resume_what_is_left(whole: Edge, run: Run) -> None:
    known = run(decide.halt, "point:edge", "--reason", "drill")
    assert (known.exit_code, known.stderr) == (0, "")
    slip = run(decide.halt, "point:egde", "--reason", "drill")
    assert (slip.exit_code, slip.stdout) == (0, "halted: point:egde\n")
    assert "there is no point of the name egde" in slip.stderr
    assert "did you mean point:edge?" in slip.stderr
    assert {halt.scope for halt in whole.records.halts()} == {"point:edge", "point:egde"}, "halted all the same"
    left = run(decide.resume, "all")
    assert (left.exit_code, left.stdout) == (1, "not halted: all\n")
    assert left.stderr == "halted all the same: point:edge, point:egde\n"
    assert run(decide.resume, "point:egde").exit_code == 0
    assert run(decide.resume, "point:edge").stderr == ""
    nonsense = run(decide.halt, "everything please")
    assert (nonsense.exit_code, "write all, or playbook:" in nonsense.stderr) == (2, True)


def test_a_lift_says_what_keeps_the_block_standing(whole: Edge, run: Run) -> None:
    case_id = open_case(whole, "L-20", "/orders-twenty/1")
    run(decide.approve, case_id, "--as", "user:maria", "--yes")
    held = eventually(lambda: [row for row in whole.records.leases(case_id=case_id) if row.state.value == "held"])
    lease_id = held[0].lease.lease_id
    run(decide.halt, "point:edge", "--freeze", "--reason", "look", "--as", "user:tom")
    frozen = run(lease.app, "lift", lease_id, "--as", "user:tom")
    assert (frozen.exit_code, "frozen by user:tom" in frozen.stderr) == (0, True)
    assert "stanch resume point:edge" in frozen.stderr
    run(decide.resume, "point:edge")
    none = eventually(lambda: run(lease.app, "list", "--case", case_id).stderr)
    assert "no block of that case or at that point stands" in none
    assert "left" not in run(lease.app, "show", lease_id).stdout, "it has no time left"
    again = run(lease.app, "lift", lease_id, "--as", "user:tom")
    assert (again.exit_code, "it is lifted already" in again.stderr) == (0, True)


def test_a_name_that_is_misspelt_is_answered_with_what_was_meant(run: Run) -> None:
    bare = run(case.app, "list", "--state", "runing")
    assert (bare.exit_code, "'running'" in bare.stderr) == (2, True)
    assert run(case.app, "list", "--severity", "hihg").exit_code == 2
    nobody = run(decide.halt, "all", "--as", "maria")
    assert (nobody.exit_code, "did you mean user:maria?" in nobody.stderr) == (1, True)
    none = run(case.app, "list", "--owner", "payments")
    assert (none.exit_code, none.stdout, "team:NAME" in none.stderr) == (0, "", True)


def test_an_unknown_case_is_a_no_and_a_missing_service_is_4(run: Run) -> None:
    assert run(case.app, "show", "case-none").exit_code == 1
    away = run(case.app, "list", "--url", f"http://127.0.0.1:{free_port()}")
    assert away.exit_code == 4
    assert "stanch serve" in away.stderr
    assert "Traceback" not in away.stderr


def test_the_installed_command_finds_the_token_by_its_settings(whole: Edge, tmp_path: Path) -> None:
    port = whole.url.rsplit(":", 1)[1]
    config = f'data_dir = "{whole.settings.data_dir}"\n[web]\nport = {port}\n'
    (tmp_path / "stanch.toml").write_text(config, encoding="utf-8")
    program = Path(sysconfig.get_path("scripts")) / "stanch"
    done = subprocess.run(
        [program, "case", "list", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "cases" in json.loads(done.stdout)

"""Settings of one deployment: stanch.toml, overridden by STANCH_* variables; secrets only by reference."""

from __future__ import annotations

import fnmatch
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from stanch.durations import Duration
from stanch.errors import ConfigError, Problem
from stanch.secrets import resolve
from stanch.settings_places import line_of, meant
from stanch.settings_sections import Inventory, PlaybookSettings, Web
from stanch.shapes import is_list, is_mapping

FILE_VARIABLE = "STANCH_CONFIG"
PREFIX = "STANCH_"
NESTING = "__"


class Settings(BaseSettings):
    """Everything a deployment decides; each section's `kind` names its connector.

    Args:
        data_dir: records, spool, evidence and generated keys, where those are not placed elsewhere.
        case_key: secret from which case ids, ledger heads and button tokens are keyed.
        seal_key, seal_key_previous: secrets under which the keys of kept originals are wrapped.
        keep_originals: how long the body of a delivery is kept, encrypted; `0d` keeps none.
        verify_window: how long a case stays open after the fix to absorb redeliveries.
        ocsf_file: JSON lines of remediation activities (OCSF 7001) for a SIEM; none where it is not set.
        approval_cards: how many like requests have a chat card each; the rest share a notice. 0 gives each its card.
        trackers, chat, mail, points, policies, identity, scanners, webhooks: connectors by name.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NESTING, extra="forbid")

    data_dir: Path = Path(".stanch")
    policy_dir: Path = Path("policy")
    playbooks_dir: Path = Path("playbooks")
    records_url: str = ""
    case_key: str = ""
    seal_key: str = ""
    seal_key_previous: tuple[str, ...] = ()
    keep_originals: Duration = timedelta(days=30)
    verify_window: Duration = timedelta(days=7)
    ocsf_file: Path | None = None
    approval_cards: int = Field(default=25, ge=0, le=90)
    web: Web = Web()
    trackers: dict[str, dict[str, Any]] = Field(default_factory=dict)
    chat: dict[str, dict[str, Any]] = Field(default_factory=dict)
    mail: dict[str, dict[str, Any]] = Field(default_factory=dict)
    points: dict[str, dict[str, Any]] = Field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = Field(default_factory=dict)
    identity: dict[str, dict[str, Any]] = Field(default_factory=dict)
    scanners: dict[str, dict[str, Any]] = Field(default_factory=dict)
    webhooks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    inventory: dict[str, Inventory] = Field(default_factory=dict)
    playbooks: dict[str, PlaybookSettings] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment beats the file; there is no other source."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file_of_settings())

    @property
    def url_of_records(self) -> str:
        """SQLAlchemy URL; a file in the data folder where none is set."""
        return self.records_url or f"sqlite:///{(self.data_dir / 'records.db').absolute()}"

    @property
    def public_url(self) -> str:
        return self.web.public_url or self.web.url

    def tracker_kind(self, name: str) -> str:
        """What kind of tracker it is; the directory knows accounts by kind."""
        return str(self.trackers.get(name, {}).get("kind", name))

    def inventory_of(self, host: str) -> Inventory | None:
        """The inventory entry of a host: its own, else the first pattern that matches."""
        if host in self.inventory:
            return self.inventory[host]
        return next((entry for name, entry in self.inventory.items() if fnmatch.fnmatchcase(host, name)), None)


def file_of_settings() -> Path:
    """Where this process's settings are, whether or not the file is there."""
    return Path(os.environ.get(FILE_VARIABLE, "stanch.toml"))


def load_settings() -> Settings:
    """Read the settings of this process.

    Raises:
        ConfigError: C010 (not TOML), C011 (a value is wrong or a name unknown), C012 (no such file); with the place
            and never with a value, since values may be secrets.
    """
    path = file_of_settings()
    if FILE_VARIABLE in os.environ and not path.is_file():
        raise ConfigError(f"{path} does not exist", code="C012", hint=f"{FILE_VARIABLE} names the file")
    unknown = _unknown_variables()
    if unknown:
        raise _wrong([Problem("C011", f"{name}: there is no such setting") for name in unknown])
    try:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(path, str(error)) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path} cannot be read as text", code="C010", hint="it must be readable UTF-8") from None
    except ValidationError as error:
        problems = [_problem(item) for item in error.errors(include_input=False, include_url=False)]
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = f"{PREFIX}{field[1].upper()}" if field else "a STANCH_ variable"
        problems = [Problem("C011", f"{name}: not JSON, which a whole section must be")]
    raise _wrong(problems)


def _wrong(problems: list[Problem]) -> ConfigError:
    text = "; ".join(problem.message for problem in problems)
    hint = "docs/configuration.md lists every setting, docs/connectors.md the keys of each connector"
    return ConfigError(f"settings: {text}", problems=problems, code="C011", hint=hint)


def _no_toml(path: Path, words: str) -> ConfigError:
    where = re.search(r"\(at line (\d+), column (\d+)\)", words)
    line, column = (int(where[1]), int(where[2])) if where else (0, 0)
    problem = Problem("C010", "this is not TOML", file=str(path), line=line, column=column)
    return ConfigError(f"{path} is not TOML", problems=[problem], code="C010", hint="check quotes and brackets")


def _unknown_variables() -> list[str]:
    """Variables that can only be meant as a setting of a section, and no such section is there."""
    own = [name for name in os.environ if name.upper().startswith(PREFIX) and NESTING in name]
    return [
        name for name in own if name.upper()[len(PREFIX) :].partition(NESTING)[0].lower() not in Settings.model_fields
    ]


def _problem(item: Any) -> Problem:
    path = tuple(str(part) for part in item["loc"])
    where = origin_of(path)
    # A validator's own words may quote the value; pydantic's name the type only.
    text = "not a valid value" if item["type"] == "value_error" else item["msg"]
    hint = ""
    if item["type"] == "extra_forbidden":
        text, hint = "there is no such setting", meant(Settings, path)
    if where.startswith(PREFIX):
        return Problem("C011", f"{'.'.join(path)}: {text} (from {where})", hint=hint)
    line = line_of(_text_of_file(), path)
    return Problem("C011", f"{'.'.join(path)}: {text}", str(file_of_settings()), line or 1, 1, hint=hint)


def origin_of(path: Sequence[str]) -> str:
    """Where the value of a setting comes from: a variable, the file, or "default"."""
    given = {name.upper(): name for name in os.environ}
    for length in range(len(path), 0, -1):
        name = PREFIX + NESTING.join(path[:length]).upper()
        if name in given:
            return given[name]
    here: Any = _file_values()
    for part in path:
        if not is_mapping(here) or part not in here:
            return "default"
        here = here[part]
    return str(file_of_settings())


def _file_values() -> Mapping[str, Any]:
    try:
        return tomllib.loads(_text_of_file())
    except ValueError:
        return {}


def _text_of_file() -> str:
    try:
        return file_of_settings().read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def with_secrets(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section with each `secret://` reference replaced by what it names.

    Raises:
        ConfigError: a reference cannot be resolved; its place is named, never a value.
    """
    return {name: _reveal(value) for name, value in section.items()}


def _reveal(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("secret://"):
        return resolve(value)
    if is_mapping(value):
        return with_secrets(value)
    if is_list(value):
        return [_reveal(item) for item in value]
    return value

"""Who owns a finding: places, refinements, overlays, people and deadlines, from one file that tests itself."""

from __future__ import annotations

from stanch.routing._calendar import Calendar, Opening
from stanch.routing._checks_places import place_problems
from stanch.routing._choose import unique, why_not, winner
from stanch.routing._conditions import judge
from stanch.routing._cover import never_win
from stanch.routing._coverage import Coverage, coverage
from stanch.routing._index import Address, Hit, PlaceIndex
from stanch.routing._lint import lint, remarks
from stanch.routing._load import ROUTES_FOLDER, load_route_files, load_routes, read_routes, route_files
from stanch.routing._match import Match, PlaceWords
from stanch.routing._model import Grouping, Inhibit, RoutesFile, RoutesPart, Silence
from stanch.routing._normal import normal_host, normal_path, split_url
from stanch.routing._overlap import Overlap, Relation, host_shape, overlap, same_host
from stanch.routing._people import People
from stanch.routing._place import Place
from stanch.routing._table import Decision, RouteTable, Trace, address_of
from stanch.routing._templates import templates_of
from stanch.routing._tests import TestResult, check
from stanch.routing._walk import Effort

__all__ = [
    "ROUTES_FOLDER",
    "Address",
    "Calendar",
    "Coverage",
    "Decision",
    "Effort",
    "Grouping",
    "Hit",
    "Inhibit",
    "Match",
    "Opening",
    "Overlap",
    "People",
    "Place",
    "PlaceIndex",
    "PlaceWords",
    "Relation",
    "RouteTable",
    "RoutesFile",
    "RoutesPart",
    "Silence",
    "TestResult",
    "Trace",
    "address_of",
    "check",
    "coverage",
    "host_shape",
    "judge",
    "lint",
    "load_route_files",
    "load_routes",
    "never_win",
    "normal_host",
    "normal_path",
    "overlap",
    "place_problems",
    "read_routes",
    "remarks",
    "route_files",
    "same_host",
    "split_url",
    "templates_of",
    "unique",
    "why_not",
    "winner",
]

"""Who owns a finding: places, refinements, overlays, people and deadlines, from one file that tests itself."""

from __future__ import annotations

from stanch.routing._checks_places import place_problems
from stanch.routing._choose import unique, why_not, winner
from stanch.routing._index import Address, Hit, PlaceIndex
from stanch.routing._lint import lint
from stanch.routing._load import load_routes
from stanch.routing._match import Match, PlaceWords
from stanch.routing._model import RoutesFile
from stanch.routing._normal import normal_host, normal_path, split_url
from stanch.routing._overlap import Overlap, Relation, host_shape, overlap, same_host
from stanch.routing._people import People
from stanch.routing._place import Place
from stanch.routing._table import Decision, RouteTable, Trace, address_of
from stanch.routing._templates import templates_of
from stanch.routing._tests import TestResult, check

__all__ = [
    "Address",
    "Decision",
    "Hit",
    "Match",
    "Overlap",
    "People",
    "Place",
    "PlaceIndex",
    "PlaceWords",
    "Relation",
    "RouteTable",
    "RoutesFile",
    "TestResult",
    "Trace",
    "address_of",
    "check",
    "host_shape",
    "lint",
    "load_routes",
    "normal_host",
    "normal_path",
    "overlap",
    "place_problems",
    "same_host",
    "split_url",
    "templates_of",
    "unique",
    "why_not",
    "winner",
]

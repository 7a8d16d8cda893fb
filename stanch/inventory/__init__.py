"""The APIs of this organisation: where they are, what they are made of, how critical they are, and whose."""

from __future__ import annotations

from stanch.inventory._backstage import Entity, add_catalogue, entities, full_owner
from stanch.inventory._catalogue import ApiInventory, standing
from stanch.inventory._checks import warnings_of
from stanch.inventory._draft import Draft, DraftApi
from stanch.inventory._foreign import read_documents
from stanch.inventory._import import Written, read_draft
from stanch.inventory._load import VERSION, load_inventory, parse_inventory, read_below
from stanch.inventory._model import ApiWords, InventoryFile, ResourceWords
from stanch.inventory._openapi import Specification, is_openapi, read_openapi
from stanch.inventory._templates import Template, TemplateTree

__all__ = [
    "VERSION",
    "ApiInventory",
    "ApiWords",
    "Draft",
    "DraftApi",
    "Entity",
    "InventoryFile",
    "ResourceWords",
    "Specification",
    "Template",
    "TemplateTree",
    "Written",
    "add_catalogue",
    "entities",
    "full_owner",
    "is_openapi",
    "load_inventory",
    "parse_inventory",
    "read_below",
    "read_documents",
    "read_draft",
    "read_openapi",
    "standing",
    "warnings_of",
]

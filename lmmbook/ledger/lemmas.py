"""Which result rests on which: the lemmas that steps cite, as a graph without a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from lmmbook.ledger import Table, link, table
from lmmbook.records import load_all

Graph = dict[str, set[str]]


def graph(records: Iterable[Mapping[str, Any]]) -> Graph:
    """Each result's name and the names of the results that its steps cite.

    Raises
    ------
    ValueError
        When a cited title is of no result, or of several elsewhere.
    """
    records = list(records)
    out: Graph = {}
    for r in records:
        cited = {title for line in r.get("lines", []) for title in line["lemmas"]}
        out[r["name"]] = {_named(title, r["chapter"], records) for title in cited}
    return out


def _named(title: str, chapter: str, records: list[Mapping[str, Any]]) -> str:
    """The name of the result with a title, in the same chapter if there is one."""
    found = [r for r in records if r["title"] == title]
    here = [r["name"] for r in found if r["chapter"] == chapter]
    names = here or [r["name"] for r in found]
    if len(names) != 1:
        raise ValueError(f"a step in {chapter} cites {title!r}, which names {len(names)} results")
    return names[0]


def depths(edges: Graph) -> dict[str, int]:
    """How many results stand below each: 0 for one that cites none.

    Raises
    ------
    ValueError
        When results rest on one another in a circle.
    """
    try:
        order = list(TopologicalSorter(edges).static_order())
    except CycleError as error:
        raise ValueError("a circle of results: " + " -> ".join(error.args[1])) from None
    depth: dict[str, int] = {}
    for name in order:
        depth[name] = max((1 + depth[x] for x in edges.get(name, ())), default=0)
    return depth


def lemmas() -> Table:
    """The results that others cite, by how much stands below them, with those that cite them."""
    records = {r["name"]: r for r in load_all()}
    edges = graph(records.values())
    depth = depths(edges)
    rows = []
    for name in sorted(set().union(*edges.values()), key=lambda x: (depth[x], x)):
        users = [link(records[x]) for x in sorted(edges) if name in edges[x]]
        who = ", ".join(p for p, _ in users), ", ".join(h for _, h in users)
        rows.append((link(records[name]), (str(depth[name]),) * 2, who))
    return table(("result", "depth", "cited by"), rows, "Results that others rest on")

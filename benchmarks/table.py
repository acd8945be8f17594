"""A record as a Markdown table."""

from typing import Any

from benchmarks.suites import SUITES

HIDDEN = ("contender", "n", "dim", "settings", "note")


def table(record: dict[str, Any]) -> str:
    """One line for each row, sorted by case; the last column is the cost as a multiple of ours on the same case."""
    suite, rows = SUITES[record["suite"]], record["rows"]
    first = next(iter(suite.contenders))
    measured = list(dict.fromkeys(name for row in rows for name in row if name not in HIDDEN)) or [suite.cost]
    head = [*suite.axes, "settings", "program", *measured, "ratio"]
    lines = [head, ["---"] * len(head)]
    for row in sorted(rows, key=_case):
        ours = next((r for r in rows if _case(r) == _case(row) and r["contender"] == first), {})
        cells = [_number(row[name]) if name in row else "" for name in measured]
        if "note" in row:
            cells[0] = row["note"]
        lines.append([*_about(row), *cells, _ratio(row, ours, suite.cost)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _case(row: dict[str, Any]) -> tuple:
    return row["n"], row["dim"], sorted(row["settings"].items())


def _about(row: dict[str, Any]) -> list[str]:
    settings = ", ".join(f"{k} = {v}" if k != "variant" else str(v) for k, v in row["settings"].items())
    return [f"{row['n']:,}", str(row["dim"]), settings, row["contender"]]


def _ratio(row: dict[str, Any], ours: dict[str, Any], cost: str) -> str:
    return f"{row[cost] / ours[cost]:.3g}" if cost in row and cost in ours else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""report.py DIRECTORY: docs/SURVIVAL.md, on standard output, from what tests/survival/run has left in the
directory: results.tsv, rows.tsv, words.tsv (what each event is) and about.tsv (command, versions)."""
import sys

DIRECTORY = sys.argv[1]
MODES = {
    "both": "Second chance and exceptions",
    "chance": "Second chance alone",
    "single": "One balancer",
    "exceptions": "Exceptions alone",
    "maglev": "Plain Maglev",
}
WHAT = {
    "both": "`encapsulation: gue`, `second_chance: true`; exceptions are recorded as by default.",
    "chance": "`second_chance: true` and `exceptions: off`: the balancers record nothing.",
    "single": "`encapsulation: ipip`, exceptions as by default: what one host does without second chance.",
    "exceptions": "The same with several balancers: what a balancer has not seen itself it cannot know.",
    "maglev": "`encapsulation: ipip` and `exceptions: off`, for comparison: a slot's owner changes at once.",
}
KINDS = ("idle", "trickle", "download", "upload", "http", "http2", "ssh", "mysql")


def table(name, columns):
    with open(f"{DIRECTORY}/{name}.tsv", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return [dict(zip(columns, row)) for row in rows]


cells = table("results", ("mode", "event", "kind", "total", "broken", "allowed", "stall", "how"))
rows = table("rows", ("mode", "event", "verdict", "shown"))
events = table("words", ("event", "may", "words"))
about = table("about", ("what", "value"))
by_cell = {(c["mode"], c["event"], c["kind"]): c for c in cells}
by_row = {(r["mode"], r["event"]): r for r in rows}
modes = [m for m in MODES if any(r["mode"] == m for r in rows)]
kinds = [k for k in KINDS if any(c["kind"] == k for c in cells)]


def line(values):
    print("| " + " | ".join(values) + " |")


def head(names):
    line(names)
    line(["---"] * len(names))


def number(text):
    return f"{int(text):,}"


def sums(mode, event):
    """Of all kinds: 'broken / total'."""
    row = by_row.get((mode, event))
    if not row:
        return "not run"
    mine = [c for c in cells if c["mode"] == mode and c["event"] == event]
    broken = sum(int(c["broken"]) for c in mine)
    allowed = sum(int(c["allowed"]) for c in mine)
    text = f"{broken:,} / {sum(int(c['total']) for c in mine):,}"
    if broken:
        text = f"**{text}**"
    if allowed:
        text += f" ({'all' if allowed == broken else f'{allowed:,}'} its own)"
    return text if not row["verdict"].startswith("not shown") else text + " (" + row["verdict"] + ")"


def cell(mode, event, kind):
    c = by_cell.get((mode, event, kind))
    if not c:
        return "-"
    text = f"{int(c['broken']):,} / {int(c['total']):,}"
    if c["broken"] != "0":
        text = f"**{text}**"
    return f"{text}, {max(0, int(c['stall'])) / 1000:.1f} s"


def summary():
    print("## Broken connections, by event\n")
    print("All kinds together, broken / total.\n")
    head(["event"] + [MODES[m] for m in modes])
    for e in events:
        line([e["event"]] + [sums(m, e["event"]) for m in modes])


def details(mode):
    print(f"\n## {MODES[mode]}\n\n{WHAT[mode]}\n")
    print("Broken / total, and the longest stall: the longest time for which a connection waited for something that was due.\n")
    head(["event"] + list(kinds))
    for e in events:
        if (mode, e["event"]) in by_row:
            line([e["event"]] + [cell(mode, e["event"], k) for k in kinds])


def what_happens():
    print("\n## What each event is, and what shows that it happened\n")
    head(["event", "what happens", "shown by, in the first mode that ran"])
    for e in events:
        row = next((by_row[m, e["event"]] for m in modes if (m, e["event"]) in by_row), None)
        if row:
            line([e["event"], e["words"], row["shown"]])


def broken_how():
    print("\n## How connections broke\n")
    head(["mode", "event", "kind", "broken", "how"])
    for c in cells:
        if c["broken"] != "0":
            line([MODES[c["mode"]], c["event"], c["kind"], number(c["broken"]), c["how"]])


with open(f"{DIRECTORY}/head.md", encoding="utf-8") as file:
    print(file.read())
head(["run", ""])
for a in about:
    line([a["what"], a["value"]])
print()
summary()
for m in modes:
    details(m)
what_happens()
broken_how()

"""Tables in Markdown, made of nothing but the file of results."""

from harness import stats, targets
from harness.measures import UNITS
from harness.titles import TITLES


def table(head, rows):
    """A Markdown table; the first column is text, the others are figures."""
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] + ['--:'] * (len(head) - 1))} |"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def number(figure, digits=3):
    """A figure with so many digits that count, and no exponent."""
    if figure is None:
        return "–"
    if figure >= 10 ** (digits - 1):
        return f"{figure:,.0f}"
    return f"{figure:.{digits}g}"


def whole(found):
    """Everything that was measured."""
    parts = [conditions(found), "## What is to be reached", against(found), "## Figures", figures(found),
             "## What the server spent", costs(found)]
    if absent := missing(found):
        parts += ["## Not measured", absent]
    return "\n\n".join(parts) + "\n"


def conditions(found):
    """Machine, versions and circumstances."""
    here = found["machine"]
    versions = ", ".join(f"{TITLES[name]} {version}" for name, version in found["versions"].items())
    seen = loads(found)
    busy = f"; the load average of the machine was {min(seen):g} to {max(seen):g}" if seen else ""
    return (f"Measured {found['made'][:10]} in one run of `make bench{'' if found['size'] == 'full' else '-quick'}`, which took "
            f"{found['seconds'] // 60} min {found['seconds'] % 60} s{busy}. {here['processor']}, {here['cores']} cores, "
            f"{here['memory_gb']:.0f} GB, {here['system']}, Linux {here['kernel']}, Python {here['python']}. {versions}. Servers and "
            "clients share the cores. Peers take turns within a round; figures are medians of the rounds, ratios the medians of "
            "the ratios within a round.")


def loads(found):
    """The load averages at the beginnings of the measures."""
    return [record["load"] for record in found["measures"]]


def against(found):
    """Each target with its ratio and whether it is reached."""
    rows = []
    for each in targets.verdicts(found):
        target = each.target
        best = "–" if each.best is None else f"{each.best:.2f} ×"
        rows.append([each.title, TITLES.get(target.peer, "–"), _wanted(target), _got(each), best, _reached(each)])
    return (table(["", "against", "at least", "Godwit", "at best", "reached"], rows)
            + "\n\n*At best* is what a server would come to that takes no time at all: the clients share its cores, and their own "
              "processor time stays.")


def _wanted(target):
    if target.at_most:
        return f"{number(target.at_most)} MB at most"
    if target.at_least is None:
        return f"aim {target.aim:g} ×"
    beyond = f", aim {target.aim:g} ×" if target.aim and target.aim != target.at_least else ""
    return f"{target.at_least:g} ×{beyond}"


def _got(each):
    if each.figure is None:
        return "–"
    return f"{number(each.figure)} MB" if each.target.peer is None else f"{each.figure:.2f} ×"


def _reached(each):
    if each.reached is None:
        return each.why.replace("|", "/").replace("\n", " ")[:120]
    return "**yes**" if each.reached else "no"


def figures(found):
    """The median of every measure at every peer."""
    peers = [name for name in TITLES if any(name in record["samples"] for record in found["measures"])]
    rows = []
    for record in found["measures"]:
        for of in (None, "geometric") if record["of"] == "total" else (None,):
            cells = [number(stats.median(targets.values(record, name, of))) for name in peers]
            rows.append([targets.title(record, of), record["unit"], *cells])
    return table(["", "unit", *(TITLES[name] for name in peers)], rows)


def costs(found):
    """Processor time, memory and bytes on the wire of each server; no bytes where its connections did not last."""
    rows = []
    for record in found["measures"]:
        for name, samples in record["samples"].items():
            if "server_cpu" not in samples[0]:
                continue
            size = stats.median([each.get("bytes") for each in samples])
            cpu = stats.median([each["server_cpu"] for each in samples])
            wire = stats.median([each["wire_bytes"] for each in samples])
            count = stats.median([each.get("count") for each in samples])
            per = f"{cpu / (size / 1e9):.2f} s/GB" if size else f"{cpu / count * 1e6:,.0f} µs each" if count else f"{cpu:.2f} s"
            sent = "–" if not wire else f"{wire / count:,.0f} B each" if count else f"{number(wire / 1e6)} MB"
            spread = stats.spread(targets.values(record, name))
            peak = stats.median([each["peak_bytes"] for each in samples]) / 1e6
            rows.append([targets.title(record), TITLES[name], per, f"{number(peak)} MB", sent,
                         "–" if spread is None else f"± {spread:.0%}"])
    return table(["", "server", "processor time", "peak memory", "on the wire", "rounds apart"], rows)


def missing(found):
    """Peers that could not be had, and measures that failed, with their reasons."""
    lines = [f"- {TITLES[name]}: {_line(why)}" for name, why in found["missing"].items()]
    for record in found["measures"]:
        lines += [f"- {TITLES[name]}, {record['title']}: {_line(why)}" for name, why in record["failed"].items()]
    return "\n".join(lines)


def _line(text):
    return " ".join(text.split())[:200]


def short(found):
    """For the README: the targets' subjects in a few rows, each with its figures at Godwit and at the peer."""
    rows = []
    for name, peer in SHORT:
        record = next((each for each in found["measures"] if each["name"] == name), None)
        if record is None:
            continue
        ours, theirs = targets.values(record, "godwit"), targets.values(record, peer)
        ratio = stats.ratio(ours, theirs, higher_is_better=UNITS[record["unit"]])
        unit = record["unit"]
        shown = f"{ratio:.2f} ×" if ratio else "–"
        rows.append([targets.title(record), f"{number(stats.median(ours))} {unit}", TITLES[peer],
                     f"{number(stats.median(theirs))} {unit}" if theirs else "–", shown])
    here = found["machine"]
    when = (f"{found['made'][:10]}, {here['processor']}, {here['cores']} cores, one run of `make bench"
            f"{'' if found['size'] == 'full' else '-quick'}` at a load average of up to {max(loads(found), default=0):g}:")
    return f"{when}\n\n" + table(["", "Godwit", "beside", "there", "how many times better"], rows)


# The measures of the README, and the peer that each is shown with.
SHORT = (
    ("get-numeric-pyarrow-1", "reference"), ("get-strings-pyarrow-2", "reference"), ("get-numeric-adbc-1", "reference"),
    ("lineitem", "sail"), ("lineitem", "duckdb"), ("tpch", "sail"), ("tpch", "duckdb"), ("select-1-4", "sail"), ("point-4", "roapi"),
    ("ten-rows-8", "reference"), ("put-1", "reference"), ("ingest-lineitem", "quack"), ("ingest-lineitem", "duckdb"),
    ("insert-1", "quack"), ("insert-8", "postgres"),
)

"""The page that sizes a machine: figures that other pages measured, and tables that are made of them by formula.

A :class:`Figure` has the words of the page that it comes from; :func:`unfounded` names those whose page does not say
so any more. What a model takes comes from :mod:`gateway.fleet.fit`, as ``sekisho models fit`` counts it. Nothing is
written here that is neither measured nor made from what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.fleet.fit.memory import Price, Wish, price_of
from gateway.fleet.fit.shape import Layer, Shape, Tensor

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
MIB, GIB, GB = 1024**2, 1024**3, 10**9
_BITS = {"Q4_K": 4.5, "Q8_0": 8.5, "F32": 32.0}  # ggml: 144 bytes for 256 weights, 34 for 32


@dataclass(frozen=True)
class Figure:
    """``value`` in ``unit``; ``words`` stand in ``page``, from ``docs/``, and hold it."""

    what: str
    value: float
    unit: str
    on: str
    page: str
    words: str


VM = "2 cores (Xeon, virtual), shared with the load generator"
VM_ALONE = "2 cores (Xeon, virtual)"
EPYC = "2 cores (EPYC, virtual), beside other work"
FIGURES = {
    "all": Figure(
        "requests, everything on, 16 callers", 164, "a second", VM, "benchmarks.md", "15.55 | 164 | 2.3× | 178 | 584"
    ),
    "no_detection": Figure(
        "the same, all but detection", 995, "a second", VM, "benchmarks.md", "2.93 | 995 | 14.2× | 1,092 | 146"
    ),
    "added": Figure(
        "time added before a first byte, everything on, p50", 5.44, "ms", VM, "benchmarks.md", "everything on | 5.44"
    ),
    "memory": Figure(
        "memory of the gateway with OPA and detectors, under load", 584, "MiB", VM, "benchmarks.md", "178 | 584 |"
    ),
    "stream": Figure("memory of a stream that is open", 10, "KiB", VM, "benchmarks.md", "510.1 | 6.2 | 10 | 15.4"),
    "one": Figure(
        "tokens of the demonstration model, one caller",
        48.5,
        "a second",
        VM,
        "benchmarks.md",
        "through Sekisho | 1 | 48.5 | 0.997",
    ),
    "eight": Figure(
        "the same, eight callers together", 61.6, "a second", VM, "benchmarks.md", "through Sekisho | 8 | 61.6 | 0.943"
    ),
    "records": Figure(
        "durable records, one process", 13800, "a second", VM, "benchmarks.md", "| 13,800 (9,300 to 10,300"
    ),
    "bundle": Figure(
        "a bundle with the demonstration model", 518.7, "MB", VM_ALONE, "how-to/build-a-bundle.md", "518.7 MB, glibc"
    ),
    "installed": Figure(
        "an installed version on the disk", 1.7, "GB", VM_ALONE, "how-to/install-a-bundle.md", "1.7 GB on the disk"
    ),
    "install_memory": Figure(
        "memory while it is installed, at most",
        650,
        "MB",
        VM_ALONE,
        "how-to/install-a-bundle.md",
        "650 MB of memory at most",
    ),
    "search": Figure("index of 10 million records", 582, "MB", VM_ALONE, "benchmarks.md", "load 2 to 3, 582 MB"),
    "log": Figure(
        "log of a request, as it is written",
        2705.1,
        "bytes",
        EPYC,
        "benchmarks.md",
        "| 8,000 | 2,705.1 | 223.0 | 206.3",
    ),
    "packed": Figure("the same, packed", 223.0, "bytes", EPYC, "benchmarks.md", "| 8,000 | 2,705.1 | 223.0 | 206.3 |"),
    "index": Figure("index of a request", 206.3, "bytes", EPYC, "benchmarks.md", "| 8,000 | 2,705.1 | 223.0 | 206.3 |"),
}


@dataclass(frozen=True)
class Dense:
    """A decoder with grouped heads, as most open models are; all matrices of one type. ``name`` is its size."""

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int
    head: int = 128
    kind: str = "Q4_K"

    def shape(self) -> Shape:
        """Return it as the header of such a file would say it."""
        tensors = tuple(self._tensors())
        kept = tuple(Layer(self.kv_heads * self.head, self.kv_heads * self.head, 0, 0) for _ in range(self.layers))
        counts = (131072, self.width, self.heads, self.head, self.inner, 0, 0, self.vocabulary, 0)
        return Shape("llama", *counts, kept, tensors, rough=False)

    def _tensors(self) -> Iterator[Tensor]:
        queries, keys = self.heads * self.head, self.kv_heads * self.head
        block = {
            "attn_q": (self.width, queries),
            "attn_k": (self.width, keys),
            "attn_v": (self.width, keys),
            "attn_output": (queries, self.width),
            "ffn_gate": (self.width, self.inner),
            "ffn_up": (self.width, self.inner),
            "ffn_down": (self.inner, self.width),
        }
        rows = [("token_embd", (self.width, self.vocabulary), -1), ("output", (self.width, self.vocabulary), -1)]
        rows += [(f"blk.{n}.{name}", dims, n) for n in range(self.layers) for name, dims in block.items()]
        start = 0
        for name, dims, layer in rows:
            size = int(math.prod(dims) * _BITS[self.kind] / 8)
            yield Tensor(f"{name}.weight", dims, self.kind, size, start, layer)
            start += size


MODELS = (
    Dense("1 billion", 16, 2048, 32, 8, 8192, 128256, head=64),
    Dense("8 billion", 32, 4096, 32, 8, 14336, 128256),
    Dense("8 billion, Q8_0", 32, 4096, 32, 8, 14336, 128256, kind="Q8_0"),
    Dense("14 billion", 48, 5120, 40, 8, 13824, 152064),
    Dense("32 billion", 64, 5120, 40, 8, 27648, 152064),
    Dense("70 billion", 80, 8192, 64, 8, 28672, 128256),
)
"""Sizes and numbers of layers, widths and heads as open models of these sizes have them."""

WISHES = (Wish(4096, 4), Wish(8192, 8), Wish(32768, 4))


@dataclass(frozen=True)
class Site:
    """An example. Requests are those of one user in a working hour; a peak is so many times the mean."""

    users: int
    requests_an_hour: int = 12
    peak: int = 3
    answer_tokens: int = 300
    hours: int = 8
    days: int = 365  # audit.retention.default.longest_days
    working_days: int = 220

    @property
    def peak_requests(self) -> float:
        """Requests a second."""
        return self.users * self.requests_an_hour * self.peak / 3600

    @property
    def tokens(self) -> float:
        """Tokens a second that the engines must make at the peak."""
        return self.peak_requests * self.answer_tokens

    @property
    def kept_requests(self) -> int:
        """Requests that lie in the log at its longest age."""
        return self.users * self.requests_an_hour * self.hours * self.working_days * self.days // 365


SITES = (Site(20), Site(200), Site(2000))


def price(model: Dense, wish: Wish) -> Price:
    """Return what a load takes, as ``sekisho models fit`` counts it."""
    return price_of(model.shape(), wish)


def file_bytes(model: Dense) -> int:
    """Return the weights' bytes."""
    return sum(tensor.bytes for tensor in model.shape().tensors)


def cores(site: Site) -> float:
    """Return cores for all but engines: measured requests a second by two cores, taken to grow with the cores."""
    return site.peak_requests / (FIGURES["all"].value / 2)


def log_bytes(site: Site) -> float:
    """Return bytes of log and index at the longest age: packed."""
    return site.kept_requests * (FIGURES["packed"].value + FIGURES["index"].value)


def unfounded() -> list[str]:
    """Return the figures whose page does not have their words, or whose words do not have their value."""
    found = []
    for name, figure in FIGURES.items():
        text = (DOCS / figure.page).read_text(encoding="utf-8")
        if not figure.words or figure.words not in text or f"{figure.value:,}" not in figure.words:
            found.append(name)
    return found


HEAD = """\
# Size a machine

How many cores, how much memory and how much disk. First what was measured, and on what; then what follows from
it, with the formula. Nothing else is in these tables. Where a figure is not measured, it says so: measure it on
your machine with [`sekisho bench`](../how-to/measure.md), `sekisho models fit` and `sekisho doctor`.

![From users to cores, memory and disk](../img/sizing.svg)

## What was measured

Virtual machines with two cores, 23 GiB, Debian 12. Each row's page says how and when.

| What | Figure | On | From |
| --- | ---: | --- | --- |
"""

NOT_MEASURED = """
**Not measured**: GPUs; more than two cores; several workers on as many cores ([on two
cores](../benchmarks.md#what-more-workers-bring), busy with other work, two of them did 1.54 times of one with
Redis); models of more than 1.2 GiB of weights. What is below for those is extrapolated by the formula that
stands there. The requests that were measured are a sentence long: longer texts take detection
[as much longer](../privacy/measurements.md).

## What a model takes

By the sums of `sekisho models fit` from headers of these shapes, on a processor with AVX2: weights, cache of
past tokens, buffers and process. **Predicted, not loaded**: seven smaller shapes, [loaded for
real](../explanation/what-fits.md#how-close-it-comes), took at most 16 MiB less than predicted. A file of
several types (Q4_K_M) is a little larger than one of Q4_K alone.

"""

MODELS_TAIL = """
The cache grows as context × slots: a context four times as long takes four times the cache, on every slot. Ask
for your own file, before you buy memory for it, on any machine that has it:

```bash
sekisho models fit
sekisho models fit --context 8192 --slots 8 --json
```

## How fast an engine answers

On two cores the demonstration model (98 MB of weights) makes 48.5 tokens a second for one caller, 61.6 for
eight together. A larger one is read whole for each token: **tokens a second, one caller, at most** = 48.5 × 98
MB ÷ its weights. That is extrapolated from one model, and is an upper end for two such cores:

"""

SITE_HEAD = """
More cores and faster memory raise it, up to what the memory gives; nobody measured how far here. If it is too
little for your users, you need a GPU, machines that [join](../how-to/joined-nodes.md), or an engine that others
of your house run.

## Three sites

Of one user in a working hour {requests_an_hour} requests, at the peak {peak} times as many, answers of
{answer_tokens} tokens, {hours} hours a day, {working_days} days a year, records kept {days} days: assumptions,
put your own in their place.

| | Formula |{names}
| --- | --- |{dashes}
"""

DISK = """
The log is written before a prompt leaves, and packed once a bundle of 256 records is full and a minute old: the packed
size counts, with the index. [Measured](../benchmarks.md#what-a-request-leaves-on-the-disk) with a text of a
sentence, a name and an address in every second one; a record holds counts and never the text, so a longer text
makes it hardly longer. Many keys and models compress less well than the one of that measurement: the size as written
is the upper end. A site with more than 10 million records in its index was not measured.
Records under `cross_border` lie up to four years: count those apart.

## Memory, put together

| What | How much |
| --- | --- |
| gateway, OPA, detectors | {memory} MiB; for each further worker at most as much again |
| streams | {stream} KiB for each that is open: 5 MiB for 512 |
| models that are loaded at once | the table above; `fleet.memory_mib` bounds them |
| kept free | 5 % of what is free, and at least 256 MiB, are never planned with |
| an update | while the new version is tried beside the old one: a second gateway, and the model once more |

`sekisho doctor` asks for the model's size and 1.5 GiB beside it, and for 2 GiB of disk at the data folder.
"""


def page() -> str:
    """Return the whole page."""
    return "".join((HEAD, _measured(), NOT_MEASURED, _models(), MODELS_TAIL, _speeds(), _sites(), _disk()))


def _measured() -> str:
    rows = []
    for figure in FIGURES.values():
        link = f"[{Path(figure.page).stem.replace('-', ' ')}](../{figure.page})"
        rows.append(f"| {figure.what} | {figure.value:,} {figure.unit} | {figure.on} | {link} |\n")
    return "".join(rows)


def _models() -> str:
    heads = "".join(f" {wish.context_tokens:,} × {wish.slots} |" for wish in WISHES)
    table = f"| Shape | Weights | Per token |{heads}\n| --- | ---: | ---: |{' ---: |' * len(WISHES)}\n"
    for model in MODELS:
        each = 2 * model.layers * model.kv_heads * model.head * 2 // 1024  # keys and values, F16
        takes = "".join(f" {price(model, wish).total() / GIB:.1f} GiB |" for wish in WISHES)
        table += f"| {model.name} | {file_bytes(model) / GB:.1f} GB | {each} KiB |{takes}\n"
    return table


def _speeds() -> str:
    table = "| Weights | Tokens a second, one caller, at most |\n| ---: | ---: |\n"
    return table + "".join(f"| {gb} GB | {speed(gb * GB):.1f} |\n" for gb in (0.5, 1, 2.5, 5))


def speed(weights: float) -> float:
    """Return tokens a second of one caller, at most: from the demonstration model's, by bytes of weights."""
    return FIGURES["one"].value * DEMONSTRATION_BYTES / weights


DEMONSTRATION_BYTES = 98_362_432  # models/smollm2-135m-instruct.yaml


def _sites() -> str:
    first = SITES[0]
    words = {name: getattr(first, name) for name in Site.__dataclass_fields__ if name != "users"}
    words["names"] = "".join(f" {site.users:,} users |" for site in SITES)
    words["dashes"] = " ---: |" * len(SITES)
    columns = [_needed(site) for site in SITES]
    lines = (f"| {row} |" + "".join(f" {column[row]} |" for column in columns) + "\n" for row in columns[0])
    return SITE_HEAD.format(**words) + "".join(lines)


def _needed(site: Site) -> dict[str, str]:
    """Return what a site needs, by row: what it is, and its formula."""
    return {
        "requests a second at the peak | users × requests × peak ÷ 3600": f"{site.peak_requests:.1f}",
        "cores for the gateway, detection on | ÷ 82, half of what two cores did": f"{cores(site):.2f}",
        "tokens a second from the engines | × tokens of an answer": f"{site.tokens:,.0f}",
        "requests in the log | of a year": f"{site.kept_requests:,}",
        "log and index | × bytes of a request, packed, with index": f"{log_bytes(site) / GB:.2f} GB",
        "disk for two versions | 2 × 1.7 GB: one can be gone back to": f"{2 * FIGURES['installed'].value} GB",
    }


def _disk() -> str:
    return DISK.format(memory=f"{FIGURES['memory'].value:,}", stream=f"{FIGURES['stream'].value:,}")

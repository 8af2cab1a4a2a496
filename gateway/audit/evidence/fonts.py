"""Fonts of this machine for Japanese and Chinese, so that a report's PDF carries its characters with it.

Looked for is what Debian's packages put where they always put it, and only TrueType outlines, which can be embedded in
part; Noto's CJK fonts have others. Without one a PDF names the fonts that a reader of PDF brings along, and what there
is no such font for stays empty on paper.
"""

from __future__ import annotations

from pathlib import Path

_SHARE = Path("/usr/share/fonts")
_BOTH = ("truetype/droid/DroidSansFallbackFull.ttf",)

PACKAGES = {"ja": "fonts-ipafont-gothic", "zh": "fonts-wqy-zenhei"}
"""By language: the Debian package that brings a font for it."""

FILES = {
    "ja": ("opentype/ipaexfont-gothic/ipaexg.ttf", "opentype/ipafont-gothic/ipag.ttf", *_BOTH),
    "zh": ("truetype/wqy/wqy-zenhei.ttc", "truetype/wqy/wqy-microhei.ttc", *_BOTH),
}
"""By language: files below the folder of fonts, the best first."""


def needs_font(language: str) -> bool:
    """Whether reports in this language have characters that no PDF reader is bound to have."""
    return language in FILES


def font_for(language: str, share: Path = _SHARE) -> Path | None:
    """Return the font of this machine for a language; ``None`` where there is none, or none is needed."""
    return next((share / name for name in FILES.get(language, ()) if (share / name).is_file()), None)


def mend(language: str) -> str:
    """Return how to get a font for a language."""
    return f"apt-get install {PACKAGES[language]}, or name a TrueType font with --font."

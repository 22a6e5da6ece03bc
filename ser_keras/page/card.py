"""A model's CARD.md as HTML: the few forms of Markdown that cards have, and nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def card_html(text: str) -> str:
    """Return a card as HTML, without its first heading and without anything that is not text.

    Args:
        text: Markdown with headings, paragraphs, lists, tables and fenced code.

    Example:
        >>> card_html("# A model\\n\\n## Limits\\n\\nIt *errs*, <often>.")
        '<h3>Limits</h3>\\n<p>It <em>errs</em>, &lt;often&gt;.</p>'
    """
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    blocks = re.split(r"\n\s*\n", re.sub(r"^# .*\n", "", text.strip()))
    return "\n".join(part for block in blocks for part in _block(block.strip()))


def _block(block: str) -> Iterator[str]:
    lines = block.splitlines()
    if not lines:
        return
    if block.startswith("```"):
        inside = [line for line in lines if not line.startswith("```")]
        yield f"<pre>{html.escape(chr(10).join(inside))}</pre>"
    elif block.startswith("#"):
        yield f"<h3>{_inline(lines[0].lstrip('# '))}</h3>"
        yield from _block("\n".join(lines[1:]))
    elif block.startswith("|"):
        yield '<div class="scroll"><table>'
        for i, line in enumerate(line for line in lines if not re.fullmatch(r"[|\s:-]+", line)):
            cell = "td" if i else "th"
            cells = (_inline(value.strip()) for value in line.strip().strip("|").split("|"))
            yield "<tr>" + "".join(f"<{cell}>{value}</{cell}>" for value in cells) + "</tr>"
        yield "</table></div>"
    elif block.startswith("- "):
        items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
        yield "<ul>" + "".join(f"<li>{_inline(item.strip())}</li>" for item in items) + "</ul>"
    else:
        yield f"<p>{_inline(block)}</p>"


def _inline(text: str) -> str:
    """Return a line of text as HTML; a link becomes its text, since the page opens no other."""
    text = html.escape(_LINK.sub(r"\1", text), quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"(?<!\w)\*([^*\n]+)\*(?!\w)", r"<em>\1</em>", text)

"""What is known of a model, as HTML: its CARD.md, and how far it can be trusted in a few sentences.

Cards have a few forms of Markdown, and nothing else is read.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from ser_keras.reliability import Reliability

FEW = 10  # voices; fewer stand for no others
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
    text = re.sub(r"^# .*\n", "", text.strip())
    blocks: list[str] = []
    for i, piece in enumerate(re.split(r"^```.*\n", text, flags=re.MULTILINE)):
        blocks += [f"```{piece}"] if i % 2 else re.split(r"\n\s*\n", piece)
    return "\n".join(part for block in blocks for part in _block(block.strip()))


def trust_html(reliability: Reliability | None, n_labels: int) -> str:
    """Return how often a model is right on voices that it does not know, in plain words.

    Args:
        reliability: What was measured; None for nothing.
        n_labels: Number of the model's emotions.

    Example:
        >>> trust_html(None, 4).endswith("4 emotions would be right in 25 of 100 recordings.</p>")
        True
    """
    guess = f"Guessing among its {n_labels} emotions would be right in {100 / n_labels:.0f}"
    plain = reliability.plain if reliability else None
    if reliability is None or plain is None:
        nobody = "Nobody measured how often this model is right on voices that it does not know."
        return f"<p>{nobody} {guess} of 100 recordings.</p>"
    right, count = (f"<strong>{100 * value:.0f}</strong>" for value in (plain.overall, plain.right))
    sentences = [
        f"Models made like this one were tried on {plain.speakers} voices that they had never "
        f"heard. They named the right emotion in {right} of 100 recordings. {guess}.",
        f"In {100 * (1 - plain.answered):.0f} of 100 recordings, two emotions come out too close "
        "to each other, and the answer is <em>unsure</em>. "
        f"Of 100 other answers, {count} are right.",
    ]
    if plain.speakers < FEW:
        sentences.append("So few voices say little of others.")
    if reliability.adapted:
        used_to = f"<strong>{100 * reliability.adapted.overall:.0f}</strong> of 100"
        sentences.append(f"Once they were adapted to the voice, they were right in {used_to}.")
    return f"<p>{' '.join(sentences)}</p>"


def _block(block: str) -> Iterator[str]:
    lines = block.splitlines()
    if not lines:
        return
    if block.startswith("```"):
        yield f'<pre tabindex="0">{html.escape(block[3:])}</pre>'
    elif block.startswith("#"):
        yield f"<h3>{_inline(lines[0].lstrip('# '))}</h3>"
        yield from _block("\n".join(lines[1:]))
    elif block.startswith("|"):
        yield '<div class="scroll" tabindex="0"><table>'
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
    """Return a line of text as HTML; the page opens no other, so of a link its words are left.

    An address on the web follows them in brackets, to be copied.
    """
    text = _LINK.sub(lambda link: link[1] + (f" ({link[2]})" if "://" in link[2] else ""), text)
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"(?<!\w)\*([^*\n]+)\*(?!\w)", r"<em>\1</em>", text)

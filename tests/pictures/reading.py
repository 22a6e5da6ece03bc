"""What a test reads in a figure."""

import dataclasses

import numpy as np

EIGHT = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def texts(figure):
    """Return the visible texts of a figure with their boxes."""
    from matplotlib.text import Text

    hidden = set()  # ticks beyond the ends of an axis have a text too
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        hidden |= {t.label1 for t in axis.get_major_ticks() if not low <= t.get_loc() <= high}
    visible = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return {t: t.get_window_extent() for t in visible if t not in hidden}


def overlaps(boxes):
    """Return the pairs of texts that overlap; tilted labels are left out."""
    flat = {t: box.shrunk(0.98, 0.9) for t, box in boxes.items() if not t.get_rotation() % 90}
    names = [t.get_text() for t in flat]
    x0, y0, x1, y1 = np.array([box.extents for box in flat.values()]).T
    before = (x1[:, None] < x0) | (y1[:, None] < y0)  # the first ends before the second begins
    pairs = np.argwhere(np.triu(~(before | before.T), 1))
    return [(names[i], names[j]) for i, j in pairs]


def text_in(figure):
    """Return all texts of a figure as a set."""
    return {text.get_text() for text in texts(figure)}


def changed(index, **columns):
    """Return an index with columns replaced, only with the clips for which `where` is true."""
    where = columns.pop("where", slice(None))
    table = index.table[where].reset_index(drop=True).assign(**columns)
    return dataclasses.replace(index, table=table.astype(index.table.dtypes))

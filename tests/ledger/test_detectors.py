"""The tables of the two detectors of speech count what was stored, row by row."""

import pytest

from ser_keras.ledger import detectors

ROWS = [
    {"of": "speed", "rate": 22_050, "own": 1_500, "earshot": 500},
    {"of": "sound", "sound": "drums", "own": 0.0, "earshot": 0.25},
    *(
        {"of": "change", "corpus": corpus, "change": change, "clips": 10, "agreement": share}
        | {"own": 1, "earshot": 3}
        for corpus, share in (("tess", 0.9), ("savee", 0.8))
        for change in (detectors.NO_CHANGE, "telephone 8 kHz")
    ),
    {"of": "emotion", "emotion": "sad", "clips": 4}
    | {"own": {"heard": 0.9, "lost": 0}, "earshot": {"heard": 0.8, "lost": 2}},
]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("speech-speed", ["22.05 kHz", "1,500x", "500x", "3.0x"]),
        ("speech-sounds", ["drums", "0.00", "0.25"]),
        ("speech-emotions", ["sad", "4", "0.900", "0.800", "0", "2"]),
    ],
)
def test_each_kind_of_row_has_a_table(name, line):
    table = detectors.TABLES[name](ROWS)
    assert table.rows == [line]
    assert len(table.header) == len(line)


def test_the_corpora_of_a_change_stand_together_above_their_sum():
    rows = detectors.by_change(ROWS).rows
    assert [row[:2] for row in rows] == [
        [change, corpus]
        for change in ("as they are", "telephone 8 kHz")
        for corpus in ("tess", "savee", "all")
    ]
    assert rows[2][2:] == ["20", "0.850", "2", "6"]

"""Which sounds get a remark, as it is stored and shown."""

from ser_keras.ledger import adapted_reliability, far


def test_a_line_shows_any_remark_and_each():
    shares = {"remark": 0.5, "unlike all": 0.125, "narrow": 0.5, "high": 0.0, "most": 1.0}
    row = {"sound": "telephone", "amount": "8 kHz", "clips": 60, **shares}
    table = far.table([row])
    assert table.rows == [["telephone", "8 kHz", "60", "0.50", "0.12", "0.50", "0.00", "1.00"]]
    assert len(table.header) == len(table.rows[0])
    assert not far.table([]).rows


def test_telephones_and_high_voices_of_corpora_left_out_are_noted_and_few_others():
    stored = {(row["sound"], row["amount"]): row for row in adapted_reliability.read()["far"]}
    assert stored["telephone", "8 kHz"]["narrow"] > 0.95
    assert stored["sample rate", "8 kHz"]["narrow"] > 0.95
    assert stored["played faster", "x 1.6"]["high"] > 0.4
    assert stored["white noise", "0 dB"]["unlike all"] == 1
    assert stored[far.UNCHANGED, ""]["remark"] < 0.06


def test_sounds_are_those_of_the_stress_card_and_faster_ones():
    names = [(sound.kind, sound.amount) for sound in far.SOUNDS]
    assert len(set(names)) == len(names)
    assert ("telephone", "8 kHz") in names
    assert names[-1] == ("played faster", "x 1.6")

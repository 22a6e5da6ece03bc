"""The notebook runs from its first cell to its last."""

import json
from pathlib import Path

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "use_a_model.ipynb"


def test_every_cell_of_the_notebook_runs(monkeypatch, capsys):
    monkeypatch.chdir(NOTEBOOK.parent)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []  # nothing that somebody else ran
            exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)
    assert names["table"]["label"].notna().all()
    assert any(row.label == "no speech" for row in names["rows"])
    assert (names["out"] / "notebook.png").is_file()
    assert "train" in capsys.readouterr().out

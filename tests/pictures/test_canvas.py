"""Drawing needs no screen, and emotions have one order."""

import subprocess
import sys

from ser_keras.pictures.canvas import ordered


def test_drawing_needs_neither_a_screen_nor_pyplot(tmp_path):
    code = (
        "import sys, pandas as pd; from ser_keras import pictures;"
        "assert 'matplotlib' not in sys.modules;"
        "h = pd.DataFrame({'epoch': [1], 'loss': [1.0], 'accuracy': [0.5], 'val_loss': [1.0],"
        " 'val_accuracy': [0.5]});"
        f"pictures.training_history(h, {str(tmp_path / 'h.png')!r}, 'title', best_epoch=1);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_emotions_stand_in_the_order_of_the_vocabulary_and_others_after_them():
    assert ordered(["zeal", "sad", "amused", "neutral", "sad"]) == [
        "neutral",
        "sad",
        "amused",
        "zeal",
    ]

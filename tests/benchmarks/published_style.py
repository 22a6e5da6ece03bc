"""A script of the usual style, for comparison: it imports everything and loops over the files.

python -m tests.benchmarks.published_style MODEL OUT PATH...

It labels the recordings with a run of `attention-tess`. Of several recordings it also prints
scikit-learn's report and draws the confusion matrix; the emotions are read from the names of the
files. It is what a user would write, and no model of good style.
"""

import json
import os
import sys

import keras
import librosa
import matplotlib
import numpy as np
import tensorflow as tf  # noqa: F401  what such scripts begin with

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, classification_report, confusion_matrix

from ser_keras.layers import AttentionPooling

SPELLINGS = {"fear": "fearful", "ps": "surprised"}
FRAMES = 130


def load_features(path, n_mfcc=40):
    samples, rate = librosa.load(path, duration=3, offset=0.5)
    mfcc = librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=n_mfcc)
    if mfcc.shape[1] < FRAMES:
        mfcc = np.pad(mfcc, ((0, 0), (0, FRAMES - mfcc.shape[1])))
    return mfcc[:, :FRAMES]


def label_of(path):
    word = os.path.splitext(os.path.basename(path))[0].split("_")[-1].lower()
    return SPELLINGS.get(word, word)


def main(model_folder, out, paths):
    attention = {"AttentionPooling": AttentionPooling}
    model = keras.models.load_model(
        os.path.join(model_folder, "model.keras"), custom_objects=attention
    )
    with open(os.path.join(model_folder, "bundle.json"), encoding="utf-8") as stream:
        settings = json.load(stream)
    labels = settings["labels"]
    (mean,), (deviation,) = settings["normalization"]["mean"], settings["normalization"]["std"]

    predicted = []
    for path in paths:
        features = (load_features(path) - mean) / deviation
        probabilities = model.predict(features[np.newaxis, ..., np.newaxis], verbose=0)
        predicted.append(labels[int(np.argmax(probabilities))])
    if len(paths) == 1:
        print(predicted[0])
        return

    truth = [label_of(path) for path in paths]
    print(classification_report(truth, predicted, labels=labels, digits=4, zero_division=0))
    matrix = confusion_matrix(truth, predicted, labels=labels)
    figure, axes = plt.subplots(figsize=(8, 7))
    ConfusionMatrixDisplay(matrix, display_labels=labels).plot(ax=axes, cmap="Blues")
    figure.savefig(os.path.join(out, "confusion_matrix_test.png"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

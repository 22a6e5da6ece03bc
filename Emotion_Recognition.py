"""Train a published speech-emotion system and score it: python Emotion_Recognition.py --help."""

from ser_keras.cli import train

if __name__ == "__main__":
    train.main()

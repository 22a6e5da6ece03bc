"""Label recordings with a trained model, or evaluate it: python Use_Our_Model.py --help."""

from ser_keras.cli import use

if __name__ == "__main__":
    use.main()

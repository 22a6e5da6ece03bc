"""What a recording may go through before a model hears it: noise, rooms, telephones, codecs.

Each change is a function of a recording and a random generator, so that it can be repeated. Where
a step of `augment` does the same, that step is taken, with one value in place of a range.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ser_keras import audio
from ser_keras.augment import Gain, NoiseAtSNR, PitchShift, Reverberation, TimeStretch

SNRS_DB = (20, 10, 5, 0)
VOICES = 6  # that babble is made of
_TRIM_DB = 40  # below the loudest frame is silence
_MP3_RATE, _MP3_KBIT = 22_050, (8, 160)  # a rate of MPEG-2, and the bit rates that it has
_OPUS_RATE, _OPUS_KBIT = 48_000, (6, 256)

Sound = tuple[np.ndarray, int]  # float32 (samples,), and their rate in Hz
Voices = Callable[[], Iterable[np.ndarray]]


@dataclass(frozen=True)
class Change:
    """One thing that may happen to a recording.

    Args:
        kind: What happens, such as "white noise".
        amount: How much of it, such as "10 dB".
        make: Function that does it, with the arguments of `apply`.
    """

    kind: str
    amount: str
    make: Callable[[np.ndarray, int, np.random.Generator, Voices], Sound]

    def apply(
        self, samples: np.ndarray, rate: int, rng: np.random.Generator, voices: Voices = tuple
    ) -> Sound:
        """Return a recording after the change, and its sample rate, which may be another one.

        Args:
            samples: float32 (samples,).
            rate: Sample rate in Hz.
            rng: Source of all random numbers.
            voices: Function that returns other recordings at the same rate, for babble.

        Raises:
            SerKerasError: Nothing is left of the recording, for instance because it is silent.

        Example:
            >>> tone = np.sin(np.arange(16_000) / 5).astype(np.float32)
            >>> louder, rate = CHANGES[14].apply(tone, 16_000, np.random.default_rng(0))
            >>> round(float(louder.max() / tone.max()), 2), rate
            (3.16, 16000)
        """
        return self.make(samples, rate, rng, voices)


def _step(step, samples, rate, rng, voices):
    return step.apply(samples, rng, rate), rate


def _with_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Return samples with noise at a ratio of their powers in dB, both taken over all samples."""
    powers = [np.mean(np.square(x, dtype=np.float64)) for x in (samples, noise)]
    factor = np.sqrt(powers[0] / max(powers[1], 1e-20) / 10 ** (snr_db / 10))
    return (samples + factor * noise).astype(np.float32)


def _pink(snr_db, samples, rate, rng, voices):
    spectrum = np.fft.rfft(rng.normal(size=len(samples)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))  # power falls with the frequency
    spectrum[0] = 0
    return _with_noise(samples, np.fft.irfft(spectrum, len(samples)), snr_db), rate


def _babble(snr_db, samples, rate, rng, voices):
    babble = np.zeros(len(samples))
    for voice in voices():
        long = np.roll(np.resize(voice, len(samples)), rng.integers(len(samples)))
        babble += long / max(np.sqrt(np.mean(np.square(long, dtype=np.float64))), 1e-10)
    return _with_noise(samples, babble, snr_db), rate


def _clipped(excess_db, samples, rate, rng, voices):
    limit = np.abs(samples).max() / 10 ** (excess_db / 20)
    return np.clip(samples, -limit, limit), rate


def _stored(samples: np.ndarray, rate: int, file_rate: int, **format_and_quality) -> Sound:
    """Return a recording after it was written to a file in memory and read again."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(
        file, audio.from_samples(samples, rate, file_rate), file_rate, **format_and_quality
    )
    return audio.hear(file).samples, file_rate


def _telephone(samples, rate, rng, voices):
    from scipy.signal import butter, sosfilt

    band = butter(4, (300, 3_400), "bandpass", fs=8_000, output="sos")
    narrow = sosfilt(band, audio.from_samples(samples, rate, 8_000)).astype(np.float32)
    return _stored(narrow, 8_000, 8_000, format="WAV", subtype="ULAW")


def _mp3(kbit, samples, rate, rng, voices):
    low, high = _MP3_KBIT
    # libsndfile takes the bit rate as a share of this range, rounds down, and refuses a whole 1
    level = min((high - kbit) / (high - low), 0.999)
    quality = {"bitrate_mode": "CONSTANT", "compression_level": level}
    return _stored(samples, rate, _MP3_RATE, format="MP3", subtype="MPEG_LAYER_III", **quality)


def _opus(kbit, samples, rate, rng, voices):
    low, high = _OPUS_KBIT
    level = (high - kbit) / (high - low)
    return _stored(samples, rate, _OPUS_RATE, format="OGG", subtype="OPUS", compression_level=level)


def _resampled(new_rate, samples, rate, rng, voices):
    return audio.from_samples(samples, rate, new_rate), new_rate


def _trimmed(samples, rate, rng, voices):
    import librosa

    return librosa.effects.trim(samples, top_db=_TRIM_DB)[0], rate


def _padded(seconds, samples, rate, rng, voices):
    return np.pad(samples, round(seconds * rate)), rate


def _gain(db):
    return Gain(factor=(10 ** (db / 20), 10 ** (db / 20)))


CHANGES = (
    *(
        Change("white noise", f"{snr} dB", partial(_step, NoiseAtSNR(snr_db=(snr, snr))))
        for snr in SNRS_DB
    ),
    *(Change("pink noise", f"{snr} dB", partial(_pink, snr)) for snr in SNRS_DB),
    *(Change("babble", f"{snr} dB", partial(_babble, snr)) for snr in SNRS_DB),
    *(Change("gain", f"{db:+d} dB", partial(_step, _gain(db))) for db in (-30, -15, 10)),
    *(Change("clipping", f"{db} dB", partial(_clipped, db)) for db in (6, 12, 20)),
    Change("telephone", "8 kHz", _telephone),
    *(Change("MP3", f"{kbit} kbit/s", partial(_mp3, kbit)) for kbit in (32, 16, 8)),
    *(Change("Opus", f"{kbit} kbit/s", partial(_opus, kbit)) for kbit in (24, 12, 6)),
    *(
        Change("sample rate", f"{hz / 1000:g} kHz", partial(_resampled, hz))
        for hz in (48_000, 11_025, 8_000)
    ),
    *(
        Change(
            "room",
            f"T60 {decay:g} s",
            partial(_step, Reverberation(decay_s=(decay, decay), wet=(1.0, 1.0))),
        )
        for decay in (0.3, 1.0)
    ),
    Change("silence", "trimmed", _trimmed),
    *(Change("silence", f"{s:g} s added", partial(_padded, s)) for s in (0.25, 1.0)),
    *(
        Change("speed", f"x {rate:g}", partial(_step, TimeStretch(rate=(rate, rate))))
        for rate in (0.9, 1.1)
    ),
    *(
        Change("pitch", f"{n:+d} semitones", partial(_step, PitchShift(semitones=(n, n))))
        for n in (-4, -2, 2, 4)
    ),
)

EXPLAINED = {
    "white noise": "Gaussian noise. The ratio in dB is that of the powers of the whole recording, "
    "pauses included, and of the noise.",
    "pink noise": "Noise whose power falls with the frequency, as in many rooms and cars.",
    "babble": f"{VOICES} other recordings at once, of other speakers where these are known.",
    "gain": "A louder or softer recording, without clipping.",
    "clipping": "All samples beyond a limit are set to it; the limit lies so far below the peak.",
    "telephone": "300 to 3,400 Hz, 8 kHz, mu-law.",
    "MP3": f"Coded at a constant bit rate at {_MP3_RATE:,} Hz and decoded again.",
    "Opus": "Coded at about this bit rate at 48 kHz and decoded again.",
    "sample rate": "Resampled; what lies above half the rate is lost.",
    "room": "A synthetic echo that falls by 60 dB in this time, as loud as the direct sound.",
    "silence": f"Silence at both ends (below the loudest part by {_TRIM_DB} dB) is cut off, or "
    "digital silence is added before and after.",
    "speed": "Slower or faster speech, with the pitch kept.",
    "pitch": "A lower or higher voice, with the speed kept.",
}

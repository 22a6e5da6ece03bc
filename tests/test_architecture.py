"""The rules of the house, held by looking at the code itself."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ser_keras"
MODULES = sorted(PACKAGE.rglob("*.py"))

# each may import what stands before it, and nothing behind it
ORDER = (
    "errors plain console files seeding audio tensors models functionals mel_scale features "
    "speech batches cache corpora augment layers recipes splits leakage audit engines trial "
    "adaptation calibration reliability recordings windows voices prediction formats segments "
    "manifest integrity bundle metrics baselines losses jax_epoch checkpoint training pictures "
    "evaluation archives stress runs ledger page cli"
).split()
LIGHT = (
    "errors plain files console audio tensors models functionals mel_scale features speech "
    "batches corpora engines trial adaptation calibration reliability recordings windows "
    "prediction formats segments manifest integrity bundle cli.use cli.labelling"
).split()
HEAVY = (
    "soundfile soxr scipy joblib pandas sklearn matplotlib PIL "
    "keras tensorflow librosa tqdm pyarrow av sounddevice"
).split()
OWNERS = {  # who may import what, wherever in the file, and why
    "matplotlib": {"pictures": "the only drawer"},
    "PIL": {"pictures": "writes pictures with few colours"},
    "soxr": {"audio": "resamples what it opens", "speech": "resamples a stream for earshot"},
    "av": {"audio": "opens what libsndfile does not know"},
    "sounddevice": {"audio": "opens the microphone"},
    "soundfile": {
        "audio": "the only opener of sound",
        "stress": "codes a recording in memory, as MP3 and Opus do",
    },
    "tensorflow": {
        "training": "reproducible operations, and the name of the GPU",
        "augment": "the only home that the legacy ImageDataGenerator has left",
        "engines": "a constant of the converter to LiteRT",
        "layers": "batch normalisation in one fused kernel",
    },
    "keras": {
        "layers": "are Keras layers",
        "models": "the speaker encoder as a Keras network",
        "augment": "the image layers of Keras 3",
        "recipes": "build their networks",
        "losses": "their loss",
        "training": "trains them",
        "jax_epoch": "asks for the backend",
        "checkpoint": "reads its variables",
        "engines": "runs them",
        "seeding": "seeds the backend",
        "runs": "notes the backend in the record",
    },
    "jax": {"jax_epoch": "an epoch as one program", "training": "the name of the GPU"},
    "torch": {"training": "the name of the GPU"},
    "h5py": {},
    "ai_edge_litert": {
        "engines": "the light runtime",
        "trial_child": "the same, in a process that may crash",
    },
    "tqdm": {"console": "the only printer"},
    "filelock": {"files": "the only writer"},
    "librosa": {"augment": "pitch shift and time stretch", "stress": "cuts off silence"},
    "pooch": {"corpora": "downloads on request"},
    "opensmile": {"baselines": "functionals, where it is installed"},
    "pyarrow": {"formats": "writes Parquet, where it is installed"},
    "optuna": {"ledger": "proposes the settings of a search, where it is installed"},
    "pickle": {"models": "the published weights, read once by an unpickler that knows four names"},
    "urllib": {},
    "requests": {},
    "socket": {},
}


def _module(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path):
    """Yield the names that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    module = _module(path)
    if module == "__init__" or path.name == "__main__.py":
        return
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "ser_keras" and len(parts) > 1 and parts[1] in ORDER:
            assert ORDER.index(parts[1]) <= ORDER.index(module), f"{module} imports {parts[1]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_each_worry_has_one_owner(path):
    for name in _imports(path):
        owners = OWNERS.get(name.split(".")[0])
        assert owners is None or _module(path) in owners, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_console_prints_and_only_cli_exits_or_reads_the_environment(path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    names = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    if _module(path) != "console":
        assert "print" not in calls
    if _module(path) != "cli":
        assert not {"sys.exit", "os.getenv", "exit"} & calls
        assert not {"os.environ", "sys.argv"} & names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_code_hides_in_data_and_no_error_in_silence(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"eval", "exec", "pickle.load", "joblib.load"}
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
            assert not broad, f"{path.name}:{node.lineno}"
        assert not isinstance(node, ast.Assert), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("module", LIGHT)
def test_the_light_set_starts_without_anything_heavy(module):
    program = (
        f"import json, sys, ser_keras.{module}\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(json.loads(done.stdout))


def test_every_public_name_resolves():
    import ser_keras

    assert all(getattr(ser_keras, name) is not None for name in ser_keras.__all__)

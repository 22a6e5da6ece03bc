"""What pip makes of this folder: its metadata, its content, and what works with the base alone."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import ser_keras
from ser_keras import models, recipes
from tests.faults.hostile import copied, edit, manifest

CHECKOUT = Path(__file__).parents[1]
BASE = {"numpy", "soundfile", "soxr", "ai-edge-litert", "tqdm", "filelock"}
ABSENT = (
    "tensorflow keras jax torch pandas scipy sklearn joblib matplotlib PIL h5py librosa pooch "
    "distributed opensmile optuna av sounddevice"
).split()

pytestmark = pytest.mark.skipif(
    not (CHECKOUT / "setup.py").is_file(), reason="needs a checkout, from which packages are built"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory, tiny_run):
    """What a package is built from, with one more model to ship; building leaves files there."""
    folder = tmp_path_factory.mktemp("source")
    for pattern in ("setup.py", "pyproject.toml", "MANIFEST.in", "requirements*.txt", "*.md"):
        for path in CHECKOUT.glob(pattern):
            shutil.copy(path, folder)
    shutil.copy(CHECKOUT / "LICENSE", folder)
    no_bytecode = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "ser_keras", folder / "ser_keras", ignore=no_bytecode)
    shipped = copied(tiny_run.folder, folder / "ser_keras" / "models" / "toy")
    (shipped / "model.keras").unlink()
    described = manifest(shipped)["models"]
    edit(shipped, models={name: described[name] for name in described if name != "model.keras"})
    (shipped / "CARD.md").write_text("# Toy\n")
    (folder / "tests").mkdir()
    (folder / "tests" / "__init__.py").touch()
    return folder


@pytest.fixture(scope="module")
def metadata(source):
    """The metadata that pip would read."""
    (source / "built").mkdir()
    program = "from setuptools import build_meta as b; b.prepare_metadata_for_build_wheel('built')"
    subprocess.run([sys.executable, "-c", program], cwd=source, check=True, capture_output=True)
    (folder,) = (source / "built").glob("*.dist-info")
    return importlib.metadata.Distribution.at(folder).metadata


def listed(name):
    """Return package name -> version bounds of a requirements file and of those it includes."""
    bounds = {}
    for line in (CHECKOUT / name).read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            bounds |= listed(line.removeprefix("-r "))
        elif line:
            requirement = Requirement(line)
            bounds[requirement.name] = requirement.specifier
    return bounds


def required(metadata, extra=None):
    """Return package name -> version bounds of the base (None) or of what an extra adds."""
    requirements = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    return {
        requirement.name: requirement.specifier
        for requirement in requirements
        if (requirement.marker is None) == (extra is None)
        and (extra is None or requirement.marker.evaluate({"extra": extra}))
    }


def test_the_version_has_one_source(metadata):
    assert metadata["Version"] == ser_keras.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", ser_keras.__version__)
    assert f"## [{ser_keras.__version__}]" in (CHECKOUT / "CHANGELOG.md").read_text("utf-8")
    assert f"\nversion: {ser_keras.__version__}\n" in (CHECKOUT / "CITATION.cff").read_text("utf-8")


def test_the_citation_names_every_published_system():
    citation = (CHECKOUT / "CITATION.cff").read_text("utf-8")
    published = {name for name in recipes.names() if recipes.get(name).published}
    published = {name for name in published if not name.endswith("-corrected")}
    assert published <= set(re.findall(r"[a-z0-9-]+", citation))


def test_the_base_needs_nothing_but_what_labels_recordings(metadata):
    assert required(metadata).keys() == BASE


@pytest.mark.parametrize(
    ("extra", "file"),
    [
        ("train", "requirements.txt"),
        ("dev", "requirements-dev.txt"),
        ("bench", "requirements-bench.txt"),
    ],
)
def test_an_extra_is_its_requirements_file(metadata, extra, file):
    assert required(metadata, extra) == listed(file)


def test_small_extras_have_the_bounds_of_the_files(metadata):
    bounds = listed("requirements-dev.txt")
    packages = {
        None: BASE,
        "pandas": {"pandas"},
        "audit": {"pandas", "scipy", "scikit-learn", "joblib"},
        "dask": {"distributed", "jinja2", "tornado"},
        "media": {"av"},
        "live": {"sounddevice"},
        "search": {"optuna"},
        "speech": {"earshot"},
    }
    for extra, names in packages.items():
        assert required(metadata, extra) == {name: bounds[name] for name in names}
    assert set(metadata.get_all("Provides-Extra")) == {*packages, "train", "dev", "bench"} - {None}


def run_with_the_base_alone(program, folder, *arguments, status=0):
    """Run a program in a folder, with an interpreter that has no package but those of the base."""
    absent = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r}))\n"
    found = f"sys.path.insert(0, {str(CHECKOUT)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", absent + found + program, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


def test_the_base_labels_any_number_of_recordings(tiny_run, tiny_tess, tmp_path):
    program = (
        "import json\n"
        "from ser_keras import load_bundle\n"
        "bundle, recordings = load_bundle(sys.argv[1]), sys.argv[2:]\n"
        "print(json.dumps([p.probabilities for p in bundle.stream(recordings)]))\n"
        "print(json.dumps([p.probabilities for p in bundle.stream(recordings[:2])]))\n"
    )
    recordings = sorted(tiny_tess.rglob("*.wav"))[:40]  # so many that scipy would be used
    done = run_with_the_base_alone(program, tmp_path, tiny_run.folder, *recordings)
    many, two = map(json.loads, done.stdout.splitlines())
    assert len(many) == 40
    assert two == many[:2]


def test_the_command_labels_with_the_base_alone(tiny_run, tiny_tess, tmp_path):
    program = "from ser_keras.cli import use; use.main()"
    path = next(tiny_tess.rglob("*.wav"))
    arguments = ("--unlabelled", "--format", "csv", "--model", tiny_run.folder, path)
    done = run_with_the_base_alone(program, tmp_path, *arguments)
    assert done.stdout.startswith("file,start,end,label,p_")
    assert done.stdout.count("\n") == 2


def test_a_command_that_needs_more_says_what_to_install(tiny_run, tiny_tess, tmp_path):
    program = "from ser_keras.cli import use; use.main()"
    arguments = ("--model", tiny_run.folder, next(tiny_tess.rglob("*.wav")))
    done = run_with_the_base_alone(program, tmp_path, *arguments, status=1)
    assert re.search(
        r"error: \w+: is not installed. Run, in the folder of the project", done.stderr
    )


def test_a_table_without_pandas_says_what_to_install(tiny_run, tiny_tess, tmp_path):
    program = (
        "from ser_keras import SerKerasError, load_bundle\n"
        "try:\n"
        "    load_bundle(sys.argv[1]).predict(sys.argv[2])\n"
        "except SerKerasError as error:\n"
        "    print(error)\n"
    )
    path = next(tiny_tess.rglob("*.wav"))
    done = run_with_the_base_alone(program, tmp_path, tiny_run.folder, path)
    assert done.stdout.startswith("pandas: is not installed. Install it with: pip install pandas")


@pytest.fixture(scope="module")
def installed(source, tmp_path_factory):
    """A folder into which pip has installed the package without the packages it needs."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", target]
    subprocess.run([*pip, *options, source], check=True, capture_output=True)
    return target


def test_only_the_package_is_installed(installed):
    assert {path.name for path in installed.iterdir()} == {
        "bin",
        "ser_keras",
        f"ser_keras-{ser_keras.__version__}.dist-info",
    }
    here = CHECKOUT / "ser_keras"
    modules = {path.relative_to(here) for path in here.rglob("*.py")}
    there = installed / "ser_keras"
    assert {path.relative_to(there) for path in there.rglob("*.py")} == modules
    assert (there / "py.typed").is_file()
    data = {path.name for path in (there / "models" / "speaker_encoder").iterdir()}
    assert {"layers.safetensors", "LICENSE", "NOTICE", "README.md"} <= data


def test_an_installed_package_has_its_models_whole_and_labels_with_them(
    source, installed, tiny_tess, tmp_path
):
    before, there = source / "ser_keras" / "models", installed / "ser_keras" / "models"
    for name in [*models.names(), "toy"]:
        files = {path.name for path in (there / name).iterdir()}
        assert files == {path.name for path in (before / name).iterdir()}
    assert {"bundle.json", "model.tflite", "weights.safetensors", "CARD.md"} <= files
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "from ser_keras.cli import use\nuse.main()"
    )
    words = ["--model", "toy", "--format", "csv", str(next(tiny_tess.rglob("*.wav")))]
    done = subprocess.run(
        [sys.executable, "-c", program, "--unlabelled", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "Model: toy (comes with ser_keras).\n"
    assert done.stdout.startswith("file,start,end,label,p_")


def test_an_installed_package_finds_its_data_in_the_working_folder(installed, tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "from ser_keras import files, load_bundle\n"
        "print(files.SOURCE, files.DATA, files.RESULTS, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        str(folder.resolve()) for folder in (installed, tmp_path / "data", tmp_path / "results")
    ]


def test_a_checkout_finds_its_data_beside_the_package_from_any_folder(tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\n"
        "from ser_keras import files\n"
        "print(files.DATA)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(CHECKOUT / "data")

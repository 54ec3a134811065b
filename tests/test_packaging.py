"""The flat layout: every package is shipped, and nobody else claims its name."""

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("config", "daemon", "flags", "probes")


def setuptools_table() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_package_in_the_rooms_is_listed_and_no_other() -> None:
    found = {
        str(init.parent.relative_to(ROOT)).replace("/", ".")
        for room in ROOMS
        for init in (ROOT / room).rglob("__init__.py")
        if "node_modules" not in init.parts
    }
    assert set(setuptools_table()["packages"]) == found


def test_every_file_that_is_not_python_is_package_data() -> None:
    data = setuptools_table()["package-data"]
    missing = [
        file
        for package in setuptools_table()["packages"]
        for file in (ROOT / package.replace(".", "/")).glob("*")
        if file.is_file()
        and file.suffix not in (".py", ".pyc", ".mako")
        and not any(file.match(pattern) for pattern in data.get(package, []))
    ]
    assert missing == []


def test_no_dependency_claims_the_name_of_a_room() -> None:
    claimed = packages_distributions()
    assert {room: claimed[room] for room in ROOMS} == {room: ["tripflag"] for room in ROOMS}


def test_the_locks_name_no_registry() -> None:
    folders = ("probes/assets", "daemon/web/assets")
    fronts = [ROOT / folder / "package-lock.json" for folder in folders]
    for lock in (*ROOT.glob("*.lock"), *fronts):
        assert "://" not in lock.read_text(), lock.name

"""What is given away with the code says what the code says; `make dist` tries the rest."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from vpo_builder.documents.wording import CITATIONS
from vpo_builder.runtime.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("vpo_builder", "avs_bench")


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def citation() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_a_wheel_holds_all_files_of_the_packages_that_git_does_not_ignore(monkeypatch):
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git")
    dist = pytest.importorskip("setuptools.dist")
    monkeypatch.chdir(ROOT)
    distribution = dist.Distribution({"script_name": "setup.py"})
    distribution.parse_config_files()
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    held = {str(Path(path).relative_to(build.build_lib)) for path in build.get_outputs(False)}
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert held == set(listed.stdout.splitlines())


def test_the_version_is_written_once_and_cited(setup, citation):
    assert setup["metadata"]["version"] == "attr: vpo_builder.runtime.version.VERSION"
    assert str(citation["version"]) == VERSION
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changes, re.MULTILINE)[1] == VERSION


def test_the_citation_names_title_licence_and_authors_as_the_package_does(setup, citation):
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "references"} <= citation.keys()
    assert citation["license"] == setup["metadata"]["license"]
    assert f"# {citation['title']}" == (ROOT / "README.md").read_text("utf-8").splitlines()[0]
    holder = citation["authors"][0]["name"]
    assert holder in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize(("place", "key"), [(0, "vpo"), (1, "avsbench")])
def test_the_citation_names_the_works_as_the_card_of_a_dataset_does(citation, place, key):
    work, bibtex = citation["references"][place], " ".join(CITATIONS[key].split())
    names = [f"{one['family-names']}, {one['given-names']}" for one in work["authors"]]
    assert f"{{{' and '.join(names)}}}" in bibtex
    assert f"{{{work['title']}}}" in bibtex
    assert f"{{{work['year']}}}" in bibtex


def commands_of_the_dockerfile() -> list[str]:
    """Return the single commands of its RUN lines."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    runs = re.findall(r"^RUN (.*)$", text, re.MULTILINE)
    return [" ".join(one.split()) for run in runs for one in run.split("&&")]


def test_an_image_is_made_by_the_commands_of_ci():
    ci = " ".join((ROOT / ".ci" / "run").read_text(encoding="utf-8").split())
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = commands_of_the_dockerfile()
    assert commands.count("make install") == 2  # CPU and GPU
    assert "bash .ci/run" in commands
    for command in commands:
        program, *words = command.split()
        if program == "make":
            assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE)
        elif program == "apt-get":
            words = [word for word in words if word != "make"]  # CI's machines have it
            assert " ".join(["apt-get", *words]) in ci
        else:
            assert command in ("bash .ci/run", "rm -rf /var/lib/apt/lists/*")


def test_an_image_has_a_python_that_the_package_runs_on(setup):
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (version,) = re.findall(r"^FROM python:(\d+\.\d+)-\S+ AS system$", text, re.MULTILINE)
    said = f"Programming Language :: Python :: {version}"
    assert said in setup["metadata"]["classifiers"].splitlines()

"""The import rules of the design, checked on the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("vpo_builder", "avs_bench")
SEEN_BY_THE_BENCHMARK = {"dataset", "runtime"}
"""The rooms of vpo_builder that avs_bench may use: what both must agree on, and no more."""
BANNED_NAMES = {"utils", "common", "helpers", "core", "base", "misc"}
LONGEST_FUNCTION = 60
PICKLERS = {"pickle", "shelve", "dill", "marshal", "joblib"}
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def builder_imports(path: Path) -> Iterator[str]:
    """Yield what a module imports of the builder, such as "sources.avsbench.Video"."""
    names = (name.partition(".") for name in imports(path))
    return (rest for package, _, rest in names if package == "vpo_builder")


def room_of(name: str) -> str:
    """Return the top-level entry that a name below the package lies in."""
    return name.partition(".")[0]


def modules_of(package: str) -> list[Path]:
    return [path for path in MODULES if path.is_relative_to(ROOT / package)]


def test_the_builder_imports_neither_torch_nor_the_benchmark() -> None:
    for path in modules_of("vpo_builder"):
        assert not {name.split(".")[0] for name in imports(path)} & {"torch", "avs_bench"}, path


def test_the_benchmark_uses_two_rooms_of_the_builder_only() -> None:
    for path in modules_of("avs_bench"):
        assert set(map(room_of, builder_imports(path))) <= SEEN_BY_THE_BENCHMARK, path


def rooms(package: str) -> dict[str, set[str]]:
    """Return what each top-level entry of a package imports of the others."""
    needs: dict[str, set[str]] = {}
    for path in modules_of(package):
        room = room_of(".".join(path.relative_to(ROOT / package).with_suffix("").parts))
        names = (name.partition(".") for name in imports(path))
        seen = {room_of(rest) for first, _, rest in names if first == package}
        needs.setdefault(room, set()).update(seen - {room})
    return needs


def circle_in(needs: dict[str, set[str]]) -> list[str]:
    """Return rooms that need each other, or nothing."""
    left = dict(needs)
    while free := [room for room, needed in left.items() if not needed & left.keys()]:
        for room in free:
            del left[room]
    return sorted(left)


def test_a_circle_is_found() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == list("abcd")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_rooms_need_each_other(package: str) -> None:
    assert circle_in(rooms(package)) == []


def test_an_init_only_hands_names_on() -> None:
    for path in MODULES:
        if path.name == "__init__.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in tree.body[1:]:
                assert hands_names_on(node), f"{path}, line {node.lineno}"


def hands_names_on(node: ast.stmt) -> bool:
    """Tell whether a statement imports names, lists them, or imports them where they are used.

    The last is a module's `__getattr__` that imports and returns, and what type checkers see of it.
    """
    if isinstance(node, ast.If):
        seen_by_checkers = ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse
        return seen_by_checkers and all(map(hands_names_on, node.body))
    if isinstance(node, ast.FunctionDef):
        *guards, last = node.body[1:]
        given = isinstance(last, ast.Return) and ast.unparse(last).startswith("return getattr(")
        refusals = (g for g in guards if not isinstance(g, ast.Import | ast.ImportFrom))
        refused = all(isinstance(g, ast.If) and isinstance(g.body[0], ast.Raise) for g in refusals)
        return node.name == "__getattr__" and given and refused
    handed_on = isinstance(node, ast.Assign) and ast.unparse(node.targets) == "__all__"
    return handed_on or isinstance(node, ast.Import | ast.ImportFrom)


@pytest.mark.parametrize(
    "logic",
    [
        *("x = 1", "if TYPE_CHECKING:\n    x = 1", "def f(): ''; return getattr(a, 'b')"),
        "def __getattr__(name): ''; print(name); return getattr(a, name)",
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b",
        "def __getattr__(name): ''; return name",
    ],
)
def test_an_init_with_more_in_it_is_found(logic: str) -> None:
    assert not all(map(hands_names_on, ast.parse(logic).body))


@pytest.mark.parametrize(
    "stage",
    [
        *("planning/matching", "planning/persons", "planning/filtering", "planning/selection"),
        *("planning/pairing", "publishing/funnel", "runtime/stateless_hash"),
    ],
)
def test_pure_stages_do_no_io(stage: str) -> None:
    names = set(imports(ROOT / "vpo_builder" / f"{stage}.py"))
    assert not names & {"os", "pathlib.Path", "subprocess", "random", "time"}, stage


def test_no_module_is_a_grab_bag() -> None:
    for path in MODULES:
        assert path.stem not in BANNED_NAMES, path


@pytest.mark.parametrize(("package", "most"), [("vpo_builder", 22), ("avs_bench", 18)])
def test_the_listing_of_a_package_stays_short(package: str, most: int) -> None:
    own = [path for path in (ROOT / package).iterdir() if not path.name.startswith("__")]
    assert len(own) <= most, sorted(path.name for path in own)


def test_no_function_is_longer_than_a_screen() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= LONGEST_FUNCTION, f"{path}: {node.name} has {lines}"


def test_nothing_is_pickled() -> None:
    """But what AVSBench's own readers unpickle, which is written on request and never read."""
    for path in MODULES:
        used = {name for name in imports(path) if name.split(".")[0] in PICKLERS}
        written = {"pickle.dumps"} if path.name == "log_mels.py" else set()
        assert used <= {"pickle.UnpicklingError"} | written, path


def test_every_torch_load_reads_weights_only() -> None:
    for path in modules_of("avs_bench"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert keywords.get("weights_only") == "True", path


def test_every_public_function_and_class_says_what_it_is() -> None:
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"


def test_only_the_registry_knows_which_families_of_models_there_are() -> None:
    families = {"avs_bench.models.cavp.CAVP", "avs_bench.models.tpavi.TPAVI"}
    for path in modules_of("avs_bench"):
        if path != ROOT / "avs_bench" / "models" / "registry.py":
            assert not families & set(imports(path)), path

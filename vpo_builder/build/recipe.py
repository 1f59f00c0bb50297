"""What a kind of dataset does in each stage of a build; a kind is a value of this record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vpo_builder.audit.audit import AuditReport
from vpo_builder.build.request import BuildReport
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.funnel import Funnel
from vpo_builder.publishing.publication import Publication
from vpo_builder.runtime.tasks import Executor

Request = TypeVar("Request")
Material = TypeVar("Material")
Plan = TypeVar("Plan")


@dataclass(frozen=True)
class Recipe(Generic[Request, Material, Plan]):
    """The stages of one kind of dataset, in the order in which a build goes through them.

    - `read` returns what the sources list, and writes nothing.
    - `identify` returns what decides the dataset's bytes.
    - `refuse_unusable` raises InputError if no dataset can be made of what was read.
    - `plan` decides which samples there are.
    - `media` returns the paths, relative to the dataset's folder, of all that `render` may write.
    - `render` writes their media, and returns them without csv and funnel.
    - `judge` is told what crosses the subsets: it drops that, says it, or raises InputError.
    - `count` returns the funnel of what is left.
    - `conclude` completes the report, of a dataset that was found finished too.
    """

    read: Callable[[Request], Material]
    identify: Callable[[Request, Material], BuildIdentity]
    refuse_unusable: Callable[[Request, Material], None]
    plan: Callable[[Request, Material, Executor], Plan]
    media: Callable[[Plan], Iterable[str]]
    render: Callable[[Request, Material, Plan, Executor], Publication]
    judge: Callable[[Request, Publication, AuditReport], Publication]
    count: Callable[[Request, Material, Publication], Funnel]
    conclude: Callable[[Request, Material, BuildReport], BuildReport]


AnyRecipe = Recipe[Any, Any, Any]

"""The names a cell needs from its notebook: what it may read before it has bound it itself. Pure.

Each statement is compiled alone and its bytecode read, so that scopes, comprehensions, decorators and
name mangling are Python's own; only the order of the cell's statements is followed here. Where that
order is uncertain (a loop that may not run, a `with` that may swallow an exception) a name counts as
needed: to send one too many costs time, to send one too few a wrong result.
"""

from __future__ import annotations

import ast
import dis
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_READS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_NAME", "DELETE_GLOBAL")
_BINDS = ("STORE_GLOBAL", "DELETE_GLOBAL")
_BINDS_OUTSIDE = (*_BINDS, "STORE_NAME", "DELETE_NAME")
"""Outside of any scope a plain name is the notebook's; in a class body it is the class's."""
_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as IPython compiles cells


@dataclass(frozen=True, slots=True)
class Names:
    """What a cell `reads` from its notebook and what it `binds` (or deletes) there, in the order met."""

    reads: tuple[str, ...]
    binds: tuple[str, ...]


def names_of(source: str) -> Names:
    r"""Return the names of a cell, given as plain Python. Raises `SyntaxError`.

    >>> names_of("total = sum(x * scale for x in data)").reads
    ('sum', 'data', 'scale')
    >>> names_of("n = 1\nn += step").reads
    ('step',)
    """
    found = _Finder()
    found.block(ast.parse(source).body)
    return Names(tuple(found.reads), tuple(found.binds))


def globals_of(code: CodeType) -> tuple[str, ...]:
    """Return the global names that a function's code, and what is defined in it, may read."""
    return tuple(dict.fromkeys(_met(code, _READS)))


class _Finder:
    """Follows the statements of a cell; `bound` are the names that are certainly its own by now."""

    def __init__(self) -> None:
        self.reads: dict[str, None] = {}
        self.binds: dict[str, None] = {}
        self.bound: set[str] = set()

    def block(self, statements: Iterable[ast.stmt]) -> None:
        for one in statements:
            follow = getattr(self, f"_{type(one).__name__.lower()}", self._simple)
            follow(one)

    def _simple(self, statement: Any) -> None:
        self._take(_compiled(statement))
        self.bound |= set(_surely_bound(statement))
        for target in statement.targets if isinstance(statement, ast.Delete) else ():
            self.bound -= {target.id} if isinstance(target, ast.Name) else set()

    def _take(self, code: CodeType) -> None:
        for name in _met(code, _READS):
            if name not in self.bound:
                self.reads.setdefault(name)
        for name in _met(code, _BINDS_OUTSIDE, _BINDS):
            self.binds.setdefault(name)

    def _expressions(self, *expressions: ast.expr | None) -> None:
        for one in expressions:
            if one is not None:
                self._take(_compiled(ast.Expr(one)))

    def _target(self, target: ast.expr) -> None:
        """Take what is read and bound where a loop or a `with` puts its value."""
        assignment = ast.Assign([target], ast.Constant(None))
        self._take(_compiled(assignment))
        self.bound |= set(_surely_bound(assignment))

    def _maybe(self, *blocks: Sequence[ast.stmt]) -> list[set[str]]:
        """Follow blocks of which any or none may run; return what each would have bound."""
        before, after = set(self.bound), []
        for block in blocks:
            self.bound = set(before)
            self.block(block)
            after.append(self.bound)
        self.bound = before
        return after

    def _if(self, statement: ast.If) -> None:
        self._expressions(statement.test)
        one, other = self._maybe(statement.body, statement.orelse)
        self.bound = one & other

    def _while(self, statement: ast.While) -> None:
        self._expressions(statement.test)
        self._loop(statement)

    def _for(self, statement: ast.For | ast.AsyncFor) -> None:
        self._expressions(statement.iter)
        before = set(self.bound)
        self._target(statement.target)
        self._loop(statement)
        self.bound = before & self.bound

    _asyncfor = _for

    def _loop(self, statement: ast.For | ast.AsyncFor | ast.While) -> None:
        before = set(self.bound)
        kept = [before, *self._maybe(statement.body, statement.orelse)]  # a name may be deleted on any way through
        self.bound = set.intersection(*kept)

    def _with(self, statement: ast.With | ast.AsyncWith) -> None:
        before = set(self.bound)
        for item in statement.items:
            self._expressions(item.context_expr)
            if item.optional_vars is not None:
                self._target(item.optional_vars)
        (inside,) = self._maybe(statement.body)
        self.bound = before & inside

    _asyncwith = _with

    def _try(self, statement: Any) -> None:
        before = set(self.bound)
        tried = self._maybe([*statement.body, *statement.orelse])[0]
        self.bound = before & tried  # the body may stop anywhere, also after it deleted a name
        ways = [tried, *(self._handler(handler, set(self.bound)) for handler in statement.handlers)]
        self.bound = set.intersection(*ways)
        if not statement.finalbody:
            return
        after, self.bound = self.bound, before & tried
        self.block(statement.finalbody)
        lost = (before & tried) - self.bound
        self.bound = (after - lost) | self.bound

    _trystar = _try

    def _handler(self, handler: ast.ExceptHandler, bound: set[str]) -> set[str]:
        kept, self.bound = self.bound, bound
        self._expressions(handler.type)
        if handler.name:
            self.binds.setdefault(handler.name)
            self.bound = self.bound | {handler.name}
        self.block(handler.body)
        after, self.bound = self.bound - {handler.name or ""}, kept
        return after

    def _match(self, statement: ast.Match) -> None:
        self._take(_compiled(statement))  # patterns read and bind; nothing is certain after them


def _compiled(statement: ast.stmt) -> CodeType:
    module = ast.fix_missing_locations(ast.Module([statement], []))
    if isinstance(statement, ast.Return):  # a cell cannot return; let it say so where it runs
        raise SyntaxError("'return' outside function")  # noqa: TRY004 - as Python calls it
    code: CodeType = compile(module, "<cell>", "exec", flags=_FLAGS, dont_inherit=True)
    return code


def _met(code: CodeType, operations: tuple[str, ...], inside: tuple[str, ...] | None = None) -> Iterator[str]:
    """Yield the names of these operations in a code, and of those `inside` in what is defined in it."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in operations and not _of_python(instruction.argval):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _met(constant, inside or operations)


def _of_python(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _surely_bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a simple statement has bound once it is through."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (one.asname or one.name.partition(".")[0] for one in statement.names)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _names_in(target)
    elif isinstance(statement, ast.AugAssign) or (isinstance(statement, ast.AnnAssign) and statement.value):
        yield from _names_in(statement.target)


def _names_in(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Starred):
        yield from _names_in(target.value)
    elif isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from _names_in(one)

"""Make the guest's first part small: its modules as one, without what it never reaches, names shortened.

User-data has no room for source as people write it. The readable program follows over SSH at first
contact; this text is only what the machine runs until then.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRY = ("first", "main")
JOIN = "__"


@cache
def first_part() -> str:
    """Return the guest's module `first` with everything it needs: Python 3.8, about a quarter of a second's work."""
    import python_minifier

    modules: dict[str, _Module] = {}
    _read(ENTRY[0], modules)
    imports = sorted({line for module in modules.values() for line in module.imports})
    body = _reachable([statement for module in modules.values() for statement in module.flat()])
    _free_arguments(body)
    whole = ast.unparse(ast.Module([*(ast.parse(line).body[0] for line in imports), *body], []))
    return str(
        python_minifier.minify(
            f"{whole}\nmain={JOIN.join(ENTRY)}",
            remove_literal_statements=True,
            rename_globals=True,
            hoist_literals=False,
            preserve_globals=["main"],
        )
    )


def _read(name: str, modules: dict[str, _Module]) -> None:
    """Read a module of the guest after those it imports."""
    if name in modules or name in LATER:
        return
    module = _Module(name, files("jupyter_awsgpu.guest").joinpath(f"{name}.py").read_text(encoding="utf-8"))
    for other in module.needs():
        _read(other, modules)
    modules[name] = module


LATER = frozenset({"supervisor", "daemon", "cluster"})
"""Named in the code and never reached by the first part: it runs where systemd does, and is no old machine's child."""


class _Module:
    """One module of the guest, its names made unlike every other's."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.tree = ast.parse(source)
        self.names = {name for statement in self.tree.body for name in _defined(statement)}
        self.imports: list[str] = []
        self.known: dict[str, tuple[str, str | None]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                for one in node.names:
                    target = (one.name, None) if node.module is None else (node.module, one.name)
                    self.known[one.asname or one.name] = target
        for node in self.tree.body:
            absolute = isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__"
            if isinstance(node, ast.Import) or absolute:
                self.imports.append(ast.unparse(node))

    def needs(self) -> list[str]:
        """Return the guest's modules that this one imports."""
        return sorted({module for module, _ in self.known.values()})

    def flat(self) -> list[ast.stmt]:
        """Return its statements with every module-level name qualified by the module."""
        kept = [one for one in self.tree.body if not isinstance(one, ast.Import | ast.ImportFrom)]
        return [ast.fix_missing_locations(_Qualify(self).visit(one)) for one in kept]


class _Qualify(ast.NodeTransformer):
    """Rename `name` to `module__name` where it is the module's, and `other.name` to `other__name`; drop annotations."""

    def __init__(self, module: _Module) -> None:
        self._module = module
        self._local: list[set[str]] = []
        self._in_class = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if not self._local and not self._in_class:
            node.name = self._own(node.name)
        node.returns = None
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        node.args = self.visit(node.args)
        was, self._in_class = self._in_class, False
        self._local.append(set(_locals(node)))
        node.body = [kept for one in node.body if (kept := self.visit(one))] or [ast.Pass()]
        self._local.pop()
        self._in_class = was
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.args = self.visit(node.args)
        self._local.append({one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)})
        node.body = self.visit(node.body)
        self._local.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._own(node.name)
        node.bases = [self.visit(one) for one in node.bases]
        self._in_class = True
        node.body = [self.visit(one) for one in node.body]
        self._in_class = False
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.level else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if self._in_class:
            node.annotation = ast.Name("int", ast.Load())  # a NamedTuple's field needs one, any one
            node.value = self.visit(node.value) if node.value else None
            return node
        made: ast.AST = self.visit(ast.Assign([node.target], node.value or ast.Constant(None)))
        return made

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if any(node.id in names for names in self._local):
            return node
        module, name = self._module.known.get(node.id, ("", None))
        if name:
            return ast.Name(module + JOIN + name, node.ctx)
        if node.id in self._module.names and not (self._in_class and isinstance(node.ctx, ast.Store)):
            return ast.Name(self._own(node.id), node.ctx)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        base = node.value
        if isinstance(base, ast.Name) and not any(base.id in names for names in self._local):
            module, name = self._module.known.get(base.id, ("", None))
            if module and name is None:
                return ast.Name(module + JOIN + node.attr, node.ctx)
        node.value = self.visit(base)
        return node

    def _own(self, name: str) -> str:
        return self._module.name + JOIN + name


def _defined(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at module level makes."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))


def _locals(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the names that are a function's own: arguments, and what is assigned in it."""
    yield from (one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg))
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name
        waiting.extend(ast.iter_child_nodes(node))


def _reachable(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return those statements that the entry leads to, in their order; classes lose the methods nobody calls."""
    makes = {name: one for one in statements for name in _defined(one)}
    kept: set[int] = set()
    called: set[str] = {"__init__"}
    while True:
        before = (len(kept), len(called))
        waiting, kept = [JOIN.join(ENTRY)], set()
        while waiting:
            statement = makes.get(waiting.pop())
            if statement is None or id(statement) in kept:
                continue
            kept.add(id(statement))
            for node in _parts(statement, called):
                if isinstance(node, ast.Name):
                    waiting.append(node.id)
                elif isinstance(node, ast.Attribute):
                    called.add(node.attr)
        if before == (len(kept), len(called)):
            break
    found = [one for one in statements if id(one) in kept]
    for one in found:
        if isinstance(one, ast.ClassDef):
            one.body = [part for part in one.body if not isinstance(part, ast.FunctionDef) or part.name in called]
    return found


def _parts(statement: ast.stmt, called: set[str]) -> Iterator[ast.AST]:
    """Yield a statement's nodes; of a class, its methods' only where somebody calls them."""
    for part in statement.body if isinstance(statement, ast.ClassDef) else [statement]:
        if part is statement or not isinstance(part, ast.FunctionDef) or part.name in called:
            yield from ast.walk(part)
    if isinstance(statement, ast.ClassDef):
        yield from (node for base in statement.bases for node in ast.walk(base))


def _free_arguments(body: list[ast.stmt]) -> None:
    """Make arguments that nobody names in a call positional only: their names may then be short, too."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    named = {one.arg for one in nodes if isinstance(one, ast.keyword)}
    for one in nodes:
        if isinstance(one, ast.FunctionDef | ast.Lambda):
            each = one.args.args
            free = next((place for place, argument in enumerate(each) if argument.arg in named), len(each))
            one.args.posonlyargs, one.args.args = [*one.args.posonlyargs, *each[:free]], each[free:]

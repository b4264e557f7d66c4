"""What code reaches: an edited helper makes another function, however the helper is reached."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# The helper's module, and beside it what leads there in other ways.
PRICES = """
import enum, functools, dataclasses, typing
from pegboard import task
def vat(): return {rate}
def spare(): return 0
def plain(*args): return args
@task
def taxed(): return {rate}
@functools.lru_cache
def kept(): return {rate}
def noisy(function):
    def inner(*args): return function(*args)
    return inner
@noisy
def bare(): return {rate}
class Rates:
    low = {rate}
    def due(self): return {rate}
    @staticmethod
    def fixed(): return {rate}
    @classmethod
    def made(cls): return {rate}
    @property
    def shown(self): return {rate}
    @functools.cached_property
    def lazy(self): return {rate}
class Base:
    def due(self): return {rate}
class Derived(Base): pass
class Calls:
    def __call__(self): return {rate}
class Holds:
    def __init__(self, function): self.function = function
@dataclasses.dataclass
class Record:
    rate: int = {rate}
    many: list = dataclasses.field(default_factory=lambda: [{rate}])
class Level(enum.Enum):
    LOW = {rate}
class Pair(typing.NamedTuple):
    rate: int = {rate}
@functools.singledispatch
def kind(x): return 0
@kind.register
def _(x: int): return {rate}
rates, calls, holds = Rates(), Calls(), Holds(vat)
method = rates.due
partial = functools.partial(plain, vat)
table = {{"vat": vat, "deep": [{{"vat": (vat,)}}]}}
listed = [vat, Rates]
def outer():
    def inner(): return vat()
    return inner
closure = outer()
def defaulted(function=vat): return function()
def of_class(cls=Rates): return cls().due()
"""

IMPORT = "import shop.prices\n"
FROM = "from shop.prices import *\nimport shop.prices as p\n"
# How the body of `f` reaches it: the lines before, and the body.
REACHED = {
    "dotted": (IMPORT, "return shop.prices.vat()"),
    "dotted alias": ("import shop\nimport shop.prices", "return shop.prices.vat()"),
    "attribute of a package": ("import shop as s, shop.prices", "return s.prices.vat()"),
    "alias": (FROM, "return p.vat()"),
    "by getattr": (FROM, "return getattr(p, 'vat')()"),
    "by attrgetter": ("import operator, shop.prices", "return operator.attrgetter('prices.vat')(shop)"),
    "imported in the body": ("", "from shop.prices import vat; return vat()"),
    "imported in the body, dotted": ("", "import shop.prices; return shop.prices.vat()"),
    "imported in the body, alias": ("", "import shop.prices as p; return p.vat()"),
    "imported in the body, module": ("", "from shop import prices; return prices.vat()"),
    "imported in the body, relative": ("", "from .prices import vat; return vat()"),
    "imported in the body, relative module": ("", "from . import prices; return prices.vat()"),
    "imported in the body by name": (
        "import importlib",
        "return importlib.import_module('shop.prices').vat()",
    ),
    "imported in an inner function": (
        "",
        "def g():\n        from shop.prices import vat; return vat()\n    return g()",
    ),
    "imported in the body through another": ("", "from shop.middle import vat; return vat()"),
    "imported in a helper": ("def h():\n    from shop.prices import vat; return vat()", "return h()"),
    "decorated": (FROM, "return bare()"),
    "lru_cache": (FROM, "return kept()"),
    "task": (FROM, "return taxed()"),
    "decorated by another package": (
        "from other import loud\nfrom shop.prices import vat\nloudly = loud(vat)",
        "return loudly()",
    ),
    "wrapped by an object of another package": (
        "from other import Loud\nfrom shop.prices import vat\nloudly = Loud(vat)",
        "return loudly()",
    ),
    "class": (FROM, "return Rates().due()"),
    "class through a module": (FROM, "return p.Rates().due()"),
    "static method": (FROM, "return Rates.fixed()"),
    "class method": (FROM, "return Rates.made()"),
    "property": (FROM, "return Rates().shown"),
    "cached property": (FROM, "return Rates().lazy"),
    "constant of a class": (FROM, "return Rates.low"),
    "base class": (FROM, "return Derived().due()"),
    "base class of the method's own": (
        FROM + "class Mine(Base):\n    def g(self): return self.due()",
        "return Mine().g()",
    ),
    "dataclass": (FROM, "return Record().rate"),
    "default factory": (FROM, "return Record().many"),
    "named tuple": (FROM, "return Pair().rate"),
    "enum": (FROM, "return Level.LOW.value"),
    "instance": (FROM, "return rates.due()"),
    "instance through a module": (FROM, "return p.rates.due()"),
    "callable instance": (FROM, "return calls()"),
    "held by an instance": (FROM, "return holds.function()"),
    "bound method": (FROM, "return method()"),
    "partial": (FROM, "return partial()"),
    "dict": (FROM, "return table['vat']()"),
    "nested containers": (FROM, "return p.table['deep'][0]['vat'][0]()"),
    "list": (FROM, "return listed[0]()"),
    "closure": (FROM, "return closure()"),
    "single dispatch": (FROM, "return kind(1)"),
    "default argument of a helper": (FROM, "return defaulted()"),
    "class as default of a helper": (FROM, "return of_class()"),
    "module beside the package": ("import beside", "return beside.vat()"),
}
DEFINED = {  # `f` itself, in other shapes than a plain function
    "default argument": FROM + "def f(function=vat): return function()",
    "partial as default": FROM
    + "import functools\ndef f(function=functools.partial(plain, vat)): return function()",
    "class as default": FROM + "def f(cls=Rates): return cls().due()",
    "instance as default": FROM + "def f(rates=Rates()): return rates.due()",
    "method as default": FROM + "def f(method=rates.due): return method()",
    "closed-over function": FROM
    + "def make(function):\n    def f(): return function()\n    return f\nf = make(vat)",
    "closed-over class": FROM
    + "def make(cls):\n    def f(): return cls().due()\n    return f\nf = make(Rates)",
    "closed-over instance": FROM
    + "def make(rates):\n    def f(): return rates.due()\n    return f\nf = make(Rates())",
    "closed-over partial": FROM
    + "import functools\ndef make(p):\n    def f(): return p()\n    return f\nf = make(functools.partial(vat))",
    "partial": FROM + "import functools\nf = functools.partial(plain, vat)",
    "method calls another": "class Shop:\n    def due(self): return {rate}\n    def g(self): return self.due()\nf = Shop.g",
    "method of a base class": FROM + "class Shop(Base):\n    def g(self): return self.due()\nf = Shop.g",
    "property of the own class": "class Shop:\n    @property\n    def due(self): return {rate}\n    def g(self): return self.due\nf = Shop.g",
    "coroutine": IMPORT + "async def f(): return shop.prices.vat()",
    "generator": IMPORT + "def f(): yield shop.prices.vat()",
    "async generator": IMPORT + "async def f(): yield shop.prices.vat()",
    "comprehension": IMPORT + "def f(): return [shop.prices.vat() for _ in range(3)]",
    "lambda": IMPORT + "f = lambda: shop.prices.vat()",
}
FORMS = [*REACHED, *(f"{name} of the task" for name in DEFINED)]

ASK = """
import importlib, json, sys
from pegboard_cache.keys.identity import identity_of
sys.path.insert(0, sys.argv[1])
found = {}
for form in json.loads(sys.argv[2]):
    module = importlib.import_module(form)
    found[form] = identity_of(module.f).digest
    for name in [name for name in sys.modules if name.partition(".")[0] in ("shop", "beside")]:
        del sys.modules[name]
print(json.dumps(found))
"""


def write(root, rate):
    """Write the package with this rate in its helpers; return the names of the modules with an `f`, by form."""
    shop = root / "shop"
    shop.mkdir(parents=True)
    files = {"__init__": "", "prices": PRICES.format(rate=rate), "middle": "from shop.prices import vat\n"}
    heads = {form: f"{head}\ndef f():\n    {body}\n" for form, (head, body) in REACHED.items()}
    heads |= {f"{form} of the task": text.replace("{rate}", str(rate)) for form, text in DEFINED.items()}
    modules = {form: f"form{number}" for number, form in enumerate(heads)}
    files |= {modules[form]: text for form, text in heads.items()}
    for name, text in files.items():
        (shop / f"{name}.py").write_text(text)
    (root / "beside.py").write_text(f"def vat(): return {rate}\n")
    return {form: f"shop.{name}" for form, name in modules.items()}


OTHER = """
def loud(function):
    def inner(): return function()
    return inner
class Loud:
    def __init__(self, function): self.function = function
    def __call__(self): return self.function()
"""


@pytest.fixture(scope="module")
def digests(tmp_path_factory):
    """By form: the digest with one rate, with the same once more, and with another."""
    found = []
    packages = tmp_path_factory.mktemp("installed") / "site-packages"
    packages.mkdir()
    (packages / "other.py").write_text(OTHER)
    for rate in (19, 19, 21):
        root = tmp_path_factory.mktemp("root") / "here"
        modules = write(root, rate)
        code = f"import sys; sys.path.insert(0, {str(packages)!r})\n{ASK}"
        command = [sys.executable, "-B", "-c", code, str(root), json.dumps(list(modules.values()))]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        answers = json.loads(done.stdout)
        found.append({form: answers[module] for form, module in modules.items()})
    return found


@pytest.mark.parametrize("form", FORMS)
def test_edited_helper(digests, form):
    """An edited helper makes another function, however it is reached."""
    first, _, edited = digests
    assert first[form] != edited[form]


@pytest.mark.parametrize("form", FORMS)
def test_same_helper(digests, form):
    """A helper that was not edited makes the same function in every process, and from every folder."""
    first, again, _ = digests
    assert first[form] == again[form]

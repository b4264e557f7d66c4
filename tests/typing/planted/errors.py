"""Mistakes that both type checkers must flag: each line that ends in `# error`, and no other."""

from __future__ import annotations

from pegboard import Cache, On, Retry, Session, gather, parallel, pipeline, task
from pegboard.running.open_group import open_group
from pegboard_flow import Graph, flow


@task
def function(x: int) -> str:
    return str(x)


@task
async def coroutine(x: int) -> str:
    return str(x)


class Shop:
    @task
    def price(self, item: str) -> float:
        return float(len(item))

    @task
    @classmethod
    def class_inside(cls, item: str) -> float:
        return float(len(item))

    @classmethod
    @task
    def class_outside(cls, item: str) -> float:
        return float(len(item))

    @task
    @staticmethod
    def static_inside(item: str) -> float:
        return float(len(item))

    @staticmethod
    @task
    def static_outside(item: str) -> float:
        return float(len(item))


@flow
def report(day: str) -> str:
    return function(len(day))


function("a")  # error
function(1, 2)  # error
function()  # error
function(y=1)  # error
function.run("a")  # error
function.submit("a")  # error
text: int = function(1)  # error
Shop().price(1)  # error
Shop().price()  # error
Shop().price.run(1)  # error
Shop.class_inside(1)  # error
Shop.class_outside(1)  # error
Shop().class_inside(1)  # error
Shop().class_outside(1)  # error
Shop.static_inside(1)  # error
Shop.static_outside(1)  # error
Shop().static_inside(1)  # error
Shop().static_outside(1)  # error
Shop().price.with_options(nmae="x")  # error
Retry(times=3)  # error
Retry("3")  # error
Cache(tll=60)  # error
Session(strct=True)  # error
Session(defaults=[3])  # error
Session(executor=3)  # error
function.map([1], on_error="ignore")  # error
function.with_options(3)  # error
task(3)  # error
task(Retry(1), nmae="x")  # error
function.imap([1], on_error="aggregate")  # error
parallel(function(1))  # error
parallel(on_error="ignore")  # error
pipeline(function, inptu=1)  # error
On(3)  # error
report(1)  # error
report.run(day=1)  # error
days: int = report("x")  # error
flow(on_error="raise")  # error
Graph(on_error="raise")  # error
Graph().add_node("a", 3)  # error
open_group("graph")  # error
with open_group("graph", "g") as group:
    group.call(function, "a")  # error
    group.make(function, y=1)  # error
    group.submit(group.make(function, 1), 2)  # error
    group.start("function")  # error


async def main() -> None:
    await coroutine("a")  # error
    number: int = await coroutine(1)  # error
    print(number)
    await function(1)  # error
    await gather(coroutine(1), on_error="ignore")  # error
    await report.acall(1)  # error


function(1)
Retry(3)
Shop().price("x")
Shop.class_inside("x")
Shop().static_outside("x")

"""Mistakes that both type checkers must flag: each line that ends in `# error`, and no other."""

from __future__ import annotations

from pegboard import Cache, Retry, Session, task


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


function("a")  # error
function(1, 2)  # error
function()  # error
function(y=1)  # error
function.run("a")  # error
function.submit("a")  # error
text: int = function(1)  # error
Shop().price(1)  # error
Retry(times=3)  # error
Retry("3")  # error
Cache(tll=60)  # error
Session(strct=True)  # error
function.map([1], on_error="ignore")  # error
function.with_options(3)  # error
task(3)  # error
task(Retry(1), nmae="x")  # error


async def main() -> None:
    await coroutine("a")  # error
    number: int = await coroutine(1)  # error
    print(number)
    await function(1)  # error


function(1)
Retry(3)

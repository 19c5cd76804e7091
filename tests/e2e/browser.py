"""Chromium, driven by Playwright in the one thread that its objects belong to."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

import trio

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--ignore-certificate-errors",
    "--allow-loopback-in-peer-connection",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
DEFAULT_SECONDS = 15.0
POLL_MS = 50
T = TypeVar("T")


class Browser:
    """One Chromium. Every use of Playwright goes through `do`."""

    def __init__(self, executor: ThreadPoolExecutor, chromium: Any) -> None:
        self._executor = executor
        self._chromium = chromium

    async def do(self, work: Callable[[], T]) -> T:
        """Run `work` in Playwright's thread. It bounds itself, and is never left alone."""
        token, done = trio.lowlevel.current_trio_token(), trio.Event()
        future: Future[T] = self._executor.submit(work)
        future.add_done_callback(lambda _: token.run_sync_soon(done.set))
        with trio.CancelScope(shield=True):
            await done.wait()
        return future.result()

    async def open_page(self, url: str) -> "Page":
        """A page of a fresh profile."""

        def work() -> Page:
            context = self._chromium.new_context(ignore_https_errors=True)
            handle = context.new_page()
            page = Page(self, context, handle)
            handle.on("pageerror", lambda error: page.problems.append(str(error)))
            handle.on("console", lambda line: page.console.append(f"{line.type}: {line.text}"))
            handle.goto(url)
            return page

        return await self.do(work)


class Page:
    """A tab. `problems` are exceptions that nobody in the page caught."""

    def __init__(self, browser: Browser, context: Any, handle: Any) -> None:
        self.problems: list[str] = []
        self.console: list[str] = []
        self._browser = browser
        self._context = context
        self._handle = handle

    async def run(self, expression: str, argument: object = None, *, seconds: float = DEFAULT_SECONDS) -> Any:
        """What `expression` comes to, promises awaited; `it` is the argument."""
        script = f"(it) => within({seconds * 1000}, async () => ({expression}))"
        return await self._browser.do(lambda: self._handle.evaluate(script, argument))

    async def until(
        self, condition: str, argument: object = None, *, seconds: float = DEFAULT_SECONDS
    ) -> None:
        """Wait until `condition` is so; on failure, tell what the page has seen."""
        script = f"(it) => Boolean({condition})"

        def work() -> None:
            self._handle.wait_for_function(script, arg=argument, polling=POLL_MS, timeout=seconds * 1000)

        try:
            await self._browser.do(work)
            return
        except import_module("playwright.sync_api").TimeoutError:
            pass
        seen = await self.run("({ entries, loudest: loudest(), gap: gap.longest })")
        missed = f"not within {seconds} s: {condition} of {argument!r}"
        raise AssertionError(f"{missed}\n{seen}\n{self.problems}\n{self.console}")

    async def reload(self) -> None:
        await self._browser.do(lambda: self._handle.reload())

    async def close(self) -> None:
        """Close the page and its profile; no handler of the page is run."""
        await self._browser.do(lambda: self._context.close())


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium for as long as the block; nothing of it is left behind.

    Raises:
        RuntimeError: it is not installed.
    """
    executable = shutil.which("chromium")
    if executable is None:
        raise RuntimeError("chromium is not installed: use `make e2e`")
    with ThreadPoolExecutor(1, thread_name_prefix="playwright") as executor:
        playwright = executor.submit(import_module("playwright.sync_api").sync_playwright().start).result()
        try:
            chromium = executor.submit(
                lambda: playwright.chromium.launch(
                    executable_path=executable, chromium_sandbox=False, args=list(FLAGS)
                )
            ).result()
            try:
                yield Browser(executor, chromium)
            finally:
                executor.submit(chromium.close).result()
        finally:
            executor.submit(playwright.stop).result()

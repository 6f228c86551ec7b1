"""``ecg caption FILE``: through the REST API, as any client would, with bars to watch."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ecg.captions import Style
from ecg.cli.account import exempt, local_account, signed_in
from ecg.cli.bars import Bars, Stage
from ecg.cli.client import Account, Api, Refused
from ecg.cli.here import a_stack
from ecg.cli.sheet import contact_sheet
from ecg.config import settings
from ecg.errors import BadRequest, Cancelled, EcgError
from ecg.transcript import Transcript

_INTERRUPTED = 130
_PICTURE = ("quality", "fps", "aspect", "layout", "overlay", "format")
_FORMATS = ("mp4", "mov", "webm")
Params = dict[str, Any]


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="The file to write: mp4, mov or webm. Default: FILE with `.captioned.mp4`.")  # fmt: skip
@click.option("--sheet", is_flag=True,
              help="Show a few moments in every style, in one picture; no video is made.")  # fmt: skip
@click.option("--language", help="Language spoken, such as `en`. Default: found by the engine.")
@click.option("--engine", help="Speech engine. Default: the best one on the server.")
@click.option("--speakers", type=click.IntRange(1, 20), help="How many people speak. Default: found out.")
@click.option("--captions", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A SubRip or WebVTT file whose words are to be taken, instead of listening.")  # fmt: skip
@click.option("--script", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A text file with what is spoken, a caption a line; it is laid on the sound.")  # fmt: skip
@click.option("--hotword", "hotwords", multiple=True,
              help="A name or term that is likely to be said; give it again for more.")  # fmt: skip
@click.option("--style", help="Caption style. Default: `intention`.")
@click.option("--strength", type=click.FloatRange(0, 1), help="How strongly the voice shows. Default: 1.")
@click.option("--quality", type=click.IntRange(10, 100), help="Picture quality. Default: 80.")
@click.option("--fps", type=click.FloatRange(1, 60), help="Frames per second. Default: the source's.")
@click.option("--aspect", type=click.Choice(["16:9", "9:16", "1:1"]), help="Default: the source's.")
@click.option("--layout", type=click.Choice(["fit", "fill", "blur"]),
              help="How it meets another aspect: bars, edges cut off, or a blurred copy behind.")  # fmt: skip
@click.option("--overlay", is_flag=True, default=None,
              help="The captions alone on transparency, as ProRes 4444 (mov) or webm.")  # fmt: skip
@click.option("--url", help="An ECG server. Default: the one of this machine, started if none runs.")
@click.option("--serve", is_flag=True, help="Then leave ECG running and say how to sign in; Ctrl-C ends it.")
@click.option("--email", envvar="ECG_EMAIL", help="Account on the server.", show_envvar=True)
@click.option("--password", envvar="ECG_PASSWORD", help="Its password.", show_envvar=True)
@click.pass_context
def caption(
    ctx: click.Context, file: Path, output: Path | None, url: str | None, email: str | None,
    password: str | None, serve: bool, **options: Any,
) -> None:  # fmt: skip
    """Burn expressive captions into FILE."""
    for name in ("captions", "script"):
        options[name] = _text_of(options[name])
    options["hotwords"] = list(options["hotwords"]) or None
    output = output or file.with_suffix(_usual_suffix(options))
    options["format"] = _format_of(output, options)
    if not output.absolute().parent.is_dir():
        raise BadRequest(f"There is no folder {output.absolute().parent} to write {output.name} into.")
    console = Console(highlight=False, soft_wrap=True)
    try:
        with _interruptible(), _server(url, email, password, console.print) as api:
            Captioning(api, console).run(file, output, options)
            if serve:
                _serve(api, console)
    except KeyboardInterrupt:
        console.print("Stopped.")
        ctx.exit(_INTERRUPTED)


def _text_of(file: Path | None) -> str | None:
    try:
        return file.read_text("utf-8-sig") if file else None
    except UnicodeDecodeError:
        raise BadRequest(f"{file} is not in UTF-8; save it with that encoding.") from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does: the job is cancelled, the stack stopped."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _server(
    url: str | None, email: str | None, password: str | None, say: Callable[[str], None]
) -> Iterator[Api]:
    if bool(email) != bool(password):
        raise BadRequest("An account takes both --email and --password.")
    account = Account(email, password) if email and password else None
    if url:
        if account is None:
            raise BadRequest("A server named by --url takes --email and --password.")
        yield signed_in(url.rstrip("/"), account, make=False)
        return
    with a_stack(settings(), say) as stack:
        if account:
            yield signed_in(stack.url, account, make=False)
            return
        own = local_account(settings().data_dir)
        api = signed_in(stack.url, own, make=True)
        exempt(own)
        yield api


def _serve(api: Api, console: Console) -> None:
    account = api.account
    for line in (f"The web page: {api.url}", f"Email: {account.email}", f"Password: {account.password}",
                 "Ctrl-C stops everything."):  # fmt: skip
        console.print(line, markup=False)
    signal.pause()


class Captioning:
    """One file's way through the API."""

    def __init__(self, api: Api, console: Console) -> None:
        self._api, self._console = api, console

    def run(self, file: Path, output: Path, options: Params) -> None:
        """Upload, analyse, render, download; then say what was used. Raises what the job failed with."""
        with Bars(self._console) as bars:
            video = self._upload(file, bars.stage("Upload"))
            analysis = self._work(bars.stage("Analysis"), f"/api/videos/{video}/analyze", "job_id",
                                  _given(options, "language", "engine", "speakers", "captions", "script",
                                         "hotwords"))  # fmt: skip
            if options["sheet"]:
                self._sheet(file, video, output, bars.stage("Styles"))
                return
            render = self._work(bars.stage("Render"), "/api/render/create", "jobId",
                                {"videoId": video, **_given(options, "style", "strength"),
                                 "options": _given(options, *_PICTURE)})  # fmt: skip
            self._download(render["download_url"], output, bars.stage("Download"))
        self._report(analysis, render, output)

    def _upload(self, file: Path, stage: Stage) -> str:
        size_bytes, sent = max(1, file.stat().st_size), 0

        def count(block_bytes: int) -> None:
            nonlocal sent
            sent += block_bytes
            stage.show(100 * sent / size_bytes)

        return self._api.upload(file, count)

    def _work(self, stage: Stage, path: str, id_field: str, body: Params) -> dict[str, Any]:
        """Start a job and watch it to a good end; Ctrl-C cancels it."""
        job_id = self._api.start(path, **body)[id_field]
        try:
            job = self._api.follow(job_id, lambda now: stage.show(now["progress"], now["message"]["en"]))
        except KeyboardInterrupt:
            self._cancel(job_id)
            raise
        if job["status"] == "cancelled":
            raise Cancelled("The job was cancelled.")
        if job["status"] == "failed":
            raise Refused(job["error"]["code"], job["error"]["message"], 0)
        return job

    def _cancel(self, job_id: str) -> None:
        try:
            self._api.ask("POST", f"/api/jobs/{job_id}/cancel")
        except EcgError as error:
            self._console.print(f"Job {job_id} could not be cancelled: {error.message}", markup=False)

    def _download(self, url: str, output: Path, stage: Stage) -> None:
        for done, total in self._api.download(url, output):
            stage.show(100 * done / max(1, total))

    def _sheet(self, file: Path, video: str, output: Path, stage: Stage) -> None:
        result = self._api.ask("GET", f"/api/videos/{video}/result")
        styles = [self._api.ask("GET", f"/api/styles/{style['name']}")
                  for style in self._api.ask("GET", "/api/styles")]  # fmt: skip
        picture = contact_sheet(file, Transcript.from_json(result), list(map(Style.from_json, styles)),
                                lambda share: stage.show(100 * share))  # fmt: skip
        picture.save(output)
        print(output.absolute())

    def _report(self, analysis: dict[str, Any], render: dict[str, Any], output: Path) -> None:
        heard, drawn = _results(analysis, "transcribe"), _results(render, "chunk")
        lines = [
            f"Speech engine: {heard.get('engine')} ({heard.get('model')})",
            f"Encoder: {drawn.get('encoder')}; frames captured by: {drawn.get('path')}",
            *(f"Warning: {warning}" for warning in (*analysis["warnings"], *render["warnings"])),
        ]
        for line in lines:
            self._console.print(line, markup=False)
        print(output.absolute())  # alone on its line, never wrapped: scripts read it


def _usual_suffix(options: Params) -> str:
    if options["sheet"]:
        return ".styles.png"
    return ".captions.mov" if options["overlay"] else ".captioned.mp4"


def _format_of(output: Path, options: Params) -> str:
    """The kind of video that the name of the file asks for."""
    asked = output.suffix.removeprefix(".").lower()
    if options["overlay"] and asked == "mp4":
        raise BadRequest("mp4 holds no transparency; let the name of the overlay end in .mov or .webm.")
    if asked in _FORMATS or options["sheet"]:
        return asked
    raise BadRequest(f"ECG makes no video called {output.name}; let its name end in .mp4, .mov or .webm.")


def _given(options: Params, *names: str) -> Params:
    return {name: options[name] for name in names if options[name] is not None}


def _results(job: dict[str, Any], step_name: str) -> dict[str, Any]:
    found = [step["result"] for step in job["steps"] if step["name"] == step_name and step["result"]]
    return found[0] if found else {}

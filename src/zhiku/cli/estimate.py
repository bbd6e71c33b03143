"""What a rule would make of a file, from the command line; no server is needed."""

import json
from pathlib import Path

import msgspec
import typer

from zhiku.documents.file_types import check_filename, split_name
from zhiku.documents.rules import automatic_rule, parse_process_rule, rule_for_form
from zhiku.errors import DocumentUnreadable, ZhikuError
from zhiku.ingestion.estimate import Estimate, Wish, make_estimate
from zhiku.ingestion.extract.sandbox import SandboxError, limits_of
from zhiku.settings import Settings


def show(settings: Settings, file: Path, rule: str | None, form: str | None, page: tuple[int, int]) -> Estimate:
    """Return what the rule makes of the file; `page` is the first segment, from 0, and how many. Exits with 1."""
    try:
        return make_estimate(limits_of(settings), _wish(settings, file, rule, form, page))
    except (ZhikuError, DocumentUnreadable, SandboxError) as error:
        typer.echo(f"{file}: {error}", err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{file}: {error.strerror}", err=True)
        raise typer.Exit(1) from error


def print_text(estimate: Estimate) -> None:
    """Print the segments for a person to read."""
    for segment in estimate.segments:
        typer.echo(f"#{segment.position}  {segment.word_count} characters, {segment.tokens} tokens")
        typer.echo(segment.content)
        if segment.answer is not None:
            typer.echo(f"-> {segment.answer}")
        for child in segment.children:
            typer.echo(f"  #{segment.position}.{child.position}  {child.content}")
        typer.echo()
    typer.echo(f"Segments: {estimate.total}, {len(estimate.segments)} of them shown")
    typer.echo(f"Child chunks: {estimate.children}")
    typer.echo(f"Tokens: {estimate.tokens}")


def print_json(estimate: Estimate) -> None:
    """Print the estimate for a program to read."""
    typer.echo(msgspec.json.encode(estimate).decode())


def _wish(settings: Settings, file: Path, rule: str | None, form: str | None, page: tuple[int, int]) -> Wish:
    check_filename(file.name)
    try:
        sent = json.loads(rule) if rule is not None else None
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--rule") from error
    parsed = (
        automatic_rule() if sent is None else parse_process_rule(sent, max_tokens_limit=settings.segment_max_tokens)
    )
    doc_form = form or ("hierarchical_model" if parsed.mode == "hierarchical" else "text_model")
    offset, limit = page
    extension = split_name(file.name)[1].lower()
    return Wish(file.read_bytes(), extension, rule_for_form(parsed, doc_form), doc_form, offset, limit)

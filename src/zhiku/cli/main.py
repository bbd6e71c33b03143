"""The commands, each with its options."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from zhiku import __version__
from zhiku.access.actor import Role
from zhiku.cli import console, estimate, evaluate, index, keys
from zhiku.cli.serve import run_server
from zhiku.cli.work import run_child_worker
from zhiku.documents.schemas import DocumentForm
from zhiku.settings import Settings

app = typer.Typer(
    help="Zhiku: a self-hosted knowledge-base server.", no_args_is_help=True, pretty_exceptions_enable=False
)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

index_app = typer.Typer(help="The search index.", no_args_is_help=True)
app.add_typer(index_app, name="index")

console_app = typer.Typer(help="The console.", no_args_is_help=True)
app.add_typer(console_app, name="console")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept. [default: ./data]")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [default: 5001]")] = None,
    data_dir: DataDir = None,
    sample: Annotated[bool, typer.Option(help="Load the sample dataset on the first start.")] = True,
) -> None:
    """Start the server; Ctrl-C or SIGTERM stops it."""
    raise typer.Exit(run_server(_settings(host=host, port=port, data_dir=data_dir), is_sample_wanted=sample))


@app.command(hidden=True)
def worker(data_dir: DataDir = None) -> None:
    """Run jobs for the server that started this process."""
    run_child_worker(_settings(data_dir=data_dir))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command("estimate")
def estimate_file(
    file: Path,
    rule: Annotated[str | None, typer.Option(help="Process rule as JSON. [default: automatic]")] = None,
    form: Annotated[DocumentForm | None, typer.Option(help="How the text becomes segments.")] = None,
    first: Annotated[int, typer.Option(min=1, help="The first segment to print.")] = 1,
    limit: Annotated[int, typer.Option(min=0, help="How many segments to print.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program.")] = False,
) -> None:
    """Show the segments that a rule would make of a file; nothing is stored and no server is needed."""
    made = estimate.show(_settings(), file, rule, form, (first - 1, limit))
    (estimate.print_json if as_json else estimate.print_text)(made)


@app.command("eval")
def evaluate_dataset(
    dataset: Annotated[str, typer.Argument(help="Id or name of the dataset.")],
    questions: Annotated[Path, typer.Argument(help="CSV file: question, document, segment, position, grade.")],
    method: Annotated[list[str] | None, typer.Option(help="What to compare, repeated. [default: all]")] = None,
    url: Annotated[str, typer.Option(help="Where the server runs.")] = "http://127.0.0.1:5001",
    key: Annotated[str, typer.Option(envvar="ZHIKU_API_KEY", help="A key that may write.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program.")] = False,
) -> None:
    """Ask a running server a file's questions and print how well each search method finds their answers."""
    settings = [{"search_method": name} for name in method or evaluate.METHODS]
    run = evaluate.evaluate(evaluate.Server(url, key), dataset, questions, settings)
    (evaluate.print_json if as_json else evaluate.print_table)(run)


@keys_app.command("create")
def create_key(
    name: str,
    role: Annotated[Role, typer.Option(help="What it may do.")] = "admin",
    dataset: Annotated[list[str] | None, typer.Option(help="Id of a dataset it sees, repeated; all without.")] = None,
    member: Annotated[str | None, typer.Option(help="Whose it is: a new member's name or a known one's id.")] = None,
    expires_in: Annotated[str | None, typer.Option(help="When it ends, such as 12h or 30d; never without.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Create a key and print it; it is shown this once."""
    wanted = {"name": name, "role": role, "dataset_ids": dataset or None}
    keys.create(_settings(data_dir=data_dir), wanted | keys.read_member(member) | keys.read_end(expires_in))


@keys_app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="Print what the API says of each.")] = False,
    data_dir: DataDir = None,
) -> None:
    """List keys with their ids and rights; the keys themselves are not stored."""
    keys.show_all(_settings(data_dir=data_dir), is_json=as_json)


@keys_app.command("revoke")
def revoke_key(key_id: str, data_dir: DataDir = None) -> None:
    """Refuse a key from now on."""
    keys.revoke(_settings(data_dir=data_dir), key_id)


@console_app.command("password")
def set_console_password(data_dir: DataDir = None) -> None:
    """Ask for a new password of the console; everybody is signed out."""
    console.set_password(_settings(data_dir=data_dir))


@index_app.command("rebuild")
def rebuild_index(
    dataset: Annotated[str | None, typer.Option(help="Id of one dataset. [default: all]")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the end.")] = 3600.0,
    data_dir: DataDir = None,
) -> None:
    """Build search shards anew from the catalog; no model is called."""
    index.rebuild(_settings(data_dir=data_dir), dataset, wait)


@index_app.command("switches")
def list_index_switches(data_dir: DataDir = None) -> None:
    """List datasets on their way to another technique or embedding model, and why one was given up."""
    index.show_switches(_settings(data_dir=data_dir))


def _settings(**given: Any) -> Settings:
    """Return the settings: the command line over the environment over the defaults; exit with 2 if one is wrong."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = str(problem["loc"][0]) if problem["loc"] else ""
            shown = f"--{name.replace('_', '-')}" if given.get(name) is not None else f"ZHIKU_{name.upper()}"
            typer.echo(f"{shown}: {problem['msg']}", err=True)
        raise typer.Exit(2) from error

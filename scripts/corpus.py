"""Make the real files of tests/data/corpus from the sources in scripts/corpus, by real programs.

Needs LibreOffice 7.4 with Python-UNO, and pandoc, as Debian 12 packages them (libreoffice-writer-nogui, -calc-nogui,
-impress-nogui, python3-uno, fonts-droid-fallback, pandoc), and the system's own Python. The files are kept in the
project, so that tests need none of these; run this only to add one. `tests/unit/ingestion/extract/test_corpus.py`
compares what comes through of each with a text in tests/data/corpus/golden; with ZHIKU_WRITE_GOLDEN=1 it writes those.
"""

import gzip
import importlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parent / "corpus"
CORPUS = SOURCES.parent.parent / "tests" / "data" / "corpus"
OFFICE = (
    ("report.fodt", ("docx", "odt", "doc", "rtf", "epub", "pdf", "html")),
    ("figures.fods", ("xlsx", "xls", "ods")),
    ("slides.fodp", ("pptx", "ppt", "odp")),
)
PANDOC = ("docx", "odt", "epub", "html")
LOCKED = (
    ("report.fodt", (("odt", "writer8"), ("doc", "MS Word 97"))),
    ("figures.fods", (("ods", "calc8"), ("xls", "MS Excel 97"))),
)
# LibreOffice fills these with zeros, or writes pictures as digits.
PACKED = ("ppt", "doc", "xls", "rtf")
PIPE = "zhiku-corpus"


def main() -> None:
    """Make every file anew."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    for source, extensions in OFFICE:
        for extension in extensions:
            command = ["soffice", "--headless", "--convert-to", extension, "--outdir", str(CORPUS), SOURCES / source]
            subprocess.run(command, check=True, capture_output=True)
            pack(CORPUS / f"{Path(source).stem}.{extension}")
    for extension in PANDOC:
        target = CORPUS / f"book.{extension}"
        options = ["-s", "--self-contained"] if extension == "html" else ["-s"]
        subprocess.run(["pandoc", *options, "book.md", "-o", target], check=True, cwd=SOURCES)
    lock_files(CORPUS / "locked")
    # Pictures that LibreOffice writes beside its HTML.
    for left in CORPUS.glob("*.png"):
        left.unlink()
    sys.stdout.write(f"{sum(path.stat().st_size for path in CORPUS.rglob('*.*')):,} bytes\n")


def pack(path: Path) -> None:
    """Compress a file of a format that wastes space."""
    if path.suffix.removeprefix(".") in PACKED:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()


def lock_files(folder: Path) -> None:
    """Write files that need a password: only LibreOffice's programming interface can."""
    uno: Any = importlib.import_module("uno")
    new_setting = uno.getClass("com.sun.star.beans.PropertyValue")

    def setting(name: str, value: object) -> Any:
        made = new_setting()
        made.Name, made.Value = name, value
        return made

    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            "soffice",
            f"-env:UserInstallation=file://{profile}",
            "--headless",
            f"--accept=pipe,name={PIPE};urp;",
        ]
        office = subprocess.Popen(command)
        context = connect(uno)
        desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        for source, targets in LOCKED:
            document = desktop.loadComponentFromURL(
                (SOURCES / source).as_uri(), "_blank", 0, (setting("Hidden", True),)
            )
            for extension, name in targets:
                locked = (setting("FilterName", name), setting("Password", "secret"))
                document.storeToURL((folder / f"locked.{extension}").as_uri(), locked)
            document.close(True)
        document = desktop.loadComponentFromURL(
            (SOURCES / LOCKED[-1][0]).as_uri(), "_blank", 0, (setting("Hidden", True),)
        )
        password = (setting("EncryptFile", True), setting("DocumentOpenPassword", "secret"))
        data = setting("FilterData", uno.Any("[]com.sun.star.beans.PropertyValue", password))
        document.storeToURL((folder / "locked.pdf").as_uri(), (setting("FilterName", "calc_pdf_Export"), data))
        document.close(True)
        desktop.terminate()
        office.wait(30)


def connect(uno: Any) -> Any:
    """The running LibreOffice, as soon as it answers."""
    resolver_name = "com.sun.star.bridge.UnoUrlResolver"
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext(resolver_name, local)
    for _ in range(60):
        try:
            return resolver.resolve(f"uno:pipe,name={PIPE};urp;StarOffice.ComponentContext")
        except uno.getClass("com.sun.star.connection.NoConnectException"):
            time.sleep(0.5)
    raise SystemExit("LibreOffice does not answer.")


if __name__ == "__main__":
    main()

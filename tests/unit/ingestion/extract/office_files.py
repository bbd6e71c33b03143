"""Small Office and EPUB files, written part by part so that a test says exactly what is in them."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
SHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SLIDE = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
TYPES = 'xmlns="http://schemas.openxmlformats.org/package/2006/content-types"'
DOCUMENT = "application/vnd.openxmlformats-officedocument"


def zip_of(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip archive with these members, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def paragraph(text: str, style: str = "", numbered: bool = False) -> str:
    """A Word paragraph; `style` is a style id such as Heading1."""
    properties = f'<w:pStyle w:val="{style}"/>' if style else ""
    if numbered:
        properties += '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def word_table(rows: Sequence[Sequence[str]]) -> str:
    """A Word table."""
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def docx(*blocks: str, doctype: str = "") -> bytes:
    """A Word document of these blocks (see `paragraph` and `word_table`)."""
    levels = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/>'
        f'<w:pPr><w:outlineLvl w:val="{n - 1}"/></w:pPr></w:style>'
        for n in (1, 2, 3)
    )
    numbering = (
        '<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/>'
        '<w:lvlText w:val="•"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    )
    kinds = {"document": "document.main", "styles": "styles", "numbering": "numbering"}
    overrides = "".join(
        f'<Override PartName="/word/{part}.xml" ContentType="{DOCUMENT}.wordprocessingml.{kind}+xml"/>'
        for part, kind in kinds.items()
    )
    return zip_of(
        {
            "[Content_Types].xml": content_types(overrides),
            "_rels/.rels": relations(("officeDocument", "word/document.xml")),
            "word/_rels/document.xml.rels": relations(("styles", "styles.xml"), ("numbering", "numbering.xml")),
            "word/styles.xml": f"{HEAD}<w:styles {WORD}>{levels}</w:styles>",
            "word/numbering.xml": f"{HEAD}<w:numbering {WORD}>{numbering}</w:numbering>",
            "word/document.xml": f"{HEAD}{doctype}<w:document {WORD}><w:body>{''.join(blocks)}</w:body></w:document>",
        }
    )


def xlsx(sheets: Mapping[str, Sequence[Sequence[str | float]]]) -> bytes:
    """A workbook; each sheet is a list of rows."""
    parts: dict[str, str | bytes] = {}
    overrides = f'<Override PartName="/xl/workbook.xml" ContentType="{DOCUMENT}.spreadsheetml.sheet.main+xml"/>'
    listed = ""
    for number, (name, rows) in enumerate(sheets.items(), 1):
        overrides += (
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" '
            f'ContentType="{DOCUMENT}.spreadsheetml.worksheet+xml"/>'
        )
        listed += f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
        body = "".join(sheet_row(position, row) for position, row in enumerate(rows, 1))
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f"{HEAD}<worksheet {SHEET}><sheetData>{body}</sheetData></worksheet>"
        )
    targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)]
    return zip_of(
        {
            "[Content_Types].xml": content_types(overrides),
            "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
            "xl/_rels/workbook.xml.rels": relations(*targets),
            "xl/workbook.xml": (f'{HEAD}<workbook {SHEET} xmlns:r="{RELATION}"><sheets>{listed}</sheets></workbook>'),
            **parts,
        }
    )


def sheet_row(position: int, row: Sequence[str | float]) -> str:
    """One row of a worksheet, text inline; an empty string leaves the cell out."""
    cells = ""
    for column, value in enumerate(row):
        reference = f"{chr(65 + column)}{position}"
        if isinstance(value, str) and value:
            cells += f'<c r="{reference}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        elif not isinstance(value, str):
            cells += f'<c r="{reference}"><v>{value}</v></c>'
    return f'<row r="{position}">{cells}</row>'


def pptx(slides: Sequence[tuple[str, Sequence[str]]]) -> bytes:
    """A presentation; each slide is a title and its lines."""
    parts: dict[str, str | bytes] = {}
    overrides = (
        f'<Override PartName="/ppt/presentation.xml" ContentType="{DOCUMENT}.presentationml.presentation.main+xml"/>'
    )
    listed = ""
    for number, (title, lines) in enumerate(slides, 1):
        overrides += (
            f'<Override PartName="/ppt/slides/slide{number}.xml" ContentType="{DOCUMENT}.presentationml.slide+xml"/>'
        )
        listed += f'<p:sldId id="{255 + number}" r:id="rId{number}"/>'
        shapes = shape(2, '<p:ph type="title"/>', [title]) + shape(3, '<p:ph idx="1"/>', lines)
        parts[f"ppt/slides/slide{number}.xml"] = (
            f"{HEAD}<p:sld {SLIDE}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        )
    targets = [("slide", f"slides/slide{number}.xml") for number in range(1, len(slides) + 1)]
    return zip_of(
        {
            "[Content_Types].xml": content_types(overrides),
            "_rels/.rels": relations(("officeDocument", "ppt/presentation.xml")),
            "ppt/_rels/presentation.xml.rels": relations(*targets),
            "ppt/presentation.xml": (
                f"{HEAD}<p:presentation {SLIDE}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>"
            ),
            **parts,
        }
    )


def shape(number: int, placeholder: str, lines: Sequence[str]) -> str:
    """A text shape of a slide."""
    text = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in lines)
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="shape {number}"/><p:cNvSpPr/><p:nvPr>{placeholder}</p:nvPr>'
        f"</p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>{text}</p:txBody></p:sp>"
    )


def epub(chapters: Sequence[tuple[str, str]]) -> bytes:
    """A book; each chapter is a heading and a paragraph."""
    numbers = range(1, len(chapters) + 1)
    items = "".join(f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in numbers)
    spine = "".join(f'<itemref idref="c{n}"/>' for n in numbers)
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": (
            '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
        ),
        "book.opf": (
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Book</dc:title></metadata>'
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
        ),
    }
    for number, (heading, text) in enumerate(chapters, 1):
        parts[f"c{number}.xhtml"] = (
            f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{escape(heading)}</title></head>'
            f"<body><h1>{escape(heading)}</h1><p>{escape(text)}</p></body></html>"
        )
    return zip_of(parts)


def odt(*paragraphs: str) -> bytes:
    """An OpenDocument text of these paragraphs."""
    names = "urn:oasis:names:tc:opendocument:xmlns"
    text = "".join(f"<text:p>{escape(line)}</text:p>" for line in paragraphs)
    return zip_of(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "META-INF/manifest.xml": (
                f'<manifest:manifest xmlns:manifest="{names}:manifest:1.0"><manifest:file-entry '
                'manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.text"/>'
                "</manifest:manifest>"
            ),
            "content.xml": (
                f'{HEAD}<office:document-content xmlns:office="{names}:office:1.0" xmlns:text="{names}:text:1.0">'
                f"<office:body><office:text>{text}</office:text></office:body></office:document-content>"
            ),
        }
    )


def content_types(overrides: str) -> str:
    """The list of part types every Office package begins with."""
    defaults = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
    )
    return f"{HEAD}<Types {TYPES}>{defaults}{overrides}</Types>"


def relations(*targets: tuple[str, str]) -> str:
    """A relationships part; each target is its kind and path, numbered rId1, rId2…"""
    listed = "".join(
        f'<Relationship Id="rId{number}" Type="{RELATION}/{kind}" Target="{path}"/>'
        for number, (kind, path) in enumerate(targets, 1)
    )
    return f"{HEAD}<Relationships {RELATIONS}>{listed}</Relationships>"

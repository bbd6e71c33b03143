"""Files made to hurt whoever reads them: each is small, and what it asks for is not."""

import io
import zipfile
import zlib

from tests.unit.ingestion.extract.office_files import HEAD, WORD, docx, paragraph, zip_of
from tests.unit.ingestion.extract.pdf_files import assemble, pdf, stream

ENTITIES = "<!DOCTYPE lolz [<!ENTITY e0 'ha'>" + "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12))
OUTSIDE = "<!DOCTYPE r [<!ENTITY outside SYSTEM 'file:///etc/passwd'>]>"
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"


def zip_bomb(megabytes: int) -> bytes:
    """A Word file whose text unpacks to that much white space."""
    body = f"{HEAD}<w:document {WORD}><w:body><w:p><w:r><w:t>".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w", force_zip64=True) as member:
            member.write(body)
            for _ in range(megabytes):
                member.write(b" " * (1 << 20))
            member.write(b"</w:t></w:r></w:p></w:body></w:document>")
    return buffer.getvalue()


def lying_zip_bomb(megabytes: int) -> bytes:
    """The same, with a directory that says it is small."""
    content = bytearray(zip_bomb(megabytes))
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    return bytes(content)


def many_members(count: int) -> bytes:
    """A Word file with that many parts."""
    return zip_of({**{f"word/{n}.xml": "<a/>" for n in range(count)}, "word/document.xml": "<a/>"})


def entity_bomb() -> bytes:
    """XML whose entities unfold to 10^11 times their length."""
    return f"<?xml version='1.0'?>{ENTITIES}]><r>&e11;</r>".encode()


def entity_bomb_in_word() -> bytes:
    """The same in a Word file."""
    return docx("<w:p><w:r><w:t>&e11;</w:t></w:r></w:p>", doctype=f"{ENTITIES}]>")


def outside_entity() -> bytes:
    """XML that asks for a file of the machine."""
    return f"<?xml version='1.0'?>{OUTSIDE}<r>before &outside; after</r>".encode()


def outside_entity_in_word() -> bytes:
    """The same in a Word file."""
    return docx("<w:p><w:r><w:t>before &outside; after</w:t></w:r></w:p>", doctype=OUTSIDE)


def deep_markup(depth: int, tag: str = "div") -> bytes:
    """HTML or XML as deep as that."""
    return (f"<{tag}>" * depth + "bottom" + f"</{tag}>" * depth).encode()


def deep_tables(depth: int) -> bytes:
    """A Word file with tables in tables."""
    return docx("<w:tbl><w:tr><w:tc>" * depth + paragraph("bottom") + "</w:tc></w:tr></w:tbl>" * depth)


def deep_rich_text(depth: int) -> bytes:
    """RTF with groups in groups."""
    return b"{\\rtf1 " + b"{\\b " * depth + b"bottom" + b"}" * depth + b"}"


def deep_mail(depth: int) -> bytes:
    """A mail with messages in messages."""
    parts = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(depth))
    return f"From: a@b.c\r\n{parts}\r\nbottom".encode()


def far_cell() -> bytes:
    """A workbook of two cells, at opposite corners of the largest sheet there can be."""
    cells = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>first</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    return zip_of(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{relation}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" '
            f'Type="{relation}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relation}"><sheets><sheet name="a" sheetId="1" '
            'r:id="rId1"/></sheets></workbook>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
        }
    )


def word_of_pictures(count: int) -> bytes:
    """A Word file with that many pictures, all different."""
    inside = "http://schemas.openxmlformats.org/drawingml/2006"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    drawn = "".join(
        f'<w:p><w:r><w:drawing><wp:inline xmlns:wp="{inside}/wordprocessingDrawing"><wp:docPr id="{n}" '
        f'name="Picture {n}"/><a:graphic xmlns:a="{inside}/main"><a:graphicData>'
        f'<pic:pic xmlns:pic="{inside}/picture"><pic:blipFill>'
        f'<a:blip xmlns:r="{kind}" r:embed="r{n}"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline>'
        "</w:drawing></w:r></w:p>"
        for n in range(count)
    )
    related = "".join(f'<Relationship Id="r{n}" Type="{kind}/image" Target="media/{n}.png"/>' for n in range(count))
    return zip_of(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{kind}/officeDocument"'
            ' Target="word/document.xml"/></Relationships>',
            "word/document.xml": f"{HEAD}<w:document {WORD}><w:body>{paragraph('text')}{drawn}</w:body></w:document>",
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}">{related}</Relationships>',
            **{f"word/media/{n}.png": b"\x89PNG\r\n\x1a\n" + n.to_bytes(4, "big") for n in range(count)},
        }
    )


def book(package: str, **members: str) -> bytes:
    """An EPUB with this package document."""
    return zip_of(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="b.opf"/></container>',
            "b.opf": package,
            **members,
        }
    )


def book_of_itself() -> bytes:
    """An EPUB whose every chapter is its own package document, again and again."""
    item = '<item id="{0}" href="b.opf" media-type="application/xhtml+xml"/>'
    items = "".join(item.format(n) for n in range(2000))
    spine = "".join(f'<itemref idref="{n % 2000}"/>' for n in range(100_000))
    return book(f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>")


def book_of_entities() -> bytes:
    """An EPUB whose package document unfolds without end."""
    return book(f"<?xml version='1.0'?>{ENTITIES}]><package>&e11;</package>")


def pdf_of_lines(count: int) -> bytes:
    """A PDF page with a grid of that many lines each way."""
    drawn = "".join(f"{n / 9:.2f} 0 m {n / 9:.2f} 800 l S 0 {n / 9:.2f} m 800 {n / 9:.2f} l S " for n in range(count))
    return drawn_page(drawn.encode())


def pdf_of_curves(pages: int, segments: int) -> bytes:
    """A PDF with pages that each draw one line of very many pieces."""
    drawn = b"0 0 m " + b"9 9 l 8 8 l " * (segments // 2) + b"S"
    content = stream(zlib.compress(b"BT /F 12 Tf 72 700 Td (text) Tj ET " + drawn), b" /Filter /FlateDecode")
    kids = b" ".join(b"%d 0 R" % (5 + n) for n in range(pages))
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 800 800] /Contents 3 0 R /Resources << /Font << /F 4 0 R >> >> >>"
    )
    tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, pages)
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    return assemble([CATALOG, tree, content, font, *[page] * pages])


def pdf_of_large_picture(side: int) -> bytes:
    """A PDF with a picture of that many pixels each way, which is all one colour."""
    data = zlib.compress(bytes(side // 8 * side), 9)
    picture = b" /Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /FlateDecode"
    return drawn_page(b"q 90 0 0 90 50 50 cm /X Do Q", stream(data, picture + b" /Width %d /Height %d" % (side, side)))


def drawn_page(drawn: bytes, *objects: bytes) -> bytes:
    """A PDF page with a word and that drawing, which may use the first of the objects as /X."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 800 800] /Contents 4 0 R "
        b"/Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >> >>"
    )
    text = stream(b"BT /F 12 Tf 72 700 Td (text) Tj ET " + drawn)
    return assemble([CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, text, font, *objects])


def pdf_page_loop() -> bytes:
    """A PDF whose tree of pages contains itself."""
    return assemble([CATALOG, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"])


def pdf_of_many_pages() -> bytes:
    """A PDF that says it has two thousand million pages and has one."""
    return pdf(["only"]).replace(b"/Count 1", b"/Count 2000000000")


def pdf_form_loop() -> bytes:
    """A PDF whose drawing calls itself."""
    form = b" /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 4 0 R >> >>"
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 5 0 R /Resources << /XObject << /X 4 0 R >> >> >>"
    )
    pages = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return assemble([CATALOG, pages, page, stream(b"/X Do /X Do", form), stream(b"/X Do")])


def pdf_bomb(megabytes: int) -> bytes:
    """A PDF whose page unpacks to that much, twice packed."""
    packed = zlib.compress(zlib.compress(b"(a)Tj ()" * (megabytes << 17), 1), 1)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>"
    content = stream(packed, b" /Filter [/FlateDecode /FlateDecode]")
    return assemble([CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, content])


def pdf_reference_loop() -> bytes:
    """A PDF whose older version is itself."""
    return pdf(["text"]).replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev 15")


def pdf_deep_array(depth: int) -> bytes:
    """A PDF with lists in lists."""
    return pdf(["text"]).replace(b"/MediaBox [0 0 595 842]", b"/MediaBox " + b"[" * depth + b"]" * depth)

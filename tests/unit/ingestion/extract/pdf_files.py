"""Small PDF files, written object by object so that a test says exactly what is in them."""

from collections.abc import Sequence


def pdf(pages: Sequence[str], encrypted: bool = False) -> bytes:
    """A PDF with one page per text; lines are split at newlines, characters of any script are mapped to Unicode."""
    objects: list[bytes] = [b"", b""]
    characters = sorted(set("".join(pages)) - {"\n"})
    codes = {character: code for code, character in enumerate(characters, 1)}
    objects.append(
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /Identity-H"
        b" /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>"
    )
    objects.append(
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Any /DW 600 /FontDescriptor 6 0 R"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
    )
    objects.append(stream(unicode_map(codes)))
    objects.append(
        b"<< /Type /FontDescriptor /FontName /Any /Flags 4 /FontBBox [0 -200 1000 800] /ItalicAngle 0"
        b" /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>"
    )
    kids: list[int] = []
    for text in pages:
        content = len(objects) + 2
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % content
        )
        objects.append(stream(page_operators(text, codes)))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % k for k in kids), len(kids))
    trailer = b""
    if encrypted:
        # Keys of no password at all: whoever opens the file must see that it is locked, not decode it.
        objects.append(
            b"<< /Filter /Standard /V 2 /R 3 /Length 128 /P -44 /O <%s> /U <%s> >>" % (b"5a" * 32, b"a5" * 32)
        )
        trailer = b" /Encrypt %d 0 R /ID [<%s> <%s>]" % (len(objects), b"0b" * 16, b"0b" * 16)
    return assemble(objects, trailer)


def assemble(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """The file of these objects, numbered from 1; object 1 is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    offsets: list[int] = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def page_operators(text: str, codes: dict[str, int]) -> bytes:
    """The drawing operators that put each line of `text` on the page."""
    out = [b"BT /F1 12 Tf 16 TL 60 780 Td"]
    for line in text.split("\n"):
        shown = "".join(f"{codes[character]:04x}" for character in line)
        out.append(b"<%s> Tj T*" % shown.encode())
    return b"\n".join([*out, b"ET"]) if text else b""


def unicode_map(codes: dict[str, int]) -> bytes:
    """The map from the font's codes to Unicode."""
    rows = [f"<{code:04x}> <{character.encode('utf-16-be').hex()}>" for character, code in codes.items()]
    blocks = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Any def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{body}\nendcmap end end"
    ).encode()

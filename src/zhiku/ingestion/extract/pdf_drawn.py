"""What a PDF page holds beside its text: straight lines and pictures; runs only in a limited child process."""

import ctypes
import struct
import zlib
from collections.abc import Iterator, Sequence

import pypdfium2
from pypdfium2 import raw

from zhiku.ingestion.extract.mend_pdf_table import Box

# For all pages of a file together; what is past these is not looked at, and its text is read as any other.
MOST_OBJECTS = 300_000
MOST_SEGMENTS = 500_000
MOST_PIXELS = 48_000_000
# A page with more is a drawing or a plan.
PAGE_OBJECTS = 20_000
PAGE_SEGMENTS = 20_000
# Smaller pictures are bullets and rules, in pixels; one that covers more of the page is its scan or its background.
SMALLEST_PIXELS = 32
LARGEST_SHARE = 0.8
JPEG = b"DCTDecode\0"
COLOURS = {raw.FPDFBitmap_Gray: (1, 0), raw.FPDFBitmap_BGR: (3, 2), raw.FPDFBitmap_BGRx: (4, 2)}


class Drawn:
    """Reads the drawings of one file's pages, within bounds for all of them together."""

    def __init__(self) -> None:
        self._objects_left = MOST_OBJECTS
        self._segments_left = MOST_SEGMENTS
        self._pixels_left = MOST_PIXELS

    def objects(self, page: pypdfium2.PdfPage) -> list[object]:
        """The page's objects; empty for a page that has too many."""
        count = raw.FPDFPage_CountObjects(page)
        self._objects_left -= count
        if count > PAGE_OBJECTS or self._objects_left < 0:
            return []
        return [raw.FPDFPage_GetObject(page, number) for number in range(count)]

    def straight_lines(self, objects: Sequence[object]) -> list[Box]:
        """The straight lines of the paths among a page's objects; empty for a page that has too many."""
        paths = [each for each in objects if raw.FPDFPageObj_GetType(each) == raw.FPDF_PAGEOBJ_PATH]
        count = sum(raw.FPDFPath_CountSegments(path) for path in paths)
        self._segments_left -= count
        if count > PAGE_SEGMENTS or self._segments_left < 0:
            return []
        return [line for path in paths for line in lines_of_path(path)]

    def read_picture(self, image: object) -> bytes:
        """A JPEG as it is in the file, any other picture as a PNG; empty if it is too small or too large."""
        width, height = ctypes.c_uint(), ctypes.c_uint()
        if not raw.FPDFImageObj_GetImagePixelSize(image, width, height):
            return b""
        if min(width.value, height.value) < SMALLEST_PIXELS:
            return b""
        if is_jpeg(image):
            size = raw.FPDFImageObj_GetImageDataRaw(image, None, 0)
            content = ctypes.create_string_buffer(size)
            raw.FPDFImageObj_GetImageDataRaw(image, content, size)
            return content.raw
        self._pixels_left -= width.value * height.value
        return read_bitmap(image) if self._pixels_left >= 0 else b""


def is_image(page_object: object) -> bool:
    """Whether an object is a picture."""
    return raw.FPDFPageObj_GetType(page_object) == raw.FPDF_PAGEOBJ_IMAGE


def is_whole_page(box: Box, page: pypdfium2.PdfPage) -> bool:
    """Whether something covers nearly all of the page."""
    area = raw.FPDF_GetPageWidthF(page) * raw.FPDF_GetPageHeightF(page)
    return (box[2] - box[0]) * (box[3] - box[1]) > LARGEST_SHARE * area


def box_of(page_object: object) -> Box:
    """Where an object lies on the page: left, bottom, right, top in points."""
    edges = [ctypes.c_float() for _ in range(4)]
    raw.FPDFPageObj_GetBounds(page_object, *edges)
    left, bottom, right, top = (edge.value for edge in edges)
    return left, bottom, right, top


def lines_of_path(path: object) -> Iterator[Box]:
    """The straight lines of a path as x, y, x, y on the page."""
    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(path, matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    start = last = (0.0, 0.0)
    for number in range(raw.FPDFPath_CountSegments(path)):
        segment = raw.FPDFPath_GetPathSegment(path, number)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == raw.FPDF_SEGMENT_LINETO:
            yield *last, *point
        last = point
        if raw.FPDFPathSegment_GetClose(segment):
            yield *last, *start
            last = start


def is_jpeg(image: object) -> bool:
    """Whether a picture is a JPEG and nothing around it."""
    if raw.FPDFImageObj_GetImageFilterCount(image) != 1:
        return False
    name = ctypes.create_string_buffer(len(JPEG))
    return raw.FPDFImageObj_GetImageFilter(image, 0, name, len(JPEG)) == len(JPEG) and name.raw == JPEG


def read_bitmap(image: object) -> bytes:
    """A picture of any other kind as a PNG; empty if its colours are of no kind that is known."""
    bitmap = raw.FPDFImageObj_GetBitmap(image)
    if not bitmap:
        return b""
    try:
        colours = COLOURS.get(raw.FPDFBitmap_GetFormat(bitmap))
        if colours is None:
            return b""
        width, height = raw.FPDFBitmap_GetWidth(bitmap), raw.FPDFBitmap_GetHeight(bitmap)
        stride = raw.FPDFBitmap_GetStride(bitmap)
        pixels = ctypes.string_at(raw.FPDFBitmap_GetBuffer(bitmap), stride * height)
    finally:
        raw.FPDFBitmap_Destroy(bitmap)
    step, kind = colours
    rows = (pixels[row * stride : row * stride + width * step] for row in range(height))
    data = b"".join(b"\0" + (row if step == 1 else in_order(row, step)) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    body = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(piece(name, content) for name, content in body)


def in_order(row: bytes, step: int) -> bytes:
    """Pixels of blue, green, red (and a fourth byte) as red, green, blue."""
    out = bytearray(len(row) // step * 3)
    out[0::3], out[1::3], out[2::3] = row[2::step], row[1::step], row[0::step]
    return bytes(out)


def piece(name: bytes, content: bytes) -> bytes:
    """One part of a PNG with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

"""What Zhiku uses of PDFium's own functions."""

import ctypes

from pypdfium2 import PdfTextPage

FPDF_ERR_PASSWORD: int
FPDF_ERR_SECURITY: int

class FS_MATRIX(ctypes.Structure):
    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

def FPDFText_GetUnicode(text_page: PdfTextPage, index: int) -> int: ...
def FPDFText_GetFontSize(text_page: PdfTextPage, index: int) -> float: ...
def FPDFText_GetMatrix(text_page: PdfTextPage, index: int, matrix: object) -> int: ...

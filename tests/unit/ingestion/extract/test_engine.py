"""What comes through of each format."""

import pytest

from tests.unit.ingestion.extract.office_files import docx, epub, odt, paragraph, pptx, word_table, xlsx, zip_of
from tests.unit.ingestion.extract.pdf_files import pdf
from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.detect import ENCRYPTED
from zhiku.ingestion.extract.engine import read_file
from zhiku.ingestion.extract.parts import Part, PartKind

MARKS = r"1. one # a*b* _c_ <d> [x] \. C:\[x] ~e~ $5 - + ! `q` | p 2*3=6 foo_bar"


def parts_of(content: bytes, extension: str) -> list[Part]:
    return read_file(content, extension).parts


def text_of(content: bytes, extension: str) -> str:
    (part,) = parts_of(content, extension)
    assert part.number is None
    return part.text.strip()


@pytest.mark.parametrize("extension", ["txt", "md", "markdown"])
def test_text_and_markdown_stay_as_they_are(extension: str) -> None:
    text = "# 标题\n\n* a_b\n\n\n| 1 | 2 |\r\nend  "
    assert parts_of(text.encode(), extension) == [Part(text)]


def test_nul_is_dropped_from_text() -> None:
    assert text_of(b"one\0two", "txt") == "onetwo"


def test_word_keeps_headings_lists_and_tables() -> None:
    blocks = [
        paragraph("标题", "Heading1"),
        paragraph("正文 text."),
        paragraph("二级", "Heading2"),
        paragraph("甲", numbered=True),
        paragraph("乙", numbered=True),
        word_table([["名称", "数量"], ["苹果", "3"]]),
        paragraph("尾"),
    ]
    assert text_of(docx(*blocks), "docx") == (
        "# 标题\n\n正文 text.\n\n## 二级\n\n- 甲\n- 乙\n\n| 名称 | 数量 |\n| --- | --- |\n| 苹果 | 3 |\n\n尾"
    )


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (docx(paragraph(MARKS)), "docx"),
        (odt(MARKS), "odt"),
        (f"<p>{MARKS.replace('<', '&lt;')}</p>".encode(), "html"),
        (f"From: a@b.c\r\n\r\n{MARKS}".encode(), "eml"),
    ],
)
def test_characters_that_mean_something_in_markdown_stay_themselves(content: bytes, extension: str) -> None:
    assert MARKS in text_of(content, extension)


def test_word_keeps_line_breaks() -> None:
    lines = "<w:p><w:r><w:t>一</w:t><w:br/><w:t>二 </w:t></w:r><w:r><w:cr/><w:t>three</w:t></w:r></w:p>"
    page_break = '<w:p><w:r><w:t>before</w:t></w:r><w:r><w:br w:type="page"/><w:t>after</w:t></w:r></w:p>'
    table = f"<w:tbl><w:tr><w:tc>{lines}</w:tc></w:tr></w:tbl>"
    assert text_of(docx(lines, table), "docx") == "一\n二\nthree\n\n| 一 二 three |\n| --- |"
    assert text_of(docx(page_break), "docx").split() == ["before", "after"]


def test_a_page_break_leaves_headings_and_items_whole() -> None:
    broken = '<w:r><w:br w:type="page"/></w:r><w:r>'
    heading = paragraph("标题", "Heading1").replace("<w:r>", broken)
    item = paragraph("甲", numbered=True).replace("<w:r>", broken)
    assert text_of(docx(paragraph("x"), heading, item), "docx") == "x\n\n# 标题\n\n- 甲"


def test_word_without_text_is_an_empty_document() -> None:
    assert text_of(docx(), "docx") == ""


def test_html_is_read_without_scripts_styles_and_comments() -> None:
    page = """<!doctype html><html><head><meta charset="utf-8"><style>p {color: red}</style></head><body>
    <h1>标题</h1><p>第一段 <a href="/x">链接</a></p><!-- hidden --><ul><li>甲<li>乙</ul><script>alert("no")</script>
    <table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>
    <img alt="dot" src="data:image/png;base64,AAAA"></body></html>"""
    assert text_of(page.encode(), "html") == (
        "# 标题\n\n第一段 [链接](/x)\n\n- 甲\n- 乙\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n\ndot"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "big5"])
def test_html_is_decoded_whatever_it_declares(encoding: str) -> None:
    page = (
        '<html><head><meta charset="utf-8"></head><body><p>知識庫的檢索方法和系統設計，這是一個測試。</p></body></html>'
    )
    assert text_of(page.encode(encoding), "htm") == "知識庫的檢索方法和系統設計，這是一個測試。"


def test_xml_is_decoded_whatever_it_declares() -> None:
    page = '<?xml version="1.0" encoding="gb2312"?><r><n>名称</n></r>'
    assert "名称" in text_of(page.encode("gb18030"), "xml")
    assert "名称" in text_of(page.encode(), "xml")


def test_pdf_is_read_page_by_page() -> None:
    content = pdf(["First page 第一页\nwith two lines", "", "Third page"])
    assert parts_of(content, "pdf") == [
        Part("First page 第一页\nwith two lines", 1, PartKind.PAGE),
        Part("Third page", 3, PartKind.PAGE),
    ]


def test_pdf_without_text_says_that_it_needs_ocr() -> None:
    with pytest.raises(DocumentUnreadable, match="no text layer"):
        parts_of(pdf(["", ""]), "pdf")


def test_encrypted_files_say_so() -> None:
    locked = "EncryptedPackage".encode("utf-16-le")
    office = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + locked
    for content, extension in ((pdf(["secret"], encrypted=True), "pdf"), (office, "docx"), (office, "xlsx")):
        with pytest.raises(DocumentUnreadable) as caught:
            parts_of(content, extension)
        assert str(caught.value) == ENCRYPTED


def test_sheets_become_lines_of_headers_and_values() -> None:
    content = xlsx({"人员": [["姓名", "年龄"], ["张三", 30], ["", 4.5]], "空": [], "二": [["only"]]})
    assert parts_of(content, "xlsx") == [
        Part('"姓名":"张三";"年龄":"30";\n"年龄":"4.5";', 1, PartKind.SHEET, "人员"),
        Part('"only";', 3, PartKind.SHEET, "二"),
    ]


def test_slides_are_read_one_by_one() -> None:
    parts = parts_of(pptx([("标题", ["一", "二"]), ("Second", ["three"])]), "pptx")
    assert [(part.number, part.kind, part.title, part.text.split()) for part in parts] == [
        (1, "slide", "标题", ["##", "标题", "一", "二"]),
        (2, "slide", "Second", ["##", "Second", "three"]),
    ]


def test_books_keep_their_chapters() -> None:
    assert text_of(epub([("第一章", "甲"), ("Two", "b")]), "epub") == "# 第一章\n\n甲\n\n# Two\n\nb"


def test_rich_text_is_read() -> None:
    assert text_of(rb"{\rtf1\ansi Hello \u20320?\u22909?\par next}", "rtf") == "Hello 你好\n\nnext"


def test_mail_is_read_with_its_headers() -> None:
    mail = (
        "From: =?utf-8?b?5byg5LiJ?= <a@example.org>\r\nSubject: =?gbk?B?suLK1A==?=\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/html; charset=gbk\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "<style>x</style><p>正文</p>\r\n"
        "--b\r\nContent-Type: application/pdf\r\n"
        'Content-Disposition: attachment; filename="a.pdf"\r\n\r\nx\r\n--b--\r\n'
    ).encode("gbk")
    assert text_of(mail, "eml") == "Subject: 测试\nFrom: 张三 <a@example.org>\nAttachments: a.pdf\n\n正文"


def test_mail_with_an_encoding_nobody_knows_is_read() -> None:
    mail = "From: a@b.c\r\nContent-Type: text/plain; charset=no-such\r\n\r\n这是正文，可以检索。".encode("gb18030")
    assert text_of(mail, "eml") == "From: a@b.c\n\n这是正文，可以检索。"


def test_tables_of_text_are_read_in_any_encoding_and_with_any_delimiter() -> None:
    content = '编号;名称\r\n1;"a;b ""c"""\r\n\r\n2;汉字的表格'.encode("gb18030")
    assert text_of(content, "csv") == '"编号":"1";"名称":"a;b "c"";\n"编号":"2";"名称":"汉字的表格";'


def test_the_content_decides_and_not_the_name() -> None:
    word = docx(paragraph("正文"))
    for extension in ("pdf", "txt", "xlsx", "md"):
        assert text_of(word, extension) == "正文"
    assert parts_of(pdf(["page"]), "docx") == [Part("page", 1, PartKind.PAGE)]
    assert text_of(b"<html><body><p>saved as Word</p></body></html>", "doc") == "saved as Word"
    assert text_of("plain text, 纯文本".encode(), "docx") == "plain text, 纯文本"


@pytest.mark.parametrize("extension", ["txt", "md", "html", "csv", "json", "pdf", "docx"])
@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 8, b"\x89PNG\r\n\x1a\n" + bytes(100), b"\x7fELF" + bytes(60), zip_of({"a": "b"})]
)
def test_binary_content_is_refused(content: bytes, extension: str) -> None:
    with pytest.raises(DocumentUnreadable, match=f"not that of a .{extension} file"):
        parts_of(content, extension)


@pytest.mark.parametrize(
    ("content", "extension"),
    [(pdf(["text"]), "pdf"), (docx(paragraph("text")), "docx"), (xlsx({"a": [["b"]]}), "xlsx")],
)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused_and_not_read_in_part(content: bytes, extension: str, share: float) -> None:
    with pytest.raises(DocumentUnreadable, match="damaged or incomplete"):
        parts_of(content[: int(len(content) * share)], extension)

"""Text out of bytes of unknown encoding."""

import codecs
import contextlib
import encodings
import importlib
import pkgutil
import re

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SAMPLE_BYTES = 1 << 16
UTF16_BYTES = 1 << 12
ORDINARY_SHARE = 0.9
# A valid file in another encoding has far more than one mistake in a hundred when read as UTF-8.
TORN_SHARE = 0.01
BINARY_SHARE = 0.05
DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_-]{2,20})""", re.IGNORECASE)
DECLARED_WITHIN_BYTES = 2048
# What a file may declare, by its name without punctuation. As in browsers the name of a small set stands for the large
# one that contains it; iso-8859-1 is missing because tools write it without knowing.
DECLARABLE = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "xgbk", "hzgb2312"), "gb18030"),
    **dict.fromkeys(("big5", "big5hkscs", "xxbig5"), "big5hkscs"),
    **dict.fromkeys(("shiftjis", "sjis", "xsjis", "windows31j", "cp932"), "cp932"),
    **dict.fromkeys(("eucjp", "xeucjp"), "euc_jp"),
    **dict.fromkeys(("euckr", "ksc56011987", "cp949", "windows949"), "cp949"),
    **dict.fromkeys(("koi8r", "koi8u"), "koi8_u"),
    **{f"windows{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"cp{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"iso8859{part}": f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 13, 15)},
}
CONTROLS = bytes([*range(9), *range(14, 27), *range(28, 32)])

# The most frequent characters of each script: a wrong reading almost never hits them.
FREQUENT_CHINESE = frozenset(
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能好都然没日于起"
    "還這來國個說們為時會過學對後麼沒於與發經種無現開關問題請應將當動從點電話員機製網頁實際業務"
    "服务器网络安装设置配命令户目录显示输入出版应程序接口知识库检索请问何如什么怎"
    "伺服網絡設啟執檔案錄顯輸資訊連線選擇確認"
    "用第本文件数据方法系统使作行公司其定进行理化部同工成分者及性所如高全新产加前员法民政经动量力主长面实现关"
)
FREQUENT_JAPANESE = frozenset(
    "のにはをたがでとしれさあいうえおかきくけこすせそちつてなねはまみもやよらりるろんアイウエオカキクコサシスタテトナニノハフマムメラリルレロンー"
)
PUNCTUATION = frozenset("，。、；：？！“”‘’（）《》【】「」『』〈〉…—·　")
CANDIDATES = ("gb18030", "big5hkscs", "cp932", "cp1252")


def decode_text(content: bytes) -> str:
    """The text: by its byte order mark, as UTF-8, by what it declares, or by the likeliest encoding.

    Bytes that mean nothing there become U+FFFD; the mark itself and every NUL are dropped.
    """
    return decode_with_mark(content).replace("\0", "").removeprefix("\ufeff")


def load_codecs() -> None:
    """Load every encoding Python has, for a process that can open no file later."""
    for module in pkgutil.iter_modules(encodings.__path__):
        # Two are for Windows only, and say so in different ways.
        with contextlib.suppress(ImportError, AttributeError):
            importlib.import_module(f"encodings.{module.name}")


def is_text(content: bytes) -> bool:
    """Whether the bytes are text in some encoding, rather than a program, a picture or an archive."""
    sample = content[:SAMPLE_BYTES]
    if any(sample.startswith(mark) for mark, _ in BOMS):
        return True
    # A few NULs are an accident in a text; in anything else control characters are everywhere, but in UTF-16 too.
    controls = len(sample) - len(sample.translate(None, CONTROLS))
    return controls <= max(BINARY_SHARE * len(sample), min(len(sample) / 2, 8)) or find_utf16(sample) is not None


def decode_with_mark(content: bytes) -> str:
    """`decode_text`, marks and NULs still in it."""
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode(find_encoding(content), "replace")


def find_encoding(content: bytes) -> str:
    """The likeliest encoding of bytes that are not wholly UTF-8."""
    sample = content[:SAMPLE_BYTES]
    if encoding := find_utf16(sample):
        return encoding
    if is_torn_utf8(sample):
        return "utf-8"
    if (encoding := find_declared(content[:DECLARED_WITHIN_BYTES])) and decodes(content, encoding):
        return encoding
    return max(CANDIDATES, key=lambda encoding: likelihood(sample, encoding))


def find_utf16(sample: bytes) -> str | None:
    """The byte order of UTF-16 without a mark, None if it is not that: read so, nearly all of it is ordinary."""
    sample = sample[: min(len(sample), UTF16_BYTES) // 2 * 2]
    if not sample:
        return None
    shares: dict[float, str] = {}
    for encoding in ("utf-16-le", "utf-16-be"):
        text = sample.decode(encoding, "replace")
        shares[sum(map(is_ordinary, text)) / len(text)] = encoding
    best = max(shares)
    return shares[best] if best >= ORDINARY_SHARE else None


def is_ordinary(character: str) -> bool:
    """Whether a character is one that nearly every text is made of."""
    if character <= "\u024f":
        return character.isprintable() or character in "\t\r\n\f"
    if "\u2190" <= character <= "\u21ff" or "\u2500" <= character <= "\u257f":
        return True
    return character in PUNCTUATION or "\u3040" <= character <= "\u30ff" or is_common(character)


def is_torn_utf8(sample: bytes) -> bool:
    """Whether this is UTF-8 with a few broken bytes, such as a file that was cut inside a character."""
    text = sample.decode("utf-8", "replace")
    beyond_ascii = sum(character > "\x7f" for character in text)
    return text.count("\ufffd") <= max(1, TORN_SHARE * beyond_ascii) and beyond_ascii > 3


def find_declared(head: bytes) -> str | None:
    """The encoding that an HTML or XML file says it has, if it can be that."""
    found = DECLARED.search(head)
    if found is None:
        return None
    return DECLARABLE.get(found[1].decode("ascii").lower().replace("-", "").replace("_", ""))


def decodes(content: bytes, encoding: str) -> bool:
    """Whether the bytes have no mistake in this encoding."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def likelihood(sample: bytes, encoding: str) -> float:
    """How much the sample looks like text when read so; only comparable between readings of one sample."""
    text = sample.decode(encoding, "replace")
    if encoding == "cp1252":
        return score_latin(text)
    return sum(score_east_asian(character) for character in text if character > "\x7f")


def score_east_asian(character: str) -> float:
    """How much one character speaks for a Chinese or Japanese reading."""
    if character in FREQUENT_CHINESE or character in FREQUENT_JAPANESE:
        return 3
    if character in PUNCTUATION:
        return 2
    if "\u4e00" <= character <= "\u9fff":
        # Either of the two national sets' first levels holds nearly everything that is written.
        return 0.5 if is_common(character) else -1
    if "\uff61" <= character <= "\uff9f":
        return -0.5
    return -3 if character == "\ufffd" or "\ue000" <= character <= "\uf8ff" else -0.5


def is_common(character: str) -> bool:
    """Whether an ideograph is in the first level of GB 2312 or Big5."""
    for encoding, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6)):
        encoded = character.encode(encoding, "ignore")
        if encoded and first <= encoded[0] <= last:
            return True
    return False


def score_latin(text: str) -> float:
    """How much a text looks like a Western one: its letters beyond ASCII stand alone between plain ones."""
    score = 0.0
    before = " "
    for character in text:
        if character == "\ufffd":
            score -= 3
        elif character > "\x7f":
            score += 1 if before <= "\x7f" and (character.isalpha() or character in "’‘“”–—…€«»°§©®") else -1
        before = character
    return score
